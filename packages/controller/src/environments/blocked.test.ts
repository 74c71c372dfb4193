import { readConfig } from '@holdfast/contract/config/read-config.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { expect, test } from 'vitest';
import { blockedBy } from './blocked.ts';

const configWith = (windows: string) => {
  const [app] = readConfig(
    'holdfast.yaml',
    `version: 1
app: shop
environments:
  production:
    target: { command: [node, server.js] }
    windows: { allow: [${windows}] }
`,
  );
  return Object.values(app?.environments ?? {})[0] as EnvironmentRow['config'];
};
const OFFICE = configWith('"Mon-Fri 08:00-17:00 Europe/Madrid", "Sat 22:00-02:00 UTC"');
const CALM = { frozen_until: null, frozen_why: null };

test('a rollout starts inside the allowed windows, by the clock of their own zone', () => {
  const outside = 'outside the allowed windows: Mon-Fri 08:00-17:00 Europe/Madrid, Sat 22:00-02:00 UTC';
  const at = (time: string) => blockedBy(CALM, OFFICE, new Date(time));
  // Monday 07:30 UTC is 08:30 in Madrid in winter, and 06:30 is not yet eight.
  expect(at('2026-11-23T07:30:00Z')).toBeNull();
  expect(at('2026-11-23T06:30:00Z')).toBe(outside);
  // In summer Madrid is two hours ahead.
  expect(at('2026-07-20T06:30:00Z')).toBeNull();
  expect(at('2026-11-22T10:00:00Z')).toBe(outside);
  // Over midnight: Sunday belongs to Saturday's window until two.
  expect(at('2026-11-22T01:59:00Z')).toBeNull();
  expect(at('2026-11-22T02:00:00Z')).toBe(outside);
});

test('a freeze says until when and why, and is over by itself', () => {
  const frozen = { frozen_until: new Date('2026-11-23T08:00:00Z'), frozen_why: 'the audit' };
  const always = { windows: undefined };
  expect(blockedBy(frozen, always, new Date('2026-11-22T12:00:00Z'))).toBe(
    'frozen until 2026-11-23T08:00:00Z: the audit',
  );
  expect(blockedBy(frozen, always, new Date('2026-11-23T08:00:00Z'))).toBeNull();
  expect(blockedBy(CALM, always, new Date())).toBeNull();
});
