import { expect, test } from 'vitest';
import { formatDuration, parseDurationMs, parsePercentagePoints, parseShare } from './quantity.ts';

test('units are read, and their absence is an error that says what was expected', () => {
  expect(parseDurationMs('250ms')).toEqual({ ok: true, value: 250 });
  expect(parseDurationMs('1.5m')).toEqual({ ok: true, value: 90_000 });
  expect(parseShare('2.5%')).toEqual({ ok: true, value: 250 });
  expect(parsePercentagePoints('0.2pp')).toEqual({ ok: true, value: 0.002 });
  expect(parseDurationMs('30')).toMatchObject({ ok: false, refusal: expect.stringContaining('30s') });
  expect(parseShare('120%')).toMatchObject({ ok: false });
});

test('durations are written as they are read', () => {
  expect(formatDuration(90_000)).toBe('1.5m');
});
