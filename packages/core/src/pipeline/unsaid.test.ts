import { expect, test } from 'vitest';
import type { JobDefinition, StepDefinition, Template, WorkflowDefinition } from './pipeline.ts';
import { outwardSteps, provisioningSteps } from './unsaid.ts';

const step = (script: string, env: Template = null) =>
  ({
    action: { kind: 'run', script, shell: null, workingDirectory: null },
    env,
  }) as unknown as StepDefinition;
const workflow = (...steps: StepDefinition[]): WorkflowDefinition => ({
  name: 'w',
  path: 'w.yml',
  env: null,
  jobs: [{ key: 'ship', steps } as unknown as JobDefinition],
});
const toolsOf = (...scripts: string[]) =>
  outwardSteps(workflow(...scripts.map((script) => step(script)))).map(({ tool }) => tool);

test('steps that reach outside with a known tool are pointed at', () => {
  expect(
    toolsOf(
      'npm ci\nnpm publish --access public',
      'docker push registry/app:1',
      'kubectl apply -f k8s',
      'git push origin v1',
      'curl -fsS -X POST https://hooks/x',
      'rsync -a dist/ deploy@host:/srv',
      'aws s3 sync dist s3://bucket',
    ),
  ).toHaveLength(7);
});

test('what stays inside, is commented out, or says what to do, is not', () => {
  expect(
    toolsOf(
      'npm ci && npm test',
      '# npm publish',
      'curl -fsSL https://x/file',
      'git status',
      'docker build .',
    ),
  ).toEqual([]);
  const said = step('npm publish', { members: [['HOLDFAST_ON_LOST', 'ask']] } as unknown as Template);
  expect(outwardSteps(workflow(said))).toEqual([]);
});

test('steps that change the machine before others are pointed at, unless they say what a restore does', () => {
  const found = (...scripts: (string | StepDefinition)[]) =>
    provisioningSteps(workflow(...scripts.map((one) => (typeof one === 'string' ? step(one) : one)))).map(
      ({ step: at, tool }) => `${at} ${tool}`,
    );
  const withExpression = {
    ...step(''),
    action: {
      kind: 'run',
      script: { expression: "format('set -e\n# sudo\napt-get install {0}', inputs.tool)" },
    },
  } as unknown as StepDefinition;
  expect(
    found(
      'sudo apt-get update && sudo apt-get -y install jq',
      'npm install --global pnpm',
      'docker build -t app .',
      'systemctl start redis',
      'sudo sysctl -w vm.max_map_count=262144',
      'docker run --rm --name db -dp 5432:5432 postgres:18',
      withExpression,
      'make',
    ),
  ).toEqual([
    '1 package manager',
    '2 npm install --global',
    '3 containers or images',
    '4 service of the machine',
    '5 settings of the machine',
    '6 containers or images',
    '7 package manager',
  ]);
  expect(
    found(
      'npm ci',
      'npm test -- -g "logs in"',
      'npm root -g',
      'npm install --global-style left-pad',
      'apt-get update\nmake install',
      '# sudo apt-get install jq',
      'docker compose down',
      'docker run --rm my-d-image ./bring-up.sh',
      'npm install react-g',
      'sudo chown -R app .',
      'apt-get install jq',
    ),
  ).toEqual([]);
  for (const said of ['keep', 'rerun']) {
    const env = { members: [['HOLDFAST_ON_RESTORE', said]] } as unknown as Template;
    expect(found(step('apt-get install jq', env), 'jq .')).toEqual([]);
  }
});
