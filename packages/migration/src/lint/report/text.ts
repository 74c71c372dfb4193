import { formatBytes } from '@holdfast/core/kernel/quantity.ts';
import type { Finding } from '../finding.ts';

/** For people: where, what, why it hurts, and what to write instead. */
export function textReport(findings: readonly Finding[]): string {
  return findings.map(oneFinding).join('\n');
}

function oneFinding(finding: Finding): string {
  const { place, rule, accepted } = finding;
  const mark = accepted === null ? finding.severity : 'accepted';
  const lines = [`${place.file}:${place.line}:${place.column}: ${mark}: ${finding.message} [${rule}]`];
  if (accepted !== null) return [...lines, `  because: ${accepted}`].join('\n');
  for (const { relation, lock, blocks, rewrite, scan } of finding.locks) {
    const work = rewrite ? ', writes it anew' : scan ? ', reads all of it' : '';
    lines.push(`  lock: ${lock} on ${relation}${work}${blocks ? `; ${blocks} wait` : ''}`);
  }
  if (finding.table)
    lines.push(
      `  ${finding.table.name}: ${finding.table.rows.toLocaleString('en')} rows, ${formatBytes(finding.table.bytes)}`,
    );
  for (const [phase, statements] of Object.entries(finding.instead ?? {}))
    for (const statement of statements as readonly string[]) lines.push(`  instead, ${phase}: ${statement};`);
  return lines.join('\n');
}
