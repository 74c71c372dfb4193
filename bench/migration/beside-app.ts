import { round } from '../latency.ts';
import { say, type Workbench } from '../workbench.ts';
import { type CpuUse, cpuDuring } from './cpu-use.ts';
import { copyCustomers, dropCopy, type Statistics, type Template } from './customers.ts';
import { Foreground, type Noticed } from './foreground.ts';
import { lagDuring, type ReplayLag } from './replay-lag.ts';
import type { Servers } from './server.ts';

/** A method at work on a fresh copy of the table, beside the app's load and in front of a standby. */
export interface Place {
  readonly workbench: Workbench;
  readonly servers: Servers;
  readonly template: Template;
  readonly beforeSeconds: number;
}

export interface Scene {
  readonly database: string;
  readonly url: string;
  readonly app: Foreground;
}

export interface Backfilled {
  readonly rows: number;
  readonly seconds: number;
  readonly finished: boolean;
}

export interface Beside {
  readonly during: Noticed;
  readonly lag: ReplayLag;
  readonly cpu: CpuUse;
  /** Of the backend that does the work; other work on the machine moves it little. */
  readonly cpuMicrosPerRow: number;
  readonly rowsPerSecond: number;
  /** Everything the primary wrote meanwhile, for each row of the backfill. */
  readonly walBytesPerRow: number;
  /** Runs of autovacuum on the table that ended meanwhile. */
  readonly vacuums: number;
}

export async function onFreshCopy<Value>(
  { workbench, servers, template }: Place,
  { name, statistics }: { readonly name: string; readonly statistics: Statistics },
  work: (scene: Scene) => Promise<Value>,
): Promise<Value> {
  say(name);
  const database = `copy_${name.replace(/\W+/g, '_').toLowerCase()}`.slice(0, 60);
  const url = await copyCustomers(servers, template, { name: database, statistics });
  const app = await Foreground.start(workbench, { url, keys: template.rows });
  try {
    return await work({ database, url, app });
  } finally {
    await app.stop();
    await dropCopy(servers, database);
  }
}

export async function besideApp<Value extends Backfilled>(
  { servers }: Place,
  { database, app }: Scene,
  { backend, work }: { readonly backend: number; readonly work: () => Promise<Value> },
): Promise<Value & Beside> {
  const client = await servers.connect(database);
  try {
    await app.take();
    const from = await countersOf(client);
    const { value: seen, lag } = await lagDuring(client, () => cpuDuring(backend, work));
    const { value, cpu } = seen;
    const during = await app.take();
    const to = await countersOf(client);
    say(`${Math.round(value.rows / value.seconds)} rows/s, p99 ${during.p99} ms`);
    return {
      ...value,
      during,
      lag,
      cpu,
      cpuMicrosPerRow: round((cpu.backendSeconds / value.rows) * 1e6),
      rowsPerSecond: round(value.rows / value.seconds),
      walBytesPerRow: Math.round((to.wal - from.wal) / value.rows),
      vacuums: to.vacuums - from.vacuums,
    };
  } finally {
    await client.end();
  }
}

async function countersOf(client: Awaited<ReturnType<Servers['connect']>>) {
  const { rows } = await client.query<{ wal: number; vacuums: number }>(
    `SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal,
            (SELECT autovacuum_count::int FROM pg_stat_all_tables WHERE relid = to_regclass('customers')) AS vacuums`,
  );
  return rows[0] ?? { wal: 0, vacuums: 0 };
}

interface Asks {
  query(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

export async function backendOf(session: Asks): Promise<number> {
  const { rows } = await session.query('SELECT pg_backend_pid() AS pid');
  return (rows[0] as { pid: number }).pid;
}
