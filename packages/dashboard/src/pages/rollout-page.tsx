import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago, lasted, shortArtifact, stateWords } from '../data/words.ts';
import { AskButton } from '../parts/ask-button.tsx';
import { Badge } from '../parts/badge.tsx';
import { Link } from '../parts/link.tsx';
import { RolloutCharts } from '../parts/rollout-charts.tsx';
import { Loading, Problem } from '../parts/states-of-loading.tsx';
import { Verdicts } from '../parts/verdicts.tsx';

export function RolloutPage({ id }: { readonly id: string }) {
  const {
    value: rollout,
    error,
    reload,
  } = useLive(
    () => client('showRollout', { params: { id } }),
    (event) => event.subject === id,
    id,
  );
  if (error) return <Problem error={error} />;
  if (!rollout) return <Loading />;
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
        <Buttons rollout={rollout} reload={reload} />
      </div>
      <p className="muted">
        {rollout.stable ? `instead of release ${rollout.stable.number} · ` : ''}
        {shortArtifact(rollout.candidate.artifact)} · began {ago(rollout.startedAt)} · took{' '}
        {lasted(rollout.startedAt, rollout.endedAt)}
      </p>
      <Steps rollout={rollout} />
      {rollout.reason && (
        <p className={rollout.state.startsWith('abort') || rollout.state === 'failed' ? 'problem' : 'notice'}>
          {rollout.reason}
        </p>
      )}
      {rollout.unjudged && (
        <p className="notice">
          A step was passed unjudged: too few requests came to say anything, and the probes passed.
        </p>
      )}
      <Verdicts judgement={rollout.judgement} />
      <RolloutCharts rollout={rollout} />
      <History rollout={rollout} />
    </section>
  );
}

function Buttons({ rollout, reload }: { readonly rollout: RolloutView; readonly reload: () => void }) {
  const steer = (verb: 'advance' | 'pause' | 'resume' | 'abort') => () =>
    client('steerRollout', { params: { id: rollout.id, verb }, body: {} }).then(reload);
  const at = formatShare(rollout.weight);
  if (rollout.endedAt !== null) {
    const [app = '', environment = ''] = rollout.environment.split('/');
    const back = rollout.state === 'done' && rollout.stable;
    if (!back) return null;
    return (
      <AskButton
        label="Roll back"
        tone="danger"
        question={`Move all traffic of ${rollout.environment} back to release ${rollout.stable?.number}? Automation holds still afterwards.`}
        act={() => client('rollBack', { params: { app, environment }, body: {} }).then(reload)}
      />
    );
  }
  const movable = ['shifting', 'analysing', 'held'].includes(rollout.state);
  return (
    <div className="row">
      {rollout.state === 'paused' ? (
        <AskButton
          label="Resume"
          tone="primary"
          question="Go on where it was paused?"
          act={steer('resume')}
        />
      ) : (
        <AskButton
          label="Pause"
          question={`Stay at ${at} until you resume it? Nothing is judged meanwhile.`}
          disabled={!movable}
          act={steer('pause')}
        />
      )}
      <AskButton
        label="Advance"
        tone="primary"
        question={`Leave the step at ${at} now, before it is judged?`}
        disabled={!movable}
        act={steer('advance')}
      />
      <AskButton
        label="Abort"
        tone="danger"
        question={`Take all traffic from release ${rollout.candidate.number} now? Stable serves on.`}
        act={steer('abort')}
      />
    </div>
  );
}

function Steps({ rollout }: { readonly rollout: RolloutView }) {
  const marks = [...rollout.steps.map((step) => step.weight), 10_000];
  const reached = Math.max(0, ...rollout.history.map((entry) => entry.weight));
  return (
    <ol className="milestones" aria-label="Steps of this rollout">
      {marks.map((weight, index) => (
        <li
          key={weight}
          className={
            index === rollout.step && rollout.endedAt === null ? 'now' : reached >= weight ? 'passed' : ''
          }
        >
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
            {entry.reason && index === rollout.history.length - 1 && (
              <span className="reason"> {entry.reason}</span>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}
