import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AccessLog } from './access-log.ts';

test('a line a request says who, what and how it ended, and no secret of the query or the headers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-access-'));
  const file = join(folder, 'new', 'access.log');
  const log = new AccessLog(file);
  const server = createServer((request, response) => {
    log.note(request, response);
    if (request.url === '/cut') return void response.writeHead(200).write('x', () => response.destroy());
    response.writeHead(201).end('ok');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const ask = (path: string) =>
    new Promise<void>((done) => {
      const { port } = server.address() as AddressInfo;
      const headers = { authorization: 'Bearer hidden' };
      get({ port, path, headers, agent: false }, (answer) => answer.resume().on('close', done)).on(
        'error',
        () => done(),
      );
    });
  await ask('/cart?token=hidden');
  await ask('/cut');
  const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : []);
  await expect
    .poll(() => {
      log.close();
      return lines().length;
    })
    .toBe(2);
  const [first, second] = lines().map((line) => JSON.parse(line));
  expect(first).toMatchObject({
    client: expect.stringContaining('127.0.0.1'),
    method: 'GET',
    path: '/cart',
    status: 201,
    complete: true,
  });
  expect(second).toMatchObject({ path: '/cut', complete: false });
  expect(readFileSync(file, 'utf8')).not.toContain('hidden');
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true, force: true });
});
