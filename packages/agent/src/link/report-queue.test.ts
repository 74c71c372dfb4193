import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReportQueue } from './report-queue.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-reports-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const SILENT = pino({ level: 'silent' });

const acknowledged = (jobId: string) => ({ kind: 'leaseAcknowledged', jobId, epoch: 1 }) as const;
const accepted = (number: number) => ({ number, outcome: 'accepted', reason: null }) as const;

test('what was not answered is said again by the next process', () => {
  const file = join(root, 'reports.json');
  const before = new ReportQueue(file, SILENT);
  for (const job of ['a', 'b']) void before.send(acknowledged(job));
  before.settle([accepted(1)]);
  const after = new ReportQueue(file, SILENT);
  expect(after.pending.reports).toEqual([{ number: 1, report: acknowledged('b') }]);
});

test('reports that cannot be written down are said and answered, and written down when they can be', async () => {
  const folder = join(root, 'full');
  const file = join(folder, 'reports.json');
  const queue = new ReportQueue(file, SILENT);
  const [first, second] = [queue.send(acknowledged('a')), queue.send(acknowledged('b'))];
  expect(queue.pending.reports).toHaveLength(2);
  queue.settle([accepted(1)]);
  expect(await first).toEqual(accepted(1));
  expect(existsSync(file)).toBe(false);

  mkdirSync(folder);
  void queue.send(acknowledged('c'));
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject(
    ['b', 'c'].map((jobId) => ({ report: { jobId } })),
  );
  queue.settle([accepted(2), accepted(3)]);
  expect(await second).toEqual(accepted(2));
  expect(queue.isEmpty).toBe(true);
});
