import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { round } from '../latency.ts';
import type { Workbench } from '../workbench.ts';
import { startController } from './controller.ts';
import type { BenchDatabase } from './database.ts';
import { measureShape, SHAPES } from './holdfast.ts';

/**
 * Where a step's time goes: the statements PostgreSQL was asked, and the controller's own CPU by
 * package. Taken in a run of its own, because looking slows what is looked at.
 */
export interface Profile {
  readonly steps: number;
  readonly statementsPerStep: number;
  readonly topStatements: readonly { readonly sql: string; readonly callsPerStep: number; readonly databaseMsPerStep: number; readonly share: number }[];
  readonly controllerCpu: readonly { readonly where: string; readonly share: number }[];
}

const TOP = 10;

export async function profileHoldfast(workbench: Workbench, database: BenchDatabase, how: { readonly seconds: number; readonly what: keyof typeof SHAPES }): Promise<Profile> {
  const folder = join(workbench.folder, `cpu-${how.what}`);
  mkdirSync(folder, { recursive: true });
  const databaseUrl = database.url('holdfast');
  const controller = await startController(workbench, { databaseUrl, flags: ['--cpu-prof', `--cpu-prof-dir=${folder}`] });
  await database.withClient('holdfast', (client) => client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements'));
  const { seed, shape } = SHAPES[how.what];
  const reset = () => database.withClient('holdfast', (client) => client.query('SELECT pg_stat_statements_reset()'));
  await reset();
  const before = await countSteps(database);
  await measureShape({ workbench, databaseUrl, controller, seconds: how.seconds }, seed, shape);
  const steps = (await countSteps(database)) - before;
  const statements = await readStatements(database, steps);
  await controller.process.stop();
  return { steps, ...statements, controllerCpu: readCpu(folder) };
}

async function countSteps(database: BenchDatabase): Promise<number> {
  const found = await database.withClient('holdfast', (client) => client.query<{ n: number }>("SELECT count(*)::int AS n FROM attempt WHERE state = 'succeeded'"));
  return found.rows[0]?.n ?? 0;
}

/** What seeding and this program asked is left out: only the controller's role in steps counts. */
async function readStatements(database: BenchDatabase, steps: number): Promise<Pick<Profile, 'statementsPerStep' | 'topStatements'>> {
  const found = await database.withClient('holdfast', (client) =>
    client.query<{ query: string; calls: number; total: number }>(
      `SELECT query, calls::float8 AS calls, total_exec_time + coalesce(total_plan_time, 0) AS total FROM pg_stat_statements
       WHERE query !~* '^(ANALYZE|INSERT INTO (run|job|repository) |UPDATE (run|job) SET state = .cancelled|.*pg_stat_statements)' ORDER BY total DESC`,
    ),
  );
  const total = found.rows.reduce((sum, row) => sum + row.total, 0);
  const calls = found.rows.reduce((sum, row) => sum + row.calls, 0);
  return {
    statementsPerStep: round(calls / steps),
    topStatements: found.rows.slice(0, TOP).map((row) => ({
      sql: row.query.replace(/\s+/g, ' ').slice(0, 110),
      callsPerStep: round(row.calls / steps),
      databaseMsPerStep: round(row.total / steps),
      share: round(row.total / total),
    })),
  };
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly url: string; readonly functionName: string } }[];
  readonly samples: readonly number[];
}

/** Self time by package; the idle loop is left out, so shares are of the time it worked. */
function readCpu(folder: string): Profile['controllerCpu'] {
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  if (!file) return [];
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node.callFrame)]));
  const counts = new Map<string, number>();
  let busy = 0;
  for (const sample of profile.samples) {
    const place = places.get(sample) ?? 'unknown';
    if (place === '(idle)') continue;
    busy += 1;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return [...counts]
    .sort((one, other) => other[1] - one[1])
    .slice(0, TOP)
    .map(([where, count]) => ({ where, share: round(count / busy) }));
}

function placeOf({ url, functionName }: { readonly url: string; readonly functionName: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native';
  const installed = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (installed) return installed;
  const own = /packages\/([^/]+)\/src\/(.+)$/.exec(url);
  return own ? `${own[1]}/${own[2]}` : url.replace(/^node:internal\/([^/]+).*$/, 'node:$1');
}
