import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HolderRecord, identityOf, ownIdentity } from './record.ts';

function recordOf(pid: number): HolderRecord {
  const data = mkdtempSync(join(tmpdir(), 'holdfast-record-'));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const record = new HolderRecord({ data, port: 80 });
  record.write({ ...identityOf(pid), successor: false, standIn: null });
  return record;
}

test('a holder that its workers know to be dying is not followed by itself, however alive it looks', () => {
  const record = recordOf(process.pid);
  expect(record.read()?.pid).toBe(process.pid);
  expect(record.readAfter(ownIdentity())).toBe(null);
});

test('another one that lives follows it', () => {
  expect(recordOf(process.ppid).readAfter(ownIdentity())?.pid).toBe(process.ppid);
});
