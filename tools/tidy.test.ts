import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '@holdfast/contract/config/read-config.ts';
import { ERRORS } from '@holdfast/contract/errors.ts';
import { parseWorkflow } from '@holdfast/workflow/parse-workflow.ts';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { VERSION } from '../packages/controller/src/version.ts';
import ratchet from './tidy.json' with { type: 'json' };

/** Style as a test, with a ratchet instead of a crusade: the figures in tidy.json only go down. */
const root = fileURLToPath(new URL('..', import.meta.url));
const sources = globSync('packages/*/src/**/*.{ts,tsx}', { cwd: root }).filter(
  (file) => !file.endsWith('.d.ts'),
);
const product = sources.filter((file) => !file.endsWith('.test.ts'));
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const lines = (file: string) => text(file).split('\n').length - 1;

/** Who may import whom (ARCHITECTURE.md). What is not listed is forbidden. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  contract: ['core'],
  workflow: ['core', 'contract'],
  migration: ['core', 'contract'],
  postgres: ['core', 'contract'],
  router: ['core', 'contract'],
  sdk: [],
  agent: ['core', 'contract', 'workflow'],
  cli: ['core', 'contract', 'migration'],
  dashboard: ['core', 'contract'],
  supervisor: ['core', 'contract', 'postgres'],
  controller: ['core', 'contract', 'workflow', 'postgres', 'migration'],
  testkit: ['core', 'contract', 'postgres'],
};

/** Inside core, parts look only downwards. */
const CORE_ORDER: Record<string, readonly string[]> = {
  kernel: [],
  analysis: ['kernel'],
  traffic: ['kernel'],
  release: ['kernel'],
  access: ['kernel'],
  pipeline: ['kernel'],
  migration: ['kernel'],
  rollout: ['kernel', 'analysis', 'traffic', 'release'],
};

function imports(file: string): string[] {
  return [...text(file).matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

test('packages import only inwards', () => {
  const wrong = product.flatMap((file) => {
    const own = file.split('/')[1] ?? '';
    const allowed = [...(MAY_IMPORT[own] ?? []), own];
    return imports(file)
      .flatMap((name) => /^@holdfast\/([a-z]+)\//.exec(name)?.[1] ?? [])
      .filter((name) => !allowed.includes(name))
      .map((name) => `${file} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

test('tests alone import testkit', () => {
  expect(
    product.filter(
      (file) => !file.startsWith('packages/testkit/') && text(file).includes('@holdfast/testkit'),
    ),
  ).toEqual([]);
});

/** The part of core that a relative import lies in. */
function partOf(file: string, name: string): string {
  return join(file, '..', name).split('/')[3] ?? '';
}

test('parts of core import only downwards, and core imports nothing else', () => {
  const wrong = product
    .filter((file) => file.startsWith('packages/core/'))
    .flatMap((file) => {
      const part = file.split('/')[3] ?? '';
      const allowed = [...(CORE_ORDER[part] ?? []), part];
      return imports(file)
        .filter((name) => !name.startsWith('.') || !allowed.includes(partOf(file, name)))
        .map((name) => `${file} imports ${name}`);
    });
  expect(wrong).toEqual([]);
});

test('core takes time and randomness as parameters', () => {
  const impure = product.filter(
    (file) =>
      file.startsWith('packages/core/') && /\bMath\.random\b|\bnew Date\b|\bDate\.now\b/.test(text(file)),
  );
  expect(impure).toEqual([]);
});

test('files stay short', () => {
  const long = product
    .filter((file) => lines(file) > ratchet.fileCeiling)
    .map((file) => `${file}: ${lines(file)}`);
  expect(long).toEqual([]);
  const sorted = product.map(lines).sort((a, b) => a - b);
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(ratchet.fileMedian);
  expect(sorted[Math.floor(sorted.length * 0.9)]).toBeLessThanOrEqual(ratchet.fileNinetieth);
});

test('functions stay short', () => {
  const lengths = product.flatMap(functionLengths).sort((a, b) => a.lines - b.lines);
  const long = lengths
    .filter((entry) => entry.lines > ratchet.functionCeiling)
    .map((entry) => `${entry.name}: ${entry.lines}`);
  expect(long).toEqual([]);
  expect(lengths[Math.floor(lengths.length * 0.9)]?.lines).toBeLessThanOrEqual(ratchet.functionNinetieth);
});

/** Over formatted text: a declaration at some indent ends at the closing brace of that indent. */
function functionLengths(file: string): { readonly name: string; readonly lines: number }[] {
  const all = text(file).split('\n');
  return all.flatMap((line, start) => {
    const match =
      /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\*? (\w+)|(?:(?:private|public|static|override|async) )*(\w+)\([^)]*\)(?:: [^=]+)? \{$)/.exec(
        line,
      );
    const name = match?.[2] ?? match?.[3];
    if (!match || !name || ['if', 'for', 'while', 'switch', 'catch', 'test'].includes(name)) return [];
    const end = all.findIndex((other, at) => at > start && other === `${match[1]}}`);
    return end < 0 ? [] : [{ name: `${file}:${start + 1} ${name}`, lines: end - start + 1 }];
  });
}

test('nothing is left for later behind a green mark', () => {
  const left = [...sources, ...globSync('{tests,tools}/**/*.ts', { cwd: root })].filter(
    (file) =>
      file !== 'tools/tidy.test.ts' &&
      /\b(TODO|FIXME|XXX)\b|\.(only|skip|todo)\(|@ts-ignore|\bas any\b/.test(text(file)),
  );
  expect(left).toEqual([]);
});

test('names are the words of the field, not drawers', () => {
  const drawers = sources.filter((file) =>
    /(^|\/)(utils?|helpers?|common|manager|types|lib|misc|index)\.tsx?$/.test(file),
  );
  expect(drawers).toEqual([]);
});

test('every error code is documented and used', () => {
  const page = text('docs/reference/errors.md');
  const code = product
    .filter((file) => !file.endsWith('contract/src/errors.ts'))
    .map(text)
    .join('\n');
  const codes = Object.keys(ERRORS);
  expect(codes.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  expect(codes.filter((name) => !code.includes(`'${name}'`))).toEqual([]);
});

test('every YAML block in the docs and every example parses as what it is', () => {
  const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];
  for (const page of pages) {
    for (const match of text(page).matchAll(/```ya?ml\n([\s\S]*?)```/g)) checkYaml(page, match[1] ?? '');
  }
  for (const file of globSync('examples/**/holdfast.yaml', { cwd: root })) readConfig(file, text(file));
  for (const file of globSync('examples/**/.holdfast/workflows/*.yml', { cwd: root }))
    parseWorkflow({ path: file, text: text(file), readFile: () => null });
});

function checkYaml(page: string, block: string): void {
  const errors = parseAllDocuments(block).flatMap((document) =>
    'errors' in document ? document.errors : [],
  );
  expect(errors, page).toEqual([]);
  if (/^version: 1$/m.test(block) && /^environments:/m.test(block)) readConfig(page, block);
  if (/^jobs:/m.test(block) && /^on:/m.test(block))
    parseWorkflow({ path: page, text: block, readFile: () => null });
}

test('links inside the docs lead somewhere', () => {
  const pages = globSync('{*.md,docs/**/*.md}', { cwd: root });
  const dead = pages.flatMap((page) =>
    [...text(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, page, '..', target)))
      .map((target) => `${page} → ${target}`),
  );
  expect(dead).toEqual([]);
});

test('the version is said once', () => {
  expect(JSON.parse(text('package.json')).version).toBe(VERSION);
});

test('nothing generated or private is in git', () => {
  const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n');
  expect(
    tracked.filter((file) => /(^|\/)(node_modules|dist|\.holdfast-data)\/|\.token$|master\.key$/.test(file)),
  ).toEqual([]);
});
