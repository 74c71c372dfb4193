import type { EnvironmentView, InstanceView } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago, shortArtifact, shortCommit } from '../data/words.ts';
import { AskButton } from '../parts/ask-button.tsx';
import { Badge } from '../parts/badge.tsx';
import { Link } from '../parts/link.tsx';
import { Releases } from '../parts/releases.tsx';
import { Loading, Problem } from '../parts/states-of-loading.tsx';

export function EnvironmentsPage() {
  const { value, error, reload } = useLive(
    () => client('listEnvironments'),
    (event) => event.topic === 'environment' || event.topic === 'rollout',
    'environments',
  );
  if (error) return <Problem error={error} />;
  if (!value) return <Loading />;
  if (value.items.length === 0) {
    return (
      <section className="empty">
        <h2>Nothing was deployed yet</h2>
        <p>
          A workflow with <code>holdfast/deploy</code> makes the first environment.
        </p>
      </section>
    );
  }
  return (
    <section>
      <h1>Environments</h1>
      {value.items.map((environment) => (
        <Environment key={environment.id} environment={environment} reload={reload} />
      ))}
    </section>
  );
}

function Environment({
  environment,
  reload,
}: {
  readonly environment: EnvironmentView;
  readonly reload: () => void;
}) {
  const { stable, previous, rollout, traffic } = environment;
  return (
    <article className="panel environment">
      <div className="title small">
        <h2>{environment.name}</h2>
        {stable && <span className="badge good">release {stable.number}</span>}
        {environment.readiness === 'shallow' && (
          <span className="badge warn" title="A plain answer is believed; no business probe is asked.">
            shallow readiness
          </span>
        )}
        <span className="spacer" />
        {previous && (
          <AskButton
            label="Roll back"
            tone="danger"
            question={`Move all traffic of ${environment.name} back to release ${previous.number}? ${backIn(previous)} Automation holds still afterwards.`}
            act={() => client('rollBack', { params: environment, body: {} }).then(reload)}
          />
        )}
      </div>
      {environment.hold && <p className="notice">Automation holds still: {environment.hold}.</p>}
      {environment.frozen && (
        <p className="notice">
          Frozen until {new Date(environment.frozen.until).toLocaleString()}: {environment.frozen.why}.
        </p>
      )}
      <dl className="figures">
        <Figure name="requests / s" value={String(traffic.requestsPerSecond)} />
        <Figure name="errors" value={`${(traffic.errorRate * 100).toFixed(2)} %`} />
        <Figure name="p95" value={traffic.p95Ms === null ? '–' : `${traffic.p95Ms.toFixed(0)} ms`} />
        <Figure name="routers" value={routersText(environment)} />
      </dl>
      {stable && (
        <p className="muted">
          {shortArtifact(stable.artifact)} · {shortCommit(stable.commit)} · serving since{' '}
          {ago(stable.servedAt)}
          {environment.listen && ` · port ${environment.listen}`}
        </p>
      )}
      {rollout && (
        <Link to={`/rollouts/${rollout.id}`} className="rollout-line">
          <Badge state={rollout.state} />
          <span>
            release {rollout.candidate.number} at {formatShare(rollout.weight)}
          </span>
          <span className="bar">
            <span style={{ width: `${rollout.weight / 100}%` }} />
          </span>
          <span className="muted">{ago(rollout.stateSince)}</span>
        </Link>
      )}
      {environment.migrations && (
        <Link to={`/environments/${environment.name}/migrations`} className="rollout-line">
          <Badge state={environment.migrations.state} />
          <span>schema at {String(environment.migrations.version).padStart(4, '0')}</span>
          <span className="muted">{environment.migrations.reason ?? 'schema changes'}</span>
        </Link>
      )}
      <Instances instances={environment.instances} />
      <Releases environment={environment} reload={reload} />
    </article>
  );
}

function backIn({ returnable, secondsToServe }: NonNullable<EnvironmentView['previous']>): string {
  if (returnable === 'hot') return 'It is running; this takes about a second.';
  return secondsToServe === null
    ? 'Its instances must start first.'
    : `Its instances must start first, about ${secondsToServe} s.`;
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dd>{value}</dd>
      <dt>{name}</dt>
    </div>
  );
}

function routersText({ routers }: EnvironmentView): string {
  const workers = routers.reduce((sum, router) => sum + router.workers, 0);
  const mute = routers.reduce((sum, router) => sum + router.mute, 0);
  if (workers === 0) return 'none';
  return mute > 0 ? `${mute} of ${workers} mute` : `${workers} workers`;
}

function Instances({ instances }: { readonly instances: readonly InstanceView[] }) {
  return (
    <ul className="instances">
      {instances.map((instance) => (
        <li
          key={instance.id}
          className={`instance ${instance.state}`}
          title={instance.reason ?? `${instance.state}, port ${instance.port ?? '–'}`}
        >
          <span className="dot" /> r{instance.release} <span className="muted">{instance.group}</span>
        </li>
      ))}
    </ul>
  );
}
