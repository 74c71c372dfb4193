import pg from 'pg';
import { until } from '../../chaos/until.ts';
import { type Change, fits, type Shape, type Value } from '../changes/change.ts';
import { EXAMPLES } from '../release/tally.ts';
import type { Candidate, Expected } from './expected.ts';

/** Every row, in every shape that is there, against what was acknowledged. Nobody writes meanwhile. */
export interface Comparison {
  readonly differ: number;
  readonly examples: readonly string[];
}

interface Seen {
  readonly shape: Shape;
  readonly rows: ReadonlyMap<number, readonly Value[]>;
}

const READ_LIMIT_MS = 60_000;

export async function compareRows(
  url: string,
  { change, shapes }: { readonly change: Change; readonly shapes: readonly Shape[] },
  expected: Expected,
): Promise<Comparison> {
  // The database may be killed under this, too.
  const seen = await until('the rows', () => readAll(url, shapes), { limitMs: READ_LIMIT_MS });
  const examples: string[] = [];
  let differ = 0;
  const ids = new Set([...expected.ids(), ...seen.flatMap(({ rows }) => [...rows.keys()])]);
  for (const id of ids) {
    const candidates = expected.candidates(id);
    if (isRight(change, id, { candidates, seen })) continue;
    differ += 1;
    if (examples.length < EXAMPLES) examples.push(sentence(id, candidates, seen));
  }
  return { differ, examples };
}

/** One candidate explains all shapes; where releases know different columns, each column has its own. */
function isRight(
  { apart }: Change,
  id: number,
  { candidates, seen }: { readonly candidates: readonly Candidate[]; readonly seen: readonly Seen[] },
): boolean {
  if (!apart || candidates.length === 1)
    return candidates.some((one) => seen.every(({ shape, rows }) => explains(shape, one, rows.get(id))));
  return seen.every(({ shape, rows }) =>
    Object.keys(shape.columns).every((_, place) =>
      candidates.some(
        ({ token, by }) =>
          token !== null && rows.has(id) && fits(shape.shows(token, by)[place], rows.get(id)?.[place]),
      ),
    ),
  );
}

function explains(shape: Shape, { token, by }: Candidate, row: readonly Value[] | undefined): boolean {
  if (token === null || row === undefined) return token === null && row === undefined;
  return shape.shows(token, by).every((shown, place) => fits(shown, row[place]));
}

async function readAll(url: string, shapes: readonly Shape[]): Promise<readonly Seen[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const seen: Seen[] = [];
    for (const shape of shapes) {
      const names = Object.keys(shape.columns).map((name) => `${name}::text`);
      const text = `SELECT id::float8, ${names.join(', ')} FROM ${shape.table}`;
      const { rows } = await client.query<[number, ...Value[]]>({ text, rowMode: 'array' });
      seen.push({ shape, rows: new Map(rows.map(([id, ...values]) => [id, values])) });
    }
    return seen;
  } finally {
    await client.end().catch(() => {});
  }
}

function sentence(id: number, candidates: readonly Candidate[], seen: readonly Seen[]): string {
  const shown = seen.map(({ shape, rows }) => `${shape.table} ${JSON.stringify(rows.get(id) ?? 'no row')}`);
  const written = candidates.map(({ token, by }) => `${token ?? 'deleted'} by ${by}`);
  return `row ${id} holds ${shown.join(', ')}; acknowledged: ${written.join(' or ')}`;
}
