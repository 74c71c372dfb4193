import type { Json, JsonObject } from '../kernel/json.ts';

/**
 * The combinations of a matrix, in the order GitHub documents: the product of the vectors, less
 * `exclude`, plus `include`, where an include that contradicts no original value extends the
 * combinations it fits and otherwise becomes one of its own.
 */
export function expandMatrix(matrix: JsonObject): readonly JsonObject[] {
  const { include, exclude, ...vectors } = matrix;
  const names = Object.keys(vectors);
  const product = names.reduce<JsonObject[]>(
    (rows, name) =>
      rows.flatMap((row) => asList(vectors[name] as Json).map((value) => ({ ...row, [name]: value }))),
    names.length === 0 ? [] : [{}],
  );
  const kept = product.filter((row) => !asObjects(exclude).some((rule) => contains(row, rule)));
  return asObjects(include).reduce((rows, extra) => mergeInclude(rows, extra, names), kept);
}

function mergeInclude(rows: JsonObject[], extra: JsonObject, names: readonly string[]): JsonObject[] {
  const original = Object.fromEntries(Object.entries(extra).filter(([name]) => names.includes(name)));
  const fits = (row: JsonObject) =>
    names.every((name) => name in row) && contains(row, original as JsonObject);
  if (names.length === 0 || !rows.some(fits)) return [...rows, extra];
  return rows.map((row) => (fits(row) ? { ...row, ...extra } : row));
}

function contains(row: JsonObject, part: JsonObject): boolean {
  return Object.entries(part).every(([name, value]) => JSON.stringify(row[name]) === JSON.stringify(value));
}

function asList(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [value];
}

function asObjects(value: Json | undefined): JsonObject[] {
  return value === undefined || value === null ? [] : (asList(value) as JsonObject[]);
}
