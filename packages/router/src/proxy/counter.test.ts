import { expect, test } from 'vitest';
import { Counter } from './counter.ts';

const stable = { name: 'stable', release: 'r1' } as const;

/** What is handed over of a second in which these were answered. */
function counted(...answers: readonly { readonly failed: boolean; readonly bucket: number | null }[]) {
  let now = 1_000;
  const counter = new Counter(() => now);
  for (const answer of answers) counter.count(stable, { ...answer, ms: 1 });
  now = 2_000;
  return counter.closed()[0]?.groups[0];
}

const [good, bad] = [{ failed: false }, { failed: true }];

test('a user who is known is one unit a second, whoever is not is one for each request', () => {
  expect(
    counted({ ...good, bucket: 7 }, { ...bad, bucket: 7 }, { ...bad, bucket: 7 }, { ...good, bucket: 8 }),
  ).toMatchObject({
    requests: 4,
    failed: 2,
    units: 2,
    failedUnits: 1,
    failedUsers: [7],
  });
  expect(counted({ ...good, bucket: null }, { ...bad, bucket: null })).toMatchObject({
    units: 2,
    failedUnits: 1,
    failedUsers: null,
  });
});

test('where only some requests say who asks, it does not matter which of them comes first', () => {
  const [anonymous, known] = [
    { ...bad, bucket: null },
    { ...good, bucket: 7 },
  ];
  const both = { requests: 3, units: 2, failedUnits: 1, failedUsers: [] };
  expect(counted(anonymous, known, known)).toMatchObject(both);
  expect(counted(known, known, anonymous)).toMatchObject(both);
});
