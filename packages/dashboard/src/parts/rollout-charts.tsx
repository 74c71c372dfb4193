import type { RolloutView, TrafficPoint } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { stateWords, toneOf } from '../data/words.ts';
import { Chart, type Series } from './chart.tsx';
import type { Mark } from './chart-marks.ts';

/**
 * Split, errors and latency of both sides over the life of the rollout, with what is allowed drawn.
 * Rates are smoothed over ten seconds: at ten requests a second, one failure is ten per cent.
 */
const WINDOW_S = 10;

export function RolloutCharts({ rollout }: { readonly rollout: RolloutView }) {
  const { value } = useLive(
    () => client('showTraffic', { params: { id: rollout.id } }),
    () => false,
    rollout.id,
  );
  const points = value?.points ?? [];
  if (points.length < 2) return <p className="muted">No traffic was measured yet.</p>;
  const marks = marksOf(rollout);
  const times = points.map((point) => Date.parse(point.at) / 1000);
  const errorMargin = metricOf(rollout, 'errorRate');
  const latencyMargin = metricOf(rollout, 'latency');
  const stableErrors = rates(points, isStable);
  const stableLatency = latencies(points, isBaseline(points));
  return (
    <section className="charts">
      <Chart
        title="Traffic to the candidate"
        marks={marks}
        unit="%"
        times={times}
        most={100}
        series={[{ name: 'candidate', tone: 'candidate', fill: true, values: shares(points) }]}
      />
      <Chart
        title="Error rate"
        marks={marks}
        unit="%"
        times={times}
        series={[
          { name: 'stable', tone: 'stable', values: stableErrors },
          { name: 'candidate', tone: 'candidate', values: rates(points, isCandidate) },
          ...threshold(stableErrors, errorMargin === null ? null : errorMargin * 100),
        ]}
      />
      <Chart
        title="Latency, p95"
        marks={marks}
        unit="ms"
        times={times}
        series={[
          { name: 'baseline', tone: 'stable', values: stableLatency },
          { name: 'candidate', tone: 'candidate', values: latencies(points, isCandidate) },
          ...threshold(stableLatency, latencyMargin),
        ]}
      />
    </section>
  );
}

const NOTABLE = [
  'awaitingApproval',
  'held',
  'paused',
  'soaking',
  'aborting',
  'aborted',
  'rollingBack',
  'rolledBack',
  'failed',
  'done',
];

/** What explains a bend: the traffic was moved, a person is needed, it goes back, it is over. */
function marksOf({ history }: RolloutView): Mark[] {
  return history.flatMap((entry, index) => {
    const before = history[index - 1];
    const at = Date.parse(entry.at) / 1000;
    if (entry.state !== before?.state && NOTABLE.includes(entry.state))
      return [{ at, label: stateWords(entry.state), tone: toneOf(entry.state) }];
    if (entry.weight === (before?.weight ?? 0)) return [];
    return [{ at, label: formatShare(entry.weight), tone: 'calm' }];
  });
}

type Group = TrafficPoint['groups'][number];
type Choose = (group: Group) => boolean;
const isCandidate: Choose = (group) => group.name === 'candidate';
const isStable: Choose = (group) => group.name === 'stable' || group.name === 'baseline';

/** The fresh baseline where there is one: it is what latency is judged against. */
function isBaseline(points: readonly TrafficPoint[]): Choose {
  const fresh = points.some((point) => point.groups.some((group) => group.name === 'baseline'));
  return fresh ? (group) => group.name === 'baseline' : isStable;
}

function metricOf(rollout: RolloutView, name: string): number | null {
  return rollout.judgement?.metrics.find((metric) => metric.metric === name)?.margin ?? null;
}

function shares(points: readonly TrafficPoint[]): (number | null)[] {
  return points.map((point) => {
    const all = sum(point.groups, () => true, 'requests');
    return all === 0 ? null : (100 * sum(point.groups, isCandidate, 'requests')) / all;
  });
}

function sum(groups: readonly Group[], choose: Choose, of: 'requests' | 'failed'): number {
  return groups.filter(choose).reduce((total, group) => total + group[of], 0);
}

function rates(points: readonly TrafficPoint[], choose: Choose): (number | null)[] {
  return points.map((point, index) => {
    const recent = points.slice(Math.max(0, index - WINDOW_S + 1), index + 1);
    const requests = recent.reduce((total, entry) => total + sum(entry.groups, choose, 'requests'), 0);
    const failed = recent.reduce((total, entry) => total + sum(entry.groups, choose, 'failed'), 0);
    return requests === 0 || sum(point.groups, choose, 'requests') === 0 ? null : (100 * failed) / requests;
  });
}

function latencies(points: readonly TrafficPoint[], choose: Choose): (number | null)[] {
  return points.map((_, index) => {
    const recent = points
      .slice(Math.max(0, index - WINDOW_S + 1), index + 1)
      .flatMap((point) => point.groups.filter(choose));
    const known = recent.flatMap((group) => (group.p95Ms === null ? [] : [group.p95Ms]));
    return known.length === 0 ? null : known.reduce((total, value) => total + value, 0) / known.length;
  });
}

/** The line that the candidate must stay under: what stable does, and the margin on top. */
function threshold(base: readonly (number | null)[], margin: number | null): Series[] {
  if (margin === null) return [];
  return [
    {
      name: 'allowed',
      tone: 'allowed',
      values: base.map((value) => (value === null ? null : value + margin)),
    },
  ];
}
