import { expect, test } from 'vitest';
import { HoldfastError } from '../errors.ts';
import { findEnvironment, readConfig } from './read-config.ts';

const GOOD = `version: 1
app: shop
environments:
  production:
    target:
      command: [node, server.js]
      replicas: 4
    strategy:
      steps: [5%, { weight: 25%, dwell: 10m }]
      analysis:
        errorRate: { increase: 0.2pp }
  staging:
    mirrors: production
    target: { replicas: 2 }
`;

function problem(text: string): string {
  try {
    readConfig('holdfast.yaml', text);
  } catch (error) {
    if (error instanceof HoldfastError) return error.located;
    throw error;
  }
  throw new Error('it was accepted');
}

test('a file is read into base units, with defaults', () => {
  const [shop] = readConfig('holdfast.yaml', GOOD);
  const production = shop?.environments.production;
  expect(production?.strategy.steps).toEqual([{ weight: 500 }, { weight: 2_500, dwell: 600_000 }]);
  expect(production?.strategy.analysis).toMatchObject({ errorRate: { increase: 0.002 }, dwell: 300_000 });
  expect(production?.drain).toEqual({ deadline: 30_000, grace: 10_000 });
});

test('an environment mirrors another but for what it says itself', () => {
  const [shop] = readConfig('holdfast.yaml', GOOD);
  expect(shop?.environments.staging?.target).toMatchObject({ replicas: 2, command: ['node', 'server.js'] });
});

test('what is wrong is named with line and column', () => {
  expect(problem(GOOD.replace('replicas: 4', 'replicaz: 4'))).toBe(
    'holdfast.yaml:7:7: unknown key environments.production.target.replicaz',
  );
  expect(problem(GOOD.replace('10m', '10'))).toMatch(
    /^holdfast.yaml:9:\d+: environments.production.strategy.steps.1.dwell: expected text with a unit, such as 30s/,
  );
  expect(problem(GOOD.replace('0.2pp', '0.2%'))).toMatch(/^holdfast.yaml:11:\d+: .*percentage points/);
  expect(problem(GOOD.replace('replicas: 4', 'replicas: 0'))).toMatch(/^holdfast.yaml:7:7: /);
  expect(problem('version: 1\napp: [shop\n')).toMatch(/^holdfast.yaml:\d+:\d+: broken YAML/);
});

test('what this version does not run is refused, never ignored', () => {
  const later = `${GOOD}    slos: [slo/checkout.yaml]\n`;
  expect(problem(later)).toMatch(/^holdfast.yaml:15:5: .*SLOs are not supported/);
  expect(problem(GOOD.replace('strategy:', 'strategy:\n      kind: rolling'))).toContain('expected canary');
});

test('an environment is found by its name where only one app has it', () => {
  const apps = readConfig('holdfast.yaml', GOOD);
  expect(findEnvironment(apps, 'staging')).toMatchObject({ app: 'shop', environment: 'staging' });
  expect(() => findEnvironment(apps, 'shop/nowhere')).toThrow('shop/production, shop/staging');
});
