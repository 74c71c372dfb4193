import type { RolloutView, RunView } from '@holdfast/contract/api/resources.ts';
import type { PhaseTotals } from './load.ts';

/** What the demo found, in words and figures. */
export interface Claim {
  readonly sentence: string;
  readonly holds: boolean;
}

export interface Story {
  readonly seconds: number;
  readonly rate: number;
  readonly totals: Record<string, PhaseTotals>;
  readonly v2: {
    readonly run: RunView;
    readonly rollout: RolloutView;
    readonly agentBurntAt: number;
    readonly resumedAfterS: number;
    readonly burntStep: string;
    /** The agent that went on; a burnt machine is replaced by a new one of its name. */
    readonly resumedOn: string;
    readonly controllerBackS: number;
    readonly takeOverMs: number;
  };
  readonly v3: { readonly run: RunView; readonly rollout: RolloutView; readonly abortedAfterS: number };
}

export function claimsOf(story: Story): readonly Claim[] {
  const { v2, v3, totals } = story;
  const during2 = totals.v2;
  const during3 = totals.v3;
  const steps = v2.run.jobs.flatMap((job) => job.steps);
  const repeated = steps.filter((step) => step.attempts.length > 1);
  const finishedTwice = steps.filter(
    (step) => step.attempts.filter((attempt) => attempt.state === 'succeeded').length > 1,
  );
  return [
    {
      sentence: `v1 → v2 through two kills: ${sentOf(during2)} requests, ${failedOf(during2)} failed`,
      holds: failedOf(during2) === 0 && sentOf(during2) > 0,
    },
    { sentence: `v2 was promoted to 100 % (${v2.rollout.state})`, holds: v2.rollout.state === 'done' },
    {
      sentence: `the job of the burnt agent went on at "${v2.burntStep}" on ${v2.resumedOn} ${v2.resumedAfterS.toFixed(1)} s after the kill`,
      holds: v2.resumedAfterS <= 15,
    },
    {
      sentence:
        repeated.length === 1
          ? `one step ran more than once: "${repeated[0]?.name}"`
          : `steps that ran more than once: ${repeated.map((step) => step.name).join(', ') || 'none'}`,
      holds: repeated.every((step) => step.name === v2.burntStep),
    },
    {
      sentence: `steps that finished more than once: ${finishedTwice.length}`,
      holds: finishedTwice.length === 0,
    },
    {
      sentence: `with a controller killed at ${(v2.rollout.steps[0]?.weight ?? 0) / 100} %, the other made the next decision after ${v2.takeOverMs} ms; the killed one was back after ${v2.controllerBackS.toFixed(1)} s`,
      holds: v2.takeOverMs <= 10_000,
    },
    {
      sentence: `v3 was aborted by itself ${v3.abortedAfterS.toFixed(1)} s after its first traffic (${v3.rollout.state})`,
      holds: v3.rollout.state === 'aborted' && v3.abortedAfterS <= 30,
    },
    {
      sentence: `while v3 failed: ${sentOf(during3)} requests, ${during3?.applicationErrors ?? 0} answered 5xx by v3 itself, ${during3?.dropped ?? 0} dropped`,
      holds: (during3?.dropped ?? 1) === 0,
    },
    {
      sentence: `after the abort stable served ${sentOf(totals.after)} requests, ${failedOf(totals.after)} failed`,
      holds: failedOf(totals.after) === 0 && sentOf(totals.after) > 0,
    },
    { sentence: `the whole demo took ${story.seconds.toFixed(0)} s`, holds: story.seconds < 150 },
  ];
}

function sentOf(totals: PhaseTotals | undefined): number {
  return totals?.sent ?? 0;
}

function failedOf(totals: PhaseTotals | undefined): number {
  return (totals?.dropped ?? 0) + (totals?.applicationErrors ?? 0);
}

export function printReport(story: Story, claims: readonly Claim[]): void {
  const line = (text = '') => process.stdout.write(`${text}\n`);
  line();
  line('What was measured');
  line();
  for (const claim of claims) line(`  ${claim.holds ? 'holds ' : 'FAILS '} ${claim.sentence}`);
  line();
  line(
    `  load: ${story.rate} requests/s, open loop; half keep-alive, half fresh connections; a third POST with a body`,
  );
  for (const [name, totals] of Object.entries(story.totals)) {
    const versions = Object.entries(totals.versions)
      .map(([version, count]) => `${version} ${count}`)
      .join(', ');
    line(
      `  ${name.padEnd(7)} sent ${totals.sent}, 5xx ${totals.applicationErrors}, dropped ${totals.dropped}, p95 ${quantile(totals.latencies, 0.95)} ms, p99 ${quantile(totals.latencies, 0.99)} ms  (${versions})`,
    );
    for (const example of totals.examples) line(`          ${example}`);
  }
  line();
  line('Why v3 was aborted');
  for (const metric of story.v3.rollout.judgement?.metrics ?? []) line(`  ${describe(metric)}`);
  line();
  line(
    'How v2 was judged: its steps dwell for seconds here, with a margin of 2 percentage points, so that this traffic can decide',
  );
  for (const metric of story.v2.rollout.judgement?.metrics ?? []) line(`  ${describe(metric)}`);
  line();
}

type Metric = NonNullable<RolloutView['judgement']>['metrics'][number];

function describe(metric: Metric): string {
  const rate = metric.metric === 'errorRate';
  const figure = (value: number | null | undefined) =>
    value === null || value === undefined
      ? '-'
      : rate
        ? `${(value * 100).toFixed(2)} pp`
        : `${value.toFixed(0)} ms`;
  const interval = metric.interval
    ? ` in [${figure(metric.interval[0])}, ${figure(metric.interval[1])}]`
    : '';
  return `${metric.metric}: ${metric.verdict}, estimate ${figure(metric.estimate)}${interval}, allowed ${figure(metric.margin)}, n = ${metric.n.candidate} candidate / ${metric.n.baseline} baseline`;
}

function quantile(values: readonly number[], q: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(0);
}
