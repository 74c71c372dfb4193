import { expect, test } from 'vitest';
import { outwardSteps } from './outward.ts';
import type { JobDefinition, StepDefinition, Template, WorkflowDefinition } from './pipeline.ts';

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
