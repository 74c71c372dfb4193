import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/**
 * The app beside the migration, in a process of its own: single-row statements by primary key that come
 * at set times whether or not the ones before were answered, and whose latency counts from those times.
 * Parent says `take` (samples since the last time) or `column NAME` (what the app calls its column).
 */
export interface Taken {
  readonly latencies: Readonly<Record<Kind, readonly number[]>>;
  readonly failed: number;
  readonly firstError: string | null;
}

export type Kind = 'read' | 'change' | 'add';

const [url = '', perSecond = '300', keys = '1'] = process.argv.slice(2);
const CONNECTIONS = 8;

const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, min: CONNECTIONS, idleTimeoutMillis: 0 });
pool.on('error', () => {});
let column = 'mail';
let taken = empty();

function empty(): { latencies: Record<Kind, number[]>; failed: number; firstError: string | null } {
  return { latencies: { read: [], change: [], add: [] }, failed: 0, firstError: null };
}

/** Of ten statements five read, four change a row and one adds one. */
function statementOf(number: number): { kind: Kind; name: string; text: string; values: unknown[] } {
  const id = 1 + Math.floor(Math.random() * Number(keys));
  const text = `app-${number}@example.com`;
  const turn = number % 10;
  if (turn === 0)
    return {
      kind: 'add',
      name: `insert ${column}`,
      text: `INSERT INTO customers (${column}, payload) VALUES ($1, $2)`,
      values: [text, text.padEnd(100, '.')],
    };
  if (turn % 2 === 0 || turn === 9)
    return {
      kind: 'change',
      name: `update ${column}`,
      text: `UPDATE customers SET ${column} = $2 WHERE id = $1`,
      values: [id, text],
    };
  return {
    kind: 'read',
    name: `select ${column}`,
    text: `SELECT id, ${column}, payload FROM customers WHERE id = $1`,
    values: [id],
  };
}

async function come(number: number, dueAt: number): Promise<void> {
  try {
    const { kind, ...statement } = statementOf(number);
    await pool.query(statement);
    taken.latencies[kind].push(performance.now() - dueAt);
  } catch (error) {
    taken.failed += 1;
    taken.firstError ??= (error as Error).message;
  }
}

process.on('message', (message: string) => {
  if (message.startsWith('column ')) column = message.slice('column '.length);
  if (message !== 'take') return;
  process.send?.(taken satisfies Taken);
  taken = empty();
});
process.on('disconnect', () => process.exit());

await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.query('SELECT pg_sleep(0.05)')));
process.send?.('ready');
const startedAt = performance.now();
for (let number = 0; ; number += 1) {
  const dueAt = startedAt + (number / Number(perSecond)) * 1_000;
  if (dueAt > performance.now()) await sleep(dueAt - performance.now());
  void come(number, dueAt);
}
