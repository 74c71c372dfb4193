import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { call, closeAll, instance, refusingPort, router } from './proxy-bench.ts';
import { RetryBudget } from './retry-budget.ts';

/** More than the instances can take: what is refused at once, so that what is taken is answered. */
afterEach(closeAll);

test('beyond its cap an instance gets nothing more: 503 at once, with Retry-After, and what it has is answered', async () => {
  const open: (() => void)[] = [];
  const slow = await instance((_incoming, response) => open.push(() => response.end('done')));
  const { port } = await router([slow], { inFlightPerInstance: 3 });
  const taken = Array.from({ length: 3 }, () => call(port));
  await expect.poll(() => open.length).toBe(3);
  expect(await call(port)).toMatchObject({
    status: 503,
    retryAfter: '1',
    text: 'the application is overloaded\n',
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
  const refused = await new Promise<string>((done) => socket.once('data', (chunk) => done(String(chunk))));
  expect(refused).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 1/);
  for (const finish of open) finish();
  expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200, 200]);
  const after = call(port);
  await expect.poll(() => open.length).toBe(4);
  open[3]?.();
  expect((await after).status).toBe(200);
});

test('a fleet that refuses everything is not asked three times for each request', async () => {
  let tried = 0;
  const dying = await instance((incoming) => {
    tried += 1;
    incoming.socket.destroy();
  });
  const { port } = await router([dying, await refusingPort()], { retryShare: 0.2 });
  const requests = 200;
  for (let sent = 0; sent < requests; sent += 20)
    await Promise.all(Array.from({ length: 20 }, () => call(port)));
  // Each is tried once; a fifth of them again.
  expect(tried).toBeLessThanOrEqual(requests * 1.2 + 1);
});

test('retries are a share of the requests of the last seconds, and a few always', () => {
  const budget = new RetryBudget(0.2);
  const taken = (now: number) => {
    let count = 0;
    while (budget.take(now)) count += 1;
    return count;
  };
  budget.noteRequest(20_000);
  expect(taken(20_000)).toBe(10);
  for (let sent = 0; sent < 1_000; sent += 1) budget.noteRequest(21_000);
  expect(taken(21_000)).toBe(191);
  expect(taken(31_000)).toBe(10);
});
