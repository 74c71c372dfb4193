import type { Acceptance, Place } from './statement.ts';

/** Where a statement begins that has this much text before it. */
export function placeAt(file: string, before: string): Place {
  const lines = before.split('\n');
  return { file, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** `-- holdfast-accept RULE: reason`, on the lines above a statement. */
export function acceptancesIn(lead: string): readonly Acceptance[] {
  return [...lead.matchAll(/^--\s*holdfast-accept\s+([a-z0-9-]+)\s*(?::[ \t]*(.*))?$/gm)].map((found) => ({
    rule: found[1] ?? '',
    reason: (found[2] ?? '').trim(),
  }));
}
