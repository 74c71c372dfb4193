import { expect, test } from 'vitest';
import { hasContract, readDeclaration } from './plan-of-changes.ts';

test.each([
  ['addIndex: { table: t, columns: [a], name: i }', false],
  ['addColumn: { table: t, column: c, type: text }', false],
  ['addColumn: { table: t, column: c, type: text, default: "\'\'" }', true],
  ['addColumn: { table: t, column: c, type: text, notNull: true }', true],
  ['addCheck: { table: t, name: c, check: a > 0 }', true],
  ['addCheck: { table: t, name: c, check: a > 0, when: expand }', false],
  ['dropConstraint: { table: t, name: c }', false],
  ['rename: { table: t, column: a, to: b }', true],
  ['dropTable: { table: t }', true],
])('%s takes something away in the end: %s', (change, expected) => {
  const text = `changes:\n  - ${change}\n`;
  expect(hasContract(readDeclaration({ path: 'migration.yaml', text }))).toBe(expected);
  expect(hasContract(readDeclaration({ path: 'm', text: `${text}  - dropTable: { table: o }\n` }))).toBe(
    true,
  );
});
