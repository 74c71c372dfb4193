/** PostgreSQL's own way of naming, cut to its limit. */
export function constraintName(table: string, ...parts: readonly string[]): string {
  const bare = table.split('.').at(-1) ?? table;
  return [bare, ...parts].join('_').slice(0, 63);
}
