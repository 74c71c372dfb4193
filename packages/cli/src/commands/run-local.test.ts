import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHoldfast } from '@holdfast/testkit/run-holdfast.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

// Each starts programs, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-local-'));
  execFileSync('git', ['-C', root, 'init', '-q']);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function runLocal(
  steps: string,
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const folder = join(root, '.holdfast', 'workflows');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'ci.yml'),
    `name: ci\non: push\njobs:\n  a:\n    runs-on: self-hosted\n    steps:\n${steps}`,
  );
  const env = { PATH: process.env.PATH, HOME: root };
  const { code, out } = await runHoldfast(['run', '--local'], { cwd: root, env });
  return { code, lines: out.split('\n') };
}

test('a local run prints what its steps print, every line once, and how it ended', async () => {
  const { code, lines } = await runLocal(
    '      - { name: quick, run: echo short }\n      - { name: slow, run: "for n in 1 2 3; do echo tick $n; sleep 0.4; done" }\n',
  );
  expect([code, lines.at(-2)]).toEqual([0, 'succeeded']);
  expect(lines.filter((line) => /short$|tick/.test(line) && !line.includes('>'))).toEqual([
    '    short',
    '    tick 1',
    '    tick 2',
    '    tick 3',
  ]);
});

test('a step that is run again shows each try once, and its end', async () => {
  const { code, lines } = await runLocal(
    '      - { name: flaky, run: "echo try; exit 4", env: { HOLDFAST_RETRY: 1 } }\n',
  );
  expect([code, lines.at(-2)]).toEqual([1, 'failed']);
  expect(lines.filter((line) => line === '    try')).toHaveLength(2);
  expect(lines.filter((line) => line.includes('failed: exit code 4'))).toEqual([
    '  failed: exit code 4; run again, as HOLDFAST_RETRY says',
    '  failed: exit code 4',
  ]);
});
