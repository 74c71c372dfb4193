import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { ControllerClient } from './controller-client.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** It answers at once, and knows what it was asked. */
async function controller() {
  const asked: unknown[] = [];
  const server = createServer(async (request, response) => {
    asked.push(await json(request));
    response.setHeader('connection', 'close').end('{}');
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => server.close(),
  };
}

const chunk = (offset: number) => ({
  jobId: '00000000-0000-7000-8000-000000000001',
  epoch: 1,
  attemptId: '00000000-0000-7000-8000-000000000002',
  index: 0,
  offset,
  text: 'x',
});

test('calls that fail at one controller at once all reach the other', async () => {
  const [dead, alive] = [await controller(), await controller()];
  dead.stop();
  const client = new ControllerClient([dead.url, alive.url], 'hf_test');
  await Promise.all([1, 2, 3, 4].map((offset) => client.appendLog(chunk(offset))));
  expect(alive.asked).toHaveLength(4);
});

test('the controller that answered last is asked first', async () => {
  const [first, second] = [await controller(), await controller()];
  const client = new ControllerClient([first.url, second.url], 'hf_test');
  await client.appendLog(chunk(1));
  first.stop();
  for (const offset of [2, 3]) await client.appendLog(chunk(offset));
  expect([first.asked.length, second.asked.length]).toEqual([1, 2]);
});

test('who greets a controller that hangs is at the other long before it would be missed', async () => {
  const hanging = createServer(() => {});
  servers.push(hanging);
  await new Promise<void>((done) => hanging.listen(0, '127.0.0.1', done));
  const alive = await controller();
  const client = new ControllerClient(
    [`http://127.0.0.1:${(hanging.address() as AddressInfo).port}`, alive.url],
    'hf_test',
  );
  // What it answers is of no matter here.
  await client.hello({ slots: 1 } as never).catch(() => {});
  hanging.closeAllConnections();
  expect(alive.asked).toHaveLength(1);
}, 8_000);

test('without any controller it says so, and whom it asked', async () => {
  const gone = await controller();
  gone.stop();
  const client = new ControllerClient([gone.url], 'hf_test');
  await expect(client.appendLog(chunk(1))).rejects.toThrow(`no controller answers at ${gone.url}`);
});
