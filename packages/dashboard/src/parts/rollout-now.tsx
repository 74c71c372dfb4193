import type { EnvironmentView, RolloutView } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';

/** Woken at night: what happens in one sentence, who has the traffic, and how many can carry it. */
export function RolloutNow({
  rollout,
  sentence,
  environment,
}: {
  readonly rollout: RolloutView;
  readonly sentence: string;
  readonly environment: EnvironmentView;
}) {
  if (rollout.endedAt !== null) return null;
  const arms = ARMS.map((name) => {
    const own = environment.instances.filter((instance) => instance.group === name);
    return { name, ready: own.filter(({ state }) => state === 'ready').length, all: own.length };
  }).filter(({ all }) => all > 0);
  return (
    <section className="panel now">
      <p className="lead">{sentence}</p>
      <div
        className="split"
        role="img"
        aria-label={`The candidate has ${formatShare(rollout.weight)} of the traffic`}
      >
        <span className="candidate" style={{ width: `${rollout.weight / 100}%` }} />
      </div>
      <dl className="figures">
        <div>
          <dd>{formatShare(rollout.weight)}</dd>
          <dt>to release {rollout.candidate.number}</dt>
        </div>
        {rollout.stable && (
          <div>
            <dd>{formatShare(10_000 - rollout.weight)}</dd>
            <dt>to release {rollout.stable.number}</dt>
          </div>
        )}
        {arms.map((arm) => (
          <div key={arm.name}>
            <dd>
              {arm.ready} / {arm.all}
            </dd>
            <dt>{arm.name} ready</dt>
          </div>
        ))}
      </dl>
      {rollout.approvals.needed > 0 && rollout.state === 'awaitingApproval' && (
        <p className="muted">
          Approved by {rollout.approvals.given.map(({ name }) => name).join(', ') || 'nobody yet'}; the
          approval holds for exactly this artifact, configuration and secrets:{' '}
          <code>{rollout.approvals.digest?.slice(0, 12)}</code>
        </p>
      )}
      {environment.preview !== null && rollout.heldFor === 'gate' && (
        <p className="muted">Look at the candidate first, on port {environment.preview} of the router.</p>
      )}
    </section>
  );
}

const ARMS = ['stable', 'baseline', 'candidate'] as const;
