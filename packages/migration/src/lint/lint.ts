import type { Catalog } from '../catalog/catalog.ts';
import { blockedBy, type Effects } from '../effects/effect.ts';
import { effectsOf } from '../effects/effects-of.ts';
import { parseSql } from '../sql/parse-sql.ts';
import type { Statement } from '../sql/statement.ts';
import { createdBy } from './created-by.ts';
import type { Finding } from './finding.ts';
import type { Found, Phase, Rule } from './rule.ts';
import { longLock } from './rules/long-lock.ts';
import { RULES } from './rules.ts';
import { isSmall } from './small.ts';

const NO_REASON = 'no reason given';

export interface LintedFile {
  readonly path: string;
  readonly text: string;
  readonly phase: Phase;
}

/** All findings of a file. The parser must have been loaded (loadParser). */
export function lint(file: LintedFile, catalog: Catalog): readonly Finding[] {
  return lintStatements(parseSql(file.path, file.text), file.phase, catalog);
}

export function lintStatements(
  statements: readonly Statement[],
  phase: Phase,
  catalog: Catalog,
): readonly Finding[] {
  return statements.flatMap((statement, at) => {
    const before = statements.slice(0, at);
    // What the file itself creates nobody uses yet.
    const created = createdBy(before);
    const effects = effectsOf(statement, catalog);
    const context = { statement, effects, catalog, phase, before };
    const found = RULES.flatMap((rule) => {
      const result = rule.find(context);
      return result && !(result.relation !== null && created.has(result.relation)) ? [{ rule, result }] : [];
    });
    const named = found.some(({ rule }) => rule.severity === 'error' && rule !== longLock);
    const said = found.filter(({ rule }) => rule !== longLock || !named);
    return [
      ...said.map((entry) => findingOf(entry, { statement, effects, catalog })),
      ...unexplained(statement),
    ];
  });
}

function findingOf(
  { rule, result }: { readonly rule: Rule; readonly result: Found },
  {
    statement,
    effects,
    catalog,
  }: { readonly statement: Statement; readonly effects: Effects; readonly catalog: Catalog },
): Finding {
  const table = result.relation === null ? null : catalog.table(result.relation);
  const heavy = effects.on.some(
    ({ rewrite, scan, relation }) => relation === result.relation && (rewrite || scan),
  );
  const harmless = heavy && isSmall(table) && !result.anySize;
  const accepted = statement.accepted.find((entry) => entry.rule === rule.name);
  return {
    rule: rule.name,
    severity: harmless && rule.severity === 'error' ? 'note' : rule.severity,
    place: statement.place,
    statement: statement.text,
    message: result.message,
    why: rule.why,
    locks: effects.on.map((effect) => ({ ...effect, blocks: blockedBy(effect.lock) })),
    table: table && { name: table.name, rows: table.rows, bytes: table.bytes, writes: table.writes },
    instead: result.instead ?? null,
    accepted: accepted ? accepted.reason || null : null,
  };
}

/** An acceptance says why, and of which rule; one that does not is a finding itself. */
function unexplained(statement: Statement): readonly Finding[] {
  return statement.accepted.flatMap(({ rule, reason }) => {
    const known = RULES.some(({ name }) => name === rule);
    if (known && reason !== '') return [];
    return [
      {
        rule: 'acceptance',
        severity: 'error' as const,
        place: statement.place,
        statement: statement.text,
        message: known
          ? `${rule} is accepted with ${NO_REASON}; write -- holdfast-accept ${rule}: REASON`
          : `there is no rule ${rule}`,
        why: 'Whoever reads this later must know why it was fine.',
        locks: [],
        table: null,
        instead: null,
        accepted: null,
      },
    ];
  });
}
