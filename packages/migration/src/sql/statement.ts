import type { Node } from '@pgsql/types';

/** One statement of a file, as PostgreSQL's own grammar reads it. */
export interface Statement {
  /** The grammar's name of it, such as AlterTableStmt. */
  readonly kind: string;
  readonly node: Node;
  /** As it was written, without the semicolon and what stands before it. */
  readonly text: string;
  readonly place: Place;
  /** Findings that the author accepted in a comment above, each with a reason. */
  readonly accepted: readonly Acceptance[];
}

/** From 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Acceptance {
  readonly rule: string;
  readonly reason: string;
}

/** The statement if it is of this kind. */
export function statementAs<Kind extends string>(
  { node }: Pick<Statement, 'node'>,
  kind: Kind,
): Extract<Node, Record<Kind, unknown>>[Kind] | null {
  return kind in node ? ((node as Record<string, unknown>)[kind] as never) : null;
}
