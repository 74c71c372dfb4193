import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { afterAll, expect, test } from 'vitest';
import { Database } from '../database.ts';
import { pickOwner } from './owner.ts';
import { runningPid, startServer, stopServer } from './server.ts';

const root = mkdtempSync(join(tmpdir(), 'holdfast-server-'));
chmodSync(root, 0o711);
const cache = join(root, 'cache');
const owner = pickOwner(process.getuid?.() === 0);

afterAll(() => rmSync(root, { recursive: true, force: true }));

test('the server is adopted while it runs and comes back with its data after kill -9', async () => {
  const place = { root: join(root, 'killed'), cache, owner, port: 5432 };
  try {
    const first = await startServer(place);
    expect(await startServer(place)).toMatchObject({ pid: first.pid, adopted: true });
    const before = new Database(first.url);
    await before.query('CREATE TABLE kept (n integer)');
    await before.query('INSERT INTO kept VALUES (42)');
    process.kill(first.pid, 'SIGKILL');
    await expect.poll(() => startTimeOf(first.pid)).toBeNull();
    await expect(before.query('SELECT 1')).rejects.toMatchObject({ code: 'databaseUnavailable' });
    const second = await startServer(place);
    expect(second).toMatchObject({ adopted: false });
    expect((await before.query<{ n: number }>('SELECT n FROM kept')).rows).toEqual([{ n: 42 }]);
    await before.close();
  } finally {
    await stopServer(place);
    expect(runningPid(place)).toBeUndefined();
  }
});

test('one that dies while it is being adopted is followed by a new one', async () => {
  const place = { root: join(root, 'dying'), cache, owner, port: 5432 };
  try {
    const first = await startServer(place);
    // Stopped, it looks alive and does not answer: a killed one for as long as the kernel takes to end it.
    process.kill(first.pid, 'SIGSTOP');
    const second = startServer(place);
    await sleep(200);
    process.kill(first.pid, 'SIGKILL');
    expect(await second).toMatchObject({ adopted: false });
  } finally {
    await stopServer(place);
  }
});

test('as root an unprivileged account is picked, else nobody is', () => {
  const passwd =
    'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\npostgres:x:112:118::/:/bin/sh\n';
  expect(pickOwner(true, passwd)).toEqual({ uid: 112, gid: 118 });
  expect(pickOwner(false, passwd)).toEqual({});
  expect(() => pickOwner(true, 'root:x:0:0::/root:/bin/sh\n')).toThrow('useradd');
});
