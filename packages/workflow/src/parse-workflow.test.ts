import { HoldfastError } from '@holdfast/contract/errors.ts';
import { expect, test } from 'vitest';
import { parseWorkflow } from './parse-workflow.ts';
import { secretNames, wantsAllSecrets } from './secret-names.ts';
import { globMatches, matchesPush } from './triggers.ts';

const files: Record<string, string> = {
  'tools/greet/action.yml':
    'name: greet\ndescription: x\nruns:\n  using: composite\n  steps:\n    - run: echo hi\n      shell: sh\n',
};
const parse = (text: string) =>
  parseWorkflow({ path: 'ci.yml', text, readFile: (path) => files[path] ?? null });

function problem(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof HoldfastError) return error.located;
    throw error;
  }
  throw new Error('it was accepted');
}

const GOOD = `name: ci
on:
  push:
    branches: [main]
env:
  A: one
jobs:
  build:
    runs-on: ubuntu-latest
    outputs:
      out: \${{ steps.x.outputs.y }}
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 3 }
      - id: x
        run: |
          echo 'a' 'b' \${{ github.sha }}
            deep
      - uses: ./tools/greet
  ship:
    needs: build
    if: github.ref == 'refs/heads/main'
    runs-on: [linux, x64]
    steps:
      - uses: holdfast/deploy@v1
        with: { environment: production, artifact: "\${{ needs.build.outputs.out }}" }
`;

test('a workflow is read into jobs, steps and triggers', () => {
  const { definition, triggers, fetchDepth } = parse(GOOD);
  expect(definition.jobs.map((job) => [job.key, job.lane, job.needs])).toEqual([
    ['build', 'agent', []],
    ['ship', 'controller', ['build']],
  ]);
  expect(definition.jobs[1]?.condition).toBe("success() && (github.ref == 'refs/heads/main')");
  expect(definition.jobs[0]?.steps[1]?.action).toMatchObject({
    script: { expression: expect.stringContaining('format(') },
  });
  expect(triggers.push?.branches).toEqual(['main']);
  expect(fetchDepth).toBe(3);
});

test('what is broken is named with file, line and column', () => {
  expect(problem(GOOD.replace('runs-on: ubuntu-latest', 'runs-onn: x'))).toMatch(
    /^ci.yml:9:5: Unexpected value 'runs-onn'/,
  );
  expect(problem(GOOD.replace('needs: build', 'needs: [ship]'))).toMatch(
    /^ci.yml:\d+:\d+: .*cycle|^ci.yml:\d+:\d+: .*no dependencies/,
  );
  expect(problem(GOOD.replace('needs: build', 'needs: nothing'))).toMatch(
    /^ci.yml:21:\d+: .*unknown job 'nothing'/,
  );
  expect(problem('on: push\njobs:\n\ta: b')).toMatch(/^ci.yml:3:1: broken YAML/);
  expect(problem(GOOD.replace('github.sha', 'githubb.sha'))).toContain('githubb');
});

test('what this version does not run is refused where it stands', () => {
  expect(problem(GOOD.replace('    needs: build', '    needs: build\n    concurrency: x'))).toMatch(
    /^ci.yml:22:5: concurrency groups are not supported/,
  );
  expect(
    problem(GOOD.replace('    branches: [main]', '    branches: [main]\n  schedule: [{cron: "0 1 * * *"}]')),
  ).toMatch(/^ci.yml:5:3: the event schedule/);
  expect(problem(GOOD.replace('actions/checkout@v4', 'actions/cache@v4'))).toMatch(
    /^ci.yml:13:15: action actions\/cache@v4 is not supported/,
  );
  expect(
    problem(GOOD.replace('      - id: x\n', '      - id: x\n        env: { HOLDFAST_ON_LOST: sometimes }\n')),
  ).toMatch(/^ci.yml:16:34: HOLDFAST_ON_LOST is sometimes/);
  expect(
    problem(GOOD.replace('      - id: x\n', '      - id: x\n        env: { HOLDFAST_RETRY: exit 75 }\n')),
  ).toMatch(/^ci.yml:16:32: HOLDFAST_RETRY is exit 75, expected `2`, or by what it failed of/);
  expect(
    problem(GOOD.replace('      - id: x\n', '      - id: x\n        env: { HOLDFAST_ON_RESTORE: again }\n')),
  ).toBe('ci.yml:16:37: HOLDFAST_ON_RESTORE is again, this version knows keep, rerun');
  expect(problem(GOOD.replace('fetch-depth: 3', 'ref: x'))).toMatch(
    /^ci.yml:14:17: input ref of actions\/checkout/,
  );
  expect(problem(GOOD.replace('./tools/greet', './tools/nothing'))).toContain(
    'has no action.yml in this commit',
  );
  expect(
    problem(
      GOOD.replace('      - uses: holdfast/deploy@v1', '      - run: echo\n      - uses: holdfast/deploy@v1'),
    ),
  ).toContain('a job of their own');
});

test('branches and tags are filtered as GitHub documents', () => {
  const filter = (over: object) => ({
    branches: null,
    branchesIgnore: [],
    tags: null,
    tagsIgnore: [],
    ...over,
  });
  expect(matchesPush(filter({ branches: ['main', 'rel/**', '!rel/old'] }), 'refs/heads/rel/1/2')).toBe(true);
  expect(matchesPush(filter({ branches: ['main', 'rel/**', '!rel/old'] }), 'refs/heads/rel/old')).toBe(false);
  expect(matchesPush(filter({ branches: ['main'] }), 'refs/tags/v1')).toBe(false);
  expect(matchesPush(filter({ tags: ['v*'] }), 'refs/heads/main')).toBe(false);
  expect(matchesPush(filter({ branchesIgnore: ['wip/*'] }), 'refs/heads/main')).toBe(true);
  expect(globMatches('feature/*', 'feature/a/b')).toBe(false);
  expect(globMatches('**/b', 'feature/a/b')).toBe(true);
  expect(globMatches(`${'*a'.repeat(12)}*b`, 'a'.repeat(200))).toBe(false);
  expect(matchesPush(filter({ tagsIgnore: ['v0*'] }), 'refs/heads/main')).toBe(false);
  expect(problem(GOOD.replace('[main]', '["rel+"]'))).toContain('the pattern rel+');
});

test('a job is sent the secrets it names and no others', () => {
  const { definition } = parse(GOOD.replace('github.sha', 'secrets.TOKEN'));
  expect(secretNames(definition)).toEqual(['TOKEN']);
  expect(wantsAllSecrets(definition)).toBe(false);
  expect(wantsAllSecrets(parse(GOOD.replace('github.sha', 'toJSON(secrets)')).definition)).toBe(true);
});
