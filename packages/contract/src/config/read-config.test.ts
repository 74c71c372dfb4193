import { expect, test } from 'vitest';
import { HoldfastError } from '../errors.ts';
import { findEnvironment, readConfig } from './read-config.ts';
import { isOpen } from './window.ts';

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
  expect(production?.strategy).toMatchObject({
    kind: 'canary',
    baseline: 'fresh',
    steps: [
      { weight: 500, mirror: 0 },
      { weight: 2_500, dwell: 600_000, mirror: 0 },
    ],
  });
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
});

test('an environment is found by its name where only one app has it', () => {
  const apps = readConfig('holdfast.yaml', GOOD);
  expect(findEnvironment(apps, 'staging')).toMatchObject({ app: 'shop', environment: 'staging' });
  expect(() => findEnvironment(apps, 'shop/nowhere')).toThrow('shop/production, shop/staging');
});

const ROLLING = `version: 1
app: shop
environments:
  production:
    target: { command: [node, server.js], replicas: 4 }
    strategy: { kind: rolling, batch: 1, surge: 50% }
  staging:
    mirrors: production
    strategy: { kind: blueGreen, gate: manual, preview: { listen: 8081 } }
`;

test('each strategy has its own keys and its own pace', () => {
  const environments = readConfig('holdfast.yaml', ROLLING)[0]?.environments;
  expect(environments?.production?.strategy).toMatchObject({
    kind: 'rolling',
    batch: { count: 1 },
    surge: { share: 5_000 },
    minAvailable: { share: 10_000 },
    analysis: { dwell: 30_000, deadline: 120_000 },
  });
  expect(environments?.staging?.strategy).toMatchObject({
    kind: 'blueGreen',
    gate: 'manual',
    preview: { listen: 8081 },
    analysis: { dwell: 120_000 },
  });
  expect(problem(ROLLING.replace('batch: 1', 'steps: [5%]'))).toMatch(
    /^holdfast.yaml:6:\d+: .*steps: belongs to kind: canary, and this is rolling/,
  );
  expect(problem(ROLLING.replace('surge: 50%', 'surge: 0'))).toContain('leave no instance to replace');
});

test('a window is days, hours and a zone', () => {
  const windows = (text: string) => `${ROLLING}    windows: { allow: ["${text}"] }\n`;
  const [shop] = readConfig('holdfast.yaml', windows('Mon-Fri 08:00-17:00 Europe/Madrid'));
  const [weekday] = shop?.environments.staging?.windows?.allow ?? [];
  if (!weekday) throw new Error('no window');
  expect(isOpen(weekday, new Date('2026-11-20T07:30:00Z'))).toBe(true);
  expect(isOpen(weekday, new Date('2026-11-20T16:30:00Z'))).toBe(false);
  expect(isOpen(weekday, new Date('2026-11-21T10:00:00Z'))).toBe(false);
  const [night] =
    readConfig('holdfast.yaml', windows('Fri 22:00-04:00'))[0]?.environments.staging?.windows?.allow ?? [];
  if (!night) throw new Error('no window');
  expect(isOpen(night, new Date('2026-11-21T03:59:00Z'))).toBe(true);
  expect(isOpen(night, new Date('2026-11-21T22:30:00Z'))).toBe(false);
  expect(problem(windows('Mon-Fri 8-17'))).toContain('such as Mon-Fri 08:00-17:00');
});

test('two environments never change the same database', () => {
  const text = `version: 1
app: shop
environments:
  production:
    target: { command: [node, server.js] }
    migrations: { database: "\${{ secrets.DATABASE_URL }}" }
  staging:
    mirrors: production
`;
  expect(() => readConfig('holdfast.yaml', text)).toThrow('staging changes the same database as production');
  const own = `${text}    migrations: { database: "\${{ secrets.STAGING_URL }}" }\n`;
  expect(readConfig('holdfast.yaml', own)).toHaveLength(1);
});

test('a database is a secret and nothing else, and the folder stays in the repository', () => {
  const text = (migrations: string) => `version: 1
app: shop
environments:
  production:
    target: { command: [node, server.js] }
    migrations: ${migrations}
`;
  expect(() => readConfig('holdfast.yaml', text('{ database: "postgres://db/shop" }'))).toThrow(
    'expected one secret',
  );
  const database = 'database: "${{ secrets.D }}"';
  expect(() => readConfig('holdfast.yaml', text(`{ path: ../other, ${database} }`))).toThrow(
    'expected a folder',
  );
  expect(() => readConfig('holdfast.yaml', text(`{ throttle: { slotBytes: 4MB }, ${database} }`))).toThrow(
    'expected a size such as 64MiB',
  );
});
