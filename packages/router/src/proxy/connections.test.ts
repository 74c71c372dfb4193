import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { Connections } from './connections.ts';
import { closeAll, watchedInstance } from './proxy-bench.ts';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await closeAll();
});

function connectionsTo(port: number, keepAliveTimeout = 4_000): Connections {
  const connections = new Connections(`http://127.0.0.1:${port}`, { bodyTimeout: 0, keepAliveTimeout });
  closers.push(() => connections.destroy());
  return connections;
}

/** The status, or the code of the error. */
function ask(connections: Connections, path = '/'): Promise<number | string> {
  return new Promise((done) => {
    let status = 0;
    connections.dispatch(
      { method: 'GET', path },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: () => {},
        onResponseEnd: () => done(status),
        onResponseError: (_controller, error) => done((error as { code?: string }).code ?? error.message),
      },
    );
  });
}

/** A connection is free for the next one a turn of the event loop after its answer. */
async function askAlone(connections: Connections, path = '/'): Promise<number | string> {
  const answer = await ask(connections, path);
  await new Promise(setImmediate);
  return answer;
}

const askAtOnce = (connections: Connections, times: number) =>
  Promise.all(Array.from({ length: times }, () => ask(connections)));

test('fifty users who come at once are no burst of fifty connections', async () => {
  const { port, seen } = await watchedInstance((_request, response) => response.end('yes'));
  const answers = await askAtOnce(connectionsTo(port), 50);
  expect(answers).toEqual(Array(50).fill(200));
  expect(seen.given).toBeLessThan(40);
});

test('requests that all take long get as many connections as they are', async () => {
  const waiting: (() => void)[] = [];
  const { port } = await watchedInstance((_request, response) => waiting.push(() => response.end('late')));
  const answers = askAtOnce(connectionsTo(port), 30);
  await vi.waitFor(() => expect(waiting).toHaveLength(30));
  for (const answer of waiting) answer();
  expect(await answers).toEqual(Array(30).fill(200));
});

test('one after the other they share one connection', async () => {
  const { port, seen } = await watchedInstance((_request, response) => response.end('yes'));
  const connections = connectionsTo(port);
  for (let turn = 0; turn < 5; turn += 1) expect(await askAlone(connections)).toBe(200);
  expect(seen.given).toBe(1);
});

test('who waits for an instance that refuses is told with the first', async () => {
  const { port, stop } = await watchedInstance((_request, response) => response.end('yes'));
  await stop();
  const connections = connectionsTo(port);
  expect(await askAtOnce(connections, 50)).toEqual(Array(50).fill('ECONNREFUSED'));
  expect(connections.size).toBe(0);
});

test('a malformed request costs no connection', async () => {
  const { port, seen } = await watchedInstance((_request, response) => response.end('yes'));
  const connections = connectionsTo(port);
  for (let turn = 0; turn < 5; turn += 1) {
    expect(await askAlone(connections)).toBe(200);
    expect(await askAlone(connections, '*')).toBe('UND_ERR_INVALID_ARG');
  }
  expect(connections.size).toBe(1);
  expect(seen.given).toBe(1);
});

test('what the instance closed is forgotten', async () => {
  const { port } = await watchedInstance((_request, response) =>
    response.setHeader('connection', 'close').end('bye'),
  );
  const connections = connectionsTo(port);
  expect(await askAtOnce(connections, 10)).toEqual(Array(10).fill(200));
  await vi.waitFor(() => expect(connections.size).toBe(0));
});

test('closing lets those who wait and those in flight end first', async () => {
  const { port } = await watchedInstance((_request, response) => setTimeout(() => response.end('yes'), 20));
  const connections = connectionsTo(port);
  const answers = askAtOnce(connections, 20);
  await connections.close();
  expect(await answers).toEqual(Array(20).fill(200));
  expect(connections.size).toBe(0);
});

test('connections that are opened ahead send nothing, and the first requests find them', async () => {
  const asked: string[] = [];
  const { port, seen } = await watchedInstance((request, response) => {
    asked.push(String(request.url));
    response.end('yes');
  });
  const connections = connectionsTo(port);
  await connections.openAhead(5, 60_000);
  await vi.waitFor(() => expect(seen.given).toBe(5));
  expect([connections.size, connections.kept]).toEqual([5, 0]);
  expect(await Promise.all(['/a', '/b', '/c', '/d', '/e'].map((path) => ask(connections, path)))).toEqual(
    Array(5).fill(200),
  );
  expect(asked.sort()).toEqual(['/a', '/b', '/c', '/d', '/e']);
  expect(seen.given).toBe(5);
  await vi.waitFor(() => expect(connections.kept).toBe(5));
});

test('an instance that accepts only to hang up is tried as often as was wanted, and no more', async () => {
  let given = 0;
  const server = createServer((socket) => {
    given += 1;
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => new Promise((done) => server.close(done)));
  const connections = connectionsTo((server.address() as AddressInfo).port);
  await connections.openAhead(4, 60_000);
  await vi.waitFor(() => expect(connections.size).toBe(0));
  expect(given).toBeLessThanOrEqual(4);
});

test('opening ahead ends when the instance is let go of', async () => {
  const { port } = await watchedInstance((_request, response) => response.end('yes'));
  const connections = connectionsTo(port);
  const opened = connections.openAhead(1_000, 60_000);
  await vi.waitFor(() => expect(connections.size).toBeGreaterThan(3));
  await connections.close();
  await opened;
  expect(connections.size).toBe(0);
});

test('a connection that was opened ahead and is needed by nobody is closed like any idle one', async () => {
  const { port } = await watchedInstance((_request, response) => response.end('yes'));
  const connections = connectionsTo(port, 200);
  await connections.openAhead(3, 60_000);
  expect(connections.size).toBeGreaterThan(0);
  await vi.waitFor(() => expect(connections.size).toBe(0), { timeout: 3_000 });
});

test('requests that come while connections are opened ahead are served by them', async () => {
  const { port } = await watchedInstance((_request, response) => response.end('yes'));
  const connections = connectionsTo(port);
  const opened = connections.openAhead(8, 60_000);
  expect(await askAtOnce(connections, 20)).toEqual(Array(20).fill(200));
  await opened;
  expect(connections.size).toBeGreaterThanOrEqual(8);
});

test('an instance that refuses is not tried again and again ahead of requests, and time that is up ends it', async () => {
  const { port, seen, stop } = await watchedInstance((_request, response) => response.end('yes'));
  const connections = connectionsTo(port);
  await connections.openAhead(5, 0);
  expect(seen.given).toBe(0);
  await stop();
  await connections.openAhead(5, 60_000);
  expect(connections.size).toBe(0);
});
