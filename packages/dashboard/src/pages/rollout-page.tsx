import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago, lasted, shortArtifact, stateWords } from '../data/words.ts';
import { Badge } from '../parts/badge.tsx';
import { Link } from '../parts/link.tsx';
import { RolloutButtons } from '../parts/rollout-buttons.tsx';
import { RolloutCharts } from '../parts/rollout-charts.tsx';
import { RolloutNow } from '../parts/rollout-now.tsx';
import { Loading, Problem } from '../parts/states-of-loading.tsx';
import { Verdicts } from '../parts/verdicts.tsx';

export function RolloutPage({ id }: { readonly id: string }) {
  const { value, error, reload } = useLive(
    () => loadRollout(id),
    (event) => event.subject === id,
    id,
  );
  if (error) return <Problem error={error} />;
  if (!value) return <Loading />;
  const { rollout, environment, sentence } = value;
  return (
    <section>
      <p className="crumbs">
        <Link to="/environments">Environments</Link> / {rollout.environment}
      </p>
      <div className="title">
        <h1>
          {rollout.kind === 'rollback' ? 'Back to release ' : 'Release '}
          {rollout.candidate.number}
        </h1>
        <Badge state={rollout.state} />
        <span className="spacer" />
        <RolloutButtons rollout={rollout} reload={reload} />
      </div>
      <p className="muted">
        {rollout.stable ? `instead of release ${rollout.stable.number} · ` : ''}
        {STRATEGY[rollout.strategy]} · {shortArtifact(rollout.candidate.artifact)} · began{' '}
        {ago(rollout.startedAt)} · took {lasted(rollout.startedAt, rollout.endedAt)}
      </p>
      <RolloutNow rollout={rollout} environment={environment} sentence={sentence} />
      <Steps rollout={rollout} />
      {rollout.reason && rollout.endedAt !== null && (
        <p className={rollout.state.startsWith('abort') || rollout.state === 'failed' ? 'problem' : 'notice'}>
          {rollout.reason}
        </p>
      )}
      {rollout.unjudged && (
        <p className="notice">
          A step was passed unjudged: too few requests came to say anything, and the probes passed.
        </p>
      )}
      {rollout.lostRequests > 0 && (
        <p className="problem">
          {rollout.lostRequests} requests were cut off when the drain deadline of their instances passed.
        </p>
      )}
      <Verdicts judgement={rollout.judgement} />
      <RolloutCharts rollout={rollout} />
      <History rollout={rollout} />
    </section>
  );
}

const STRATEGY = { canary: 'canary', rolling: 'rolling', blueGreen: 'blue-green' } as const;

async function loadRollout(id: string) {
  const [rollout, { sentence }] = await Promise.all([
    client('showRollout', { params: { id } }),
    client('why', { params: { id } }),
  ]);
  const [app = '', environment = ''] = rollout.environment.split('/');
  return {
    rollout,
    sentence,
    environment: await client('showEnvironment', { params: { app, environment } }),
  };
}

function Steps({ rollout }: { readonly rollout: RolloutView }) {
  const marks = rollout.steps.map((step) => ({ weight: step.weight, gate: step.gate }));
  if (marks.at(-1)?.weight !== 10_000) marks.push({ weight: 10_000, gate: false });
  const reached = Math.max(0, ...rollout.history.map((entry) => entry.weight));
  return (
    <ol className="milestones" aria-label="Steps of this rollout">
      {marks.map(({ weight, gate }, index) => (
        <li
          key={weight}
          className={
            index === rollout.step && rollout.endedAt === null ? 'now' : reached >= weight ? 'passed' : ''
          }
        >
          {gate && <span title="A person opens this step.">‖ </span>}
          {formatShare(weight)}
        </li>
      ))}
    </ol>
  );
}

function History({ rollout }: { readonly rollout: RolloutView }) {
  return (
    <details className="panel history">
      <summary>What happened</summary>
      <ol>
        {rollout.history.map((entry, index) => (
          <li key={`${entry.at} ${entry.state} ${entry.weight}`}>
            <time dateTime={entry.at}>{new Date(entry.at).toLocaleTimeString()}</time>{' '}
            {stateWords(entry.state)} at {formatShare(entry.weight)}
            {entry.reason && entry.reason !== rollout.history[index - 1]?.reason && (
              <span className="reason"> {entry.reason}</span>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}
