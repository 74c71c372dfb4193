import type { Sql } from '@holdfast/migration/catalog/read-catalog.ts';
import { openSession, type Session } from '@holdfast/migration/execute/session.ts';

/**
 * Holdfast's own session, with a watch held beside it. The strongest lock that a transaction has on the
 * table is asked of that transaction itself before it commits, so none is missed. Its time goes from
 * when the statement was sent until the commit was answered: waiting for the lock is in it, because
 * everybody else already waits behind it then. It is an upper bound of how long the lock was held.
 */
export interface LockHold {
  readonly mode: string;
  readonly statement: string;
  readonly ms: number;
}

export interface Watched {
  readonly session: Session;
  readonly holds: LockHold[];
  /** Milliseconds and count of each kind of statement, as the client sees them. */
  readonly spent: Map<string, { ms: number; times: number }>;
}

const SHUTS_OUT_WRITERS = new Set([
  'AccessExclusiveLock',
  'ExclusiveLock',
  'ShareRowExclusiveLock',
  'ShareLock',
]);
const CHANGES_SHAPE = /^(?:ALTER|CREATE|DROP)\b/;
const LOCKS = `SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = to_regclass('customers')`;

/** Nobody had it, and everybody waited behind the request. */
const GIVEN_UP = 'asked for in vain';

export async function openWatched(url: string): Promise<Watched> {
  const session = await openSession([url], 'migration');
  const watched: Watched = { session, holds: [], spent: new Map() };
  const query: Session['query'] = (text, values) => timeOf(watched, text, () => session.query(text, values));
  const transaction: Session['transaction'] = async (settings, work) => {
    const seen: Seen = { startedAt: performance.now(), statement: null, sentAt: 0, mode: null, insideMs: 0 };
    try {
      return await session.transaction(settings, (sql) => watchedWork(watched, seen, { sql, work }));
    } catch (error) {
      seen.mode = GIVEN_UP;
      throw error;
    } finally {
      close(watched, seen);
    }
  };
  return { ...watched, session: { ...session, query, transaction } };
}

interface Seen {
  readonly startedAt: number;
  statement: string | null;
  sentAt: number;
  mode: string | null;
  insideMs: number;
}

async function watchedWork<Value>(
  watched: Watched,
  seen: Seen,
  { sql, work }: { readonly sql: Sql; readonly work: (sql: Sql) => Promise<Value> },
): Promise<Value> {
  const query: Sql['query'] = async (text, values) => {
    const startedAt = performance.now();
    if (seen.statement === null && CHANGES_SHAPE.test(text)) {
      seen.statement = brief(text);
      seen.sentAt = startedAt;
    }
    try {
      return await timeOf(watched, text, () => sql.query(text, values));
    } finally {
      seen.insideMs += performance.now() - startedAt;
    }
  };
  const made = await work({ query });
  if (seen.statement) seen.mode = strongest((await sql.query<{ mode: string }>(LOCKS)).rows);
  return made;
}

function close(watched: Watched, { statement, mode, startedAt, sentAt, insideMs }: Seen): void {
  const endedAt = performance.now();
  add(watched, 'BEGIN, SET LOCAL … COMMIT', endedAt - startedAt - insideMs);
  if (statement !== null && mode !== null) watched.holds.push({ mode, statement, ms: endedAt - sentAt });
}

function strongest(rows: readonly { readonly mode: string }[]): string | null {
  return [...SHUTS_OUT_WRITERS].find((mode) => rows.some((row) => row.mode === mode)) ?? null;
}

async function timeOf<Value>(watched: Watched, text: string, work: () => Promise<Value>): Promise<Value> {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    add(watched, brief(text), performance.now() - startedAt);
  }
}

function add({ spent }: Watched, what: string, ms: number): void {
  const before = spent.get(what) ?? { ms: 0, times: 0 };
  spent.set(what, { ms: before.ms + ms, times: before.times + 1 });
}

function brief(text: string): string {
  return text.trim().replace(/\s+/g, ' ').slice(0, 60);
}
