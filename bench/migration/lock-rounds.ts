import { say } from '../workbench.ts';
import type { Place } from './beside-app.ts';
import { copyCustomers, dropCopy, makeCustomers } from './customers.ts';
import { Foreground, type Noticed } from './foreground.ts';
import { DEFAULT_PACE, RESTLESS_PACE, renaming, runPhase } from './holdfast-method.ts';
import type { Servers } from './server.ts';
import { type LockHold, openWatched, type Watched } from './watched-session.ts';
import { measureWrites, type WriteCost } from './write-cost.ts';

/**
 * The column is renamed to and fro, whole migrations under load, so that there are enough locks for a
 * p99: how long one is held does not depend on the number of rows, and a small table takes seconds.
 */
export interface LockRounds {
  readonly rounds: number;
  readonly holds: readonly LockHold[];
  readonly app: Noticed;
  readonly writes: readonly WriteCost[];
}

const TEMPLATE = { template: 'template_rounds', rows: 20_000 } as const;
const COPY = 'copy_rounds';
/** Even, so that the column is called as in the beginning. */
const ROUNDS = 24;
const LIMIT_SECONDS = 120;
const PHASES = ['expand', 'backfill', 'verify', 'contract'] as const;
// Vacuum is for the large table to show; here it would only make rounds longer.
const PACE = { ...DEFAULT_PACE, limits: RESTLESS_PACE.limits };

export async function runLockRounds({ workbench, servers }: Place): Promise<LockRounds> {
  await makeCustomers(servers, TEMPLATE);
  const url = await copyCustomers(servers, TEMPLATE, { name: COPY, statistics: 'usual' });
  const watched = await openWatched(url);
  const app = await Foreground.start(workbench, { url, keys: TEMPLATE.rows });
  try {
    say(`${ROUNDS} migrations of ${TEMPLATE.rows.toLocaleString('en')} rows`);
    for (let round = 0; round < ROUNDS; round += 1) await oneRound(watched, app, round);
    const noticed = await app.take();
    await app.stop();
    return {
      rounds: ROUNDS,
      holds: watched.holds,
      app: noticed,
      writes: await writesExpanded(servers, watched),
    };
  } finally {
    await app.stop();
    await watched.session.close();
    await dropCopy(servers, COPY);
  }
}

async function oneRound({ session }: Watched, app: Foreground, round: number): Promise<void> {
  const [from, to] = round % 2 === 0 ? ['mail', 'email'] : ['email', 'mail'];
  const source = renaming({ from, to, version: 7 + round } as Parameters<typeof renaming>[0]);
  for (const phase of PHASES) {
    if (phase === 'contract') await app.speakOf(to as string);
    const run = await runPhase(session, phase, { source, pace: PACE, limitSeconds: LIMIT_SECONDS });
    if (!run.finished) throw new Error(`${phase} of round ${round} does not end: ${run.held[0]?.reason}`);
  }
}

/** With nobody else at work: what one connection reaches. */
async function writesExpanded(servers: Servers, { session }: Watched): Promise<readonly WriteCost[]> {
  const source = renaming({ from: 'mail', to: 'email', version: 7 + ROUNDS });
  await runPhase(session, 'expand', { source, pace: PACE, limitSeconds: LIMIT_SECONDS });
  const client = await servers.connect(COPY);
  try {
    const durable = await measureWrites(client, { keys: TEMPLATE.rows, commits: 'durable' });
    return [durable, await measureWrites(client, { keys: TEMPLATE.rows, commits: 'not waited for' })];
  } finally {
    await client.end();
  }
}
