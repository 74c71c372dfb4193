import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago, lasted, refName, shortCommit } from '../data/words.ts';
import { Badge } from '../parts/badge.tsx';
import { Link } from '../parts/link.tsx';
import { Loading, Problem } from '../parts/states-of-loading.tsx';

export function RunsPage() {
  const { value, error } = useLive(
    () => client('listRuns', { query: { limit: 50 } }),
    (event) => event.topic === 'run',
    'runs',
  );
  if (error) return <Problem error={error} />;
  if (!value) return <Loading />;
  if (value.items.length === 0) {
    return (
      <section className="empty">
        <h2>No runs yet</h2>
        <p>
          Watch a repository with <code>holdfast repo add NAME PATH</code>; a push starts its workflows.
        </p>
      </section>
    );
  }
  return (
    <section>
      <h1>Runs</h1>
      <ul className="cards">
        {value.items.map((run) => (
          <li key={run.id}>
            <Link to={`/runs/${run.id}`} className="card run-row">
              <span className="run-state">
                <Badge state={run.state} />
              </span>
              <span className="run-what">
                <strong>{run.message || run.name}</strong>
                <span className="muted">
                  #{run.number} · {run.repository} · {run.name} · {refName(run.ref)} ·{' '}
                  {shortCommit(run.commit)}
                </span>
                {run.reason && <span className="reason">{run.reason}</span>}
              </span>
              <span className="run-when">
                <span>{ago(run.createdAt)}</span>
                <span className="muted">{lasted(run.startedAt, run.endedAt)}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
