import { HoldfastError } from '@holdfast/contract/errors.ts';
import pg from 'pg';
import { TIMELINE } from './generation.ts';

/**
 * Which of several hosts takes writes. `pg` knows one host an URL; libpq's form with many,
 * `postgresql://user:password@a:5432,b:5432/holdfast`, is taken apart here and each host is asked.
 * A standby, a server that refuses writes and one that does not answer in time are passed over; of
 * two that would take writes the one on the later timeline is the primary.
 */
export interface Primary {
  readonly url: string;
  readonly system: string;
  readonly timeline: number;
}

const ASK_WITHIN_MS = 3_000;
/** After the first writable answer the others get this long to show a later timeline. */
const OTHERS_WITHIN_MS = 200;

/** One URL a host. */
export function hostUrls(url: string): readonly string[] {
  const match = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)([^/?]*)(.*)$/.exec(url);
  const [, head = '', hosts = '', tail = ''] = match ?? [];
  if (!match || !hosts.includes(',')) return [url];
  return hosts.split(',').map((host) => `${head}${host}${withoutTarget(tail)}`);
}

/** libpq's word for what is always wanted here; `pg` would pass it on as a setting. */
function withoutTarget(tail: string): string {
  return tail.replace(/([?&])target_session_attrs=[^&]*&?/, '$1').replace(/[?&]$/, '');
}

export async function findPrimary(urls: readonly string[]): Promise<Primary> {
  const problems: unknown[] = [];
  const found: Primary[] = [];
  let settle = () => {};
  const enough = new Promise<void>((done) => {
    settle = done;
  });
  const asked = urls.map((url) =>
    ask(url).then(
      (primary) => {
        found.push(primary);
        setTimeout(settle, urls.length > 1 ? OTHERS_WITHIN_MS : 0);
      },
      (error: unknown) => problems.push(error),
    ),
  );
  await Promise.race([Promise.all(asked), enough]);
  const [best] = found.sort((a, b) => b.timeline - a.timeline);
  if (best) return best;
  throw new HoldfastError(
    'databaseUnavailable',
    urls.length > 1
      ? `none of the ${urls.length} database hosts takes writes`
      : 'the database does not answer',
    { cause: problems[0] },
  );
}

async function ask(url: string): Promise<Primary> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ASK_WITHIN_MS });
  client.on('error', () => {});
  const late = setTimeout(() => void client.end().catch(() => {}), ASK_WITHIN_MS);
  try {
    await client.connect();
    const answer = await client.query<{
      standby: boolean;
      read_only: string;
      system: string;
      timeline: number;
    }>(
      `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only,
              (SELECT system_identifier::text FROM pg_control_system()) AS system,
              CASE WHEN pg_is_in_recovery() THEN 0 ELSE ${TIMELINE} END AS timeline`,
    );
    const row = answer.rows[0];
    if (!row || row.standby || row.read_only === 'on')
      throw new HoldfastError('databaseUnavailable', 'this database host takes no writes: it is a standby');
    return { url, system: row.system, timeline: row.timeline };
  } finally {
    clearTimeout(late);
    await client.end().catch(() => {});
  }
}
