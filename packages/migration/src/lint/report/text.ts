import type { Finding } from '../finding.ts';

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

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
      `  ${finding.table.name}: ${finding.table.rows.toLocaleString('en')} rows, ${size(finding.table.bytes)}`,
    );
  for (const [phase, statements] of Object.entries(finding.instead ?? {}))
    for (const statement of statements as readonly string[]) lines.push(`  instead, ${phase}: ${statement};`);
  return lines.join('\n');
}

function size(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), SIZES.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${SIZES[power]}`;
}
