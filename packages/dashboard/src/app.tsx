import { useState } from 'react';
import { client } from './data/client.ts';
import { useLive } from './data/use-live.ts';
import { parseRoute, usePath } from './data/use-route.ts';
import { EnvironmentsPage } from './pages/environments-page.tsx';
import { LogInPage } from './pages/log-in-page.tsx';
import { MigrationsPage } from './pages/migrations-page.tsx';
import { RolloutPage } from './pages/rollout-page.tsx';
import { RunPage } from './pages/run-page.tsx';
import { RunsPage } from './pages/runs-page.tsx';
import { Link } from './parts/link.tsx';

export function App() {
  const route = parseRoute(usePath());
  const [session, setSession] = useState(0);
  const probe = useLive(
    () => client('listRuns', { query: { limit: 1 } }),
    () => false,
    String(session),
  );
  if (probe.error?.kind === 'unauthorised') return <LogInPage onLoggedIn={() => setSession(session + 1)} />;
  return (
    <>
      <header className="top">
        <Link to="/runs" className="brand">
          <img src="/favicon.svg" alt="" width="24" height="24" /> Holdfast
        </Link>
        <nav>
          <Link to="/runs" className={route.page === 'runs' || route.page === 'run' ? 'here' : ''}>
            Runs
          </Link>
          <Link
            to="/environments"
            className={['environments', 'rollout', 'migrations'].includes(route.page) ? 'here' : ''}
          >
            Environments
          </Link>
        </nav>
        {probe.error && <span className="badge bad">no controller answers</span>}
      </header>
      <main>
        {route.page === 'runs' && <RunsPage />}
        {route.page === 'run' && <RunPage id={route.id} />}
        {route.page === 'environments' && <EnvironmentsPage />}
        {route.page === 'migrations' && <MigrationsPage app={route.app} environment={route.environment} />}
        {route.page === 'rollout' && <RolloutPage id={route.id} />}
      </main>
    </>
  );
}
