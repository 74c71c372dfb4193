import type { Node, RangeVar, TypeName } from '@pgsql/types';

/** Names as PostgreSQL itself would print them: quoted only where they must be. */
export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `table` or `schema.table`, unquoted: the key by which a catalog knows it. */
export function relationName(relation: RangeVar | undefined): string {
  if (!relation?.relname) return '';
  return relation.schemaname ? `${relation.schemaname}.${relation.relname}` : relation.relname;
}

/** A relation's name as SQL. */
export function quoteRelation(name: string): string {
  return name.split('.').map(quoteName).join('.');
}

/** The parts of a qualified name that the grammar keeps as a list of strings. */
export function stringsOf(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).flatMap((node) => ('String' in node ? [node.String.sval ?? ''] : []));
}

/** The name of an object in a DROP or a RENAME: a list of strings, or a list in a list. */
export function objectName(node: Node | undefined): string {
  if (!node) return '';
  if ('List' in node) return stringsOf(node.List.items).join('.');
  if ('String' in node) return node.String.sval ?? '';
  return '';
}

/** A type by its short name with its modifiers: `varchar(20)`, `numeric(10,2)`, `text[]`. */
export function typeText(type: TypeName | undefined): string {
  const parts = stringsOf(type?.names).filter((part) => part !== 'pg_catalog');
  const name = parts.map((part) => ALIASES[part] ?? part).join('.');
  const modifiers = (type?.typmods ?? []).flatMap((node) =>
    'A_Const' in node && 'ival' in node.A_Const ? [String(node.A_Const.ival?.ival ?? 0)] : [],
  );
  // interval(3) has the mask of its fields first.
  if (name === 'interval' && modifiers.length > 1) modifiers.shift();
  return `${name}${modifiers.length > 0 ? `(${modifiers.join(',')})` : ''}${(type?.arrayBounds ?? []).length > 0 ? '[]' : ''}`;
}

const ALIASES: Readonly<Record<string, string>> = {
  int4: 'integer',
  int8: 'bigint',
  int2: 'smallint',
  bool: 'boolean',
  float4: 'real',
  float8: 'double precision',
  bpchar: 'char',
  int: 'integer',
  decimal: 'numeric',
};

/** Of the grammar's reserved words, those that people have used as names. */
const RESERVED = new Set(
  'all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default deferrable desc distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime localtimestamp not null offset on only or order placing primary references returning select session_user some symmetric system_user table then to trailing true union unique user using variadic when where window with current_date current_time current_timestamp current_user current_role'.split(
    ' ',
  ),
);

/** Whether SQL speaks of a column of this name; it may, too, of another thing that is called so. */
export function mentions(sql: string, column: string): boolean {
  return new RegExp(`(?<![\\w$])${column.replaceAll('$', '\\$')}(?![\\w$])`).test(sql);
}
