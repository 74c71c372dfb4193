import type { Json, JsonObject } from '../kernel/json.ts';
import { accept, type Result, refuse } from '../kernel/result.ts';

/**
 * The combinations of a matrix, in the order GitHub documents: the product of the vectors, less
 * `exclude`, plus `include`, where an include that contradicts no original value extends the
 * combinations it fits and otherwise becomes one of its own.
 */
export function expandMatrix(matrix: Json, limit: number): Result<readonly JsonObject[], string> {
  const shape = checkShape(matrix, limit);
  if (shape !== null) return refuse(shape);
  const { include, exclude, ...vectors } = matrix as JsonObject;
  const names = Object.keys(vectors);
  const product = names.reduce<JsonObject[]>(
    (rows, name) =>
      rows.flatMap((row) => (vectors[name] as readonly Json[]).map((value) => ({ ...row, [name]: value }))),
    names.length === 0 ? [] : [{}],
  );
  const kept = product.filter((row) => !asObjects(exclude).some((rule) => contains(row, rule)));
  // Only combinations of the product are extended, never one that an include added.
  const merged = asObjects(include).reduce<Merged>((rows, extra) => mergeInclude(rows, extra, names), {
    original: kept,
    added: [],
  });
  const rows = [...merged.original, ...merged.added];
  if (rows.length === 0 || rows.length > limit)
    return refuse(`it has ${rows.length} combinations, expected 1 to ${limit}`);
  return accept(rows);
}

/** Said before anything is multiplied: six vectors of twenty-five values would fill the memory. */
function checkShape(matrix: Json, limit: number): string | null {
  if (!isObject(matrix)) return `expected a mapping, found ${JSON.stringify(matrix)?.slice(0, 60)}`;
  const { include, exclude, ...vectors } = matrix;
  for (const [name, rules] of Object.entries({ include, exclude })) {
    if (rules !== undefined && !(Array.isArray(rules) && rules.every(isObject)))
      return `${name}: expected a list of mappings`;
  }
  const wrong = Object.entries(vectors).find(([, values]) => !Array.isArray(values));
  if (wrong) return `${wrong[0]}: expected a list, found ${JSON.stringify(wrong[1])?.slice(0, 60)}`;
  const size = Object.values(vectors).reduce<number>(
    (product, values) => product * (values as readonly Json[]).length,
    1,
  );
  return size > limit * 16 ? `its vectors make ${size} combinations, far more than ${limit}` : null;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Merged {
  readonly original: readonly JsonObject[];
  readonly added: readonly JsonObject[];
}

function mergeInclude(rows: Merged, extra: JsonObject, names: readonly string[]): Merged {
  const own = Object.fromEntries(
    Object.entries(extra).filter(([name]) => names.includes(name)),
  ) as JsonObject;
  const fits = (row: JsonObject) => contains(row, own);
  if (names.length === 0 || !rows.original.some(fits)) return { ...rows, added: [...rows.added, extra] };
  return { ...rows, original: rows.original.map((row) => (fits(row) ? { ...row, ...extra } : row)) };
}

function contains(row: JsonObject, part: JsonObject): boolean {
  return Object.entries(part).every(([name, value]) => JSON.stringify(row[name]) === JSON.stringify(value));
}

function asObjects(value: Json | undefined): readonly JsonObject[] {
  return (value ?? []) as readonly JsonObject[];
}
