import type { MigrationView } from '@holdfast/contract/api/resources.ts';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago } from '../data/words.ts';
import { Badge } from '../parts/badge.tsx';
import { Link } from '../parts/link.tsx';
import { MigrationButtons } from '../parts/migration-buttons.tsx';
import { MigrationPhases } from '../parts/migration-phases.tsx';
import { Loading, Problem } from '../parts/states-of-loading.tsx';

/** Schema changes of one environment: where each is, why no further, and the point of no return. */
export function MigrationsPage({ app, environment }: { readonly app: string; readonly environment: string }) {
  const { value, error, reload } = useLive(
    () => client('listMigrations', { params: { app, environment } }),
    (event) => event.topic === 'migration' || event.topic === 'rollout',
    `migrations ${app}/${environment}`,
  );
  if (error) return <Problem error={error} />;
  if (!value) return <Loading />;
  const [open, done] = [
    value.items.filter(({ state }) => state !== 'done'),
    value.items.filter(({ state }) => state === 'done'),
  ];
  return (
    <section>
      <p className="crumbs">
        <Link to="/environments">Environments</Link> / {app}/{environment}
      </p>
      <h1>Schema changes</h1>
      {value.items.length === 0 && (
        <p className="muted">
          None yet. Name a folder and a database under <code>migrations</code> in holdfast.yaml.
        </p>
      )}
      {open.map((migration) => (
        <Migration key={migration.version} migration={migration} reload={reload} />
      ))}
      {done.length > 0 && <Done migrations={done} />}
    </section>
  );
}

function Migration({
  migration,
  reload,
}: {
  readonly migration: MigrationView;
  readonly reload: () => void;
}) {
  const { progress, reason, users } = migration;
  return (
    <article className="panel">
      <div className="title small">
        <h2>
          {String(migration.version).padStart(4, '0')} {migration.name}
        </h2>
        <Badge state={migration.state} />
        <span className="spacer" />
        <MigrationButtons migration={migration} reload={reload} />
      </div>
      {reason && (
        <p className={migration.pausedBy === 'failure' ? 'problem' : 'notice'}>
          {sentence(migration, reason)}
        </p>
      )}
      <MigrationPhases migration={migration} />
      {progress && <ProgressLine progress={progress} />}
      <p className="muted">
        {migration.state} since {ago(migration.stateSince)}
        {users.needing.length > 0 && ` · needed by release ${users.needing.join(', ')}`}
        {users.keepingOld.length > 0 && ` · the old shape is used by release ${users.keepingOld.join(', ')}`}
      </p>
      <details>
        <summary>What happened</summary>
        <ul className="history-lines">
          {migration.history.map((entry) => (
            <li key={entry.at}>
              <span className="muted">{new Date(entry.at).toLocaleTimeString()}</span> {entry.state}
              {entry.reason && <span className="muted"> – {entry.reason}</span>}
            </li>
          ))}
        </ul>
      </details>
    </article>
  );
}

function sentence({ pausedBy, state }: MigrationView, reason: string): string {
  if (pausedBy === 'signal') return `Waits and goes on by itself: ${reason}.`;
  if (pausedBy === 'failure') return `Stopped: ${reason}. Mend it, then resume.`;
  return state === 'ready' ? `Contracting waits: ${reason}.` : `${reason}.`;
}

function ProgressLine({ progress }: { readonly progress: NonNullable<MigrationView['progress']> }) {
  const { rows, total, rowsPerSecond, batch } = progress;
  const part = total ? Math.min(100, (100 * rows) / total) : 0;
  return (
    <>
      <div className="bar wide" role="img" aria-label={`${Math.round(part)} % of the rows`}>
        <span style={{ width: `${part}%` }} />
      </div>
      <dl className="figures">
        <div>
          <dd>{rows.toLocaleString('en')}</dd>
          <dt>rows{total ? ` of about ${total.toLocaleString('en')}` : ''}</dt>
        </div>
        {rowsPerSecond !== null && (
          <div>
            <dd>{rowsPerSecond.toLocaleString('en')}</dd>
            <dt>rows / s</dt>
          </div>
        )}
        {batch !== null && (
          <div>
            <dd>{batch.toLocaleString('en')}</dd>
            <dt>rows a batch</dt>
          </div>
        )}
      </dl>
    </>
  );
}

function Done({ migrations }: { readonly migrations: readonly MigrationView[] }) {
  return (
    <details className="panel">
      <summary>{migrations.length} done</summary>
      <ul className="history-lines">
        {migrations.map(({ version, name, stateSince }) => (
          <li key={version}>
            {String(version).padStart(4, '0')} {name} <span className="muted">{ago(stateSince)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
