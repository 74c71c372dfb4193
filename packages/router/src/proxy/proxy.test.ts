import { createServer } from 'node:http';
import { connect } from 'node:net';
import { type CandidateAccess, NO_ACCESS } from '@holdfast/core/traffic/traffic.ts';
import { afterEach, expect, test } from 'vitest';
import {
  type Answer,
  call,
  closeAll,
  instance,
  listen,
  refusingPort,
  router,
  snapshotOf,
} from './proxy-bench.ts';

afterEach(closeAll);

test('any method is tried elsewhere when nothing was written', async () => {
  const seen: string[] = [];
  const good = await instance((incoming, response) => {
    let body = '';
    incoming
      .on('data', (part) => (body += part))
      .on('end', () => {
        seen.push(`${incoming.method} ${body}`);
        response.end('ok');
      });
  });
  const { port } = await router([await refusingPort(), good]);
  for (let n = 0; n < 6; n += 1)
    expect(await call(port, { method: 'POST', body: `b${n}`, chunked: n % 2 === 0 })).toMatchObject({
      status: 200,
      text: 'ok',
    });
  expect(seen).toHaveLength(6);
});

test('a POST that was sent and not answered is not repeated; a GET is', async () => {
  let hits = 0;
  const dying = await instance((incoming) => {
    hits += 1;
    incoming.resume().on('end', () => incoming.socket.destroy());
  });
  const lone = await router([dying]);
  expect((await call(lone.port, { method: 'POST', body: 'x' })).status).toBe(502);
  expect(hits).toBe(1);
  const good = await instance((_incoming, response) => response.end('ok'));
  const pair = await router([dying, good]);
  for (let n = 0; n < 4; n += 1) expect((await call(pair.port)).status).toBe(200);
});

test('without a ready instance the answer is 503 with Retry-After', async () => {
  const { port } = await router([]);
  expect(await call(port)).toMatchObject({ status: 503, retryAfter: '1' });
});

test('a large body streams through in both directions', async () => {
  const echo = await instance((incoming, response) => incoming.pipe(response));
  const { port } = await router([echo]);
  const body = 'y'.repeat(3_000_000);
  const answer = await call(port, { method: 'POST', body });
  expect(answer.text.length).toBe(body.length);
});

test('an answer of a known length arrives byte by byte as it was sent, whatever its pieces', async () => {
  const bytes = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index % 256));
  const pieces = [[7_000], [20_000], [1, 39_999], [9_000, 1, 100], [0]];
  const app = await instance((incoming, response) => {
    const sizes = pieces[Number(new URL(incoming.url ?? '', 'http://x').searchParams.get('n'))] as number[];
    const ends = sizes.map((_, index) => sizes.slice(0, index + 1).reduce((sum, size) => sum + size, 0));
    response.writeHead(200, { 'content-length': ends.at(-1) });
    ends.forEach((end, index) => {
      setTimeout(() => response.write(bytes.subarray(end - (sizes[index] ?? 0), end)), 20 * index);
    });
    setTimeout(() => response.end(), 20 * ends.length);
  });
  const { port } = await router([app]);
  for (const [n, sizes] of pieces.entries()) {
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    const answer = await fetch(`http://127.0.0.1:${port}/x?n=${n}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(0, whole))).toBe(true);
    const head = await fetch(`http://127.0.0.1:${port}/x?n=${n}`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(whole));
  }
});

test('fields that an answer says speak of its own connection are not passed on', async () => {
  const app = await instance((_incoming, response) => {
    response.writeHead(200, { connection: 'keep-alive, X-Hop', 'x-hop': '1', 'x-end': '2' }).end('ok');
  });
  const { port } = await router([app]);
  const { headers } = await fetch(`http://127.0.0.1:${port}/`);
  expect([headers.get('x-hop'), headers.get('x-end')]).toEqual([null, '2']);
});

test('an instance is not left working for a client that has gone', async () => {
  const gone: string[] = [];
  const slow = await instance((incoming, response) => {
    if (incoming.url === '/begun') response.writeHead(200, { 'content-length': 10 }).write('begun');
    incoming.resume();
    response.on('close', () => gone.push(incoming.url ?? ''));
  });
  const { port } = await router([slow]);
  const silent = connect(port, '127.0.0.1', () => silent.write('GET /silent HTTP/1.1\r\nhost: x\r\n\r\n'));
  setTimeout(() => silent.destroy(), 100);
  const begun = connect(port, '127.0.0.1', () => begun.write('GET /begun HTTP/1.1\r\nhost: x\r\n\r\n'));
  begun.once('data', () => begun.destroy());
  await expect.poll(() => gone.toSorted()).toEqual(['/begun', '/silent']);
});

test('clients that leave as soon as they have asked leave nothing in flight, and nobody else waits for them', async () => {
  const app = await instance((_incoming, response) => response.end('yes'));
  const { port, table } = await router([app]);
  const left = Array.from({ length: 50 }, (_, index) => {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => {});
    // Two requests in one write: the second one's answer waits for the first one's.
    client.write('GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n');
    if (index % 2 === 0) client.once('connect', () => client.resetAndDestroy());
    else client.once('data', () => client.destroy());
    return new Promise((done) => client.once('close', done));
  });
  await Promise.all(left);
  expect(await call(port)).toMatchObject({ status: 200, text: 'yes' });
  table.swap(snapshotOf([]));
  await expect.poll(() => table.draining()).toEqual({});
});

test('requests of one connection that come at once are answered in their order', async () => {
  const app = await instance((incoming, response) => {
    setTimeout(() => response.end(incoming.url), incoming.url === '/1' ? 50 : 0);
  });
  const { port } = await router([app]);
  const client = connect(port, '127.0.0.1');
  client.write(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''));
  let text = '';
  client.on('data', (part) => (text += part));
  await expect.poll(() => text.match(/\/[123](?=HTTP|$)/g)).toEqual(['/1', '/2', '/3']);
  client.destroy();
});

test('a request in flight on a leaving instance finishes and is counted until then', async () => {
  let finish = () => {};
  const slow = await instance((_incoming, response) => {
    finish = () => response.end('late');
  });
  const other = await instance((_incoming, response) => response.end('new'));
  const { port, table } = await router([slow]);
  const waiting = call(port);
  await expect.poll(() => finish.toString()).toContain('late');
  table.swap(snapshotOf([other], 2));
  expect(Object.values(table.draining())).toEqual([1]);
  expect(await call(port)).toMatchObject({ text: 'new' });
  finish();
  expect(await waiting).toMatchObject({ status: 200, text: 'late' });
  await expect.poll(() => table.draining()).toEqual({});
});

test('an instance that leaves, comes back and leaves again is counted for both times', async () => {
  const finish: (() => void)[] = [];
  const slow = await instance((_incoming, response) => finish.push(() => response.end('late')));
  const { port, table } = await router([slow]);
  const both: Promise<Answer>[] = [];
  for (let time = 0; time < 2; time += 1) {
    table.swap(snapshotOf([slow]));
    both.push(call(port));
    await expect.poll(() => finish.length).toBe(time + 1);
    table.swap(snapshotOf([]));
  }
  expect(Object.values(table.draining())).toEqual([2]);
  finish[1]?.();
  await both[1];
  await expect.poll(() => Object.values(table.draining())).toEqual([1]);
  finish[0]?.();
  expect(await both[0]).toMatchObject({ status: 200, text: 'late' });
  await expect.poll(() => table.draining()).toEqual({});
});

test('failures and latencies are counted by group and second', async () => {
  const bad = await instance((_incoming, response) => {
    response.statusCode = 500;
    response.end('x');
  });
  const { port, counter } = await router([bad]);
  await Promise.all([call(port), call(port)]);
  await expect
    .poll(() => counter.closed().flatMap((interval) => interval.groups)[0], { timeout: 3_000 })
    .toMatchObject({ name: 'stable', release: 'r1' });
  const counted = counter.closed().flatMap((interval) => interval.groups);
  expect(counted.reduce((sum, group) => sum + group.failed, 0)).toBe(2);
});

test('a WebSocket gets a close frame when its instance leaves', async () => {
  const upstream = createServer();
  upstream.on('upgrade', (_incoming, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
    socket.write(Buffer.from([0x81, 0x02, 0x68, 0x69]));
    socket
      .on('error', () => {})
      .on('end', () => socket.destroy())
      .resume();
  });
  const { port, table } = await router([await listen(upstream)]);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await expect.poll(() => Buffer.concat(chunks).includes(Buffer.from('hi'))).toBe(true);
  table.swap(snapshotOf([]));
  const closed = new Promise((done) => socket.once('close', done));
  await closed;
  expect(Buffer.concat(chunks).subarray(-4)).toEqual(Buffer.from([0x88, 0x02, 0x03, 0xe9]));
}, 10_000);

test('a WebSocket handshake goes to another instance when one refuses the connection', async () => {
  const upstream = createServer();
  upstream.on('upgrade', (_incoming, socket) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
  });
  const { port } = await router([await refusingPort(), await refusingPort(), await listen(upstream)]);
  for (let n = 0; n < 3; n += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
    const first = await new Promise<string>((done) => socket.once('data', (chunk) => done(String(chunk))));
    expect(first).toMatch(/^HTTP\/1.1 101/);
    socket.destroy();
  }
});

test('an application that refuses a handshake answers that one request, and the connection ends', async () => {
  const asked: string[] = [];
  const refusing = await instance((incoming, response) => {
    asked.push(incoming.url ?? '');
    response.writeHead(401, { 'x-why': 'nobody', connection: 'keep-alive' });
    response.write('not ');
    response.end('you');
  });
  const { port } = await router([refusing]);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
  socket.write('GET /of-another-user HTTP/1.1\r\nhost: x\r\n\r\n');
  const heard: Buffer[] = [];
  socket.on('data', (chunk) => heard.push(chunk)).on('error', () => {});
  await new Promise((done) => socket.once('close', done));
  const text = Buffer.concat(heard).toString();
  expect(text).toMatch(
    /^HTTP\/1.1 401 Unauthorized\r\nx-why: nobody\r\n[\s\S]*connection: close\r\n\r\nnot you$/,
  );
  expect(asked).toEqual(['/ws']);
});

test('an upload that its instance cuts short costs that request, and a client that is refused early may send the rest', async () => {
  const bytes = Buffer.alloc(4 * 1024 * 1024, 'x');
  const refusing = await instance((incoming, response) => {
    if (incoming.url === '/cut') return void incoming.once('data', () => incoming.socket.destroy());
    response.writeHead(413);
    response.end('too much');
  });
  const { port } = await router([refusing]);
  // A client that reads nothing until everything is sent.
  const send = async (path: string) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n\r\n`);
    await new Promise((done) => socket.write(bytes, done));
    const first = await new Promise<string>((done) => socket.once('data', (chunk) => done(String(chunk))));
    socket.destroy();
    return first;
  };
  expect(await send('/cut')).toMatch(/^HTTP\/1.1 502/);
  expect(await send('/refused')).toMatch(/^HTTP\/1.1 413/);
}, 20_000);

/** Stable answers everybody; the candidate has no share and is reached by name, preview and copies. */
async function canary(access: Partial<CandidateAccess>) {
  const mirrored: string[] = [];
  const stable = await instance((_incoming, response) => response.end('stable'));
  const candidate = await instance((incoming, response) => {
    if (incoming.headers['x-holdfast-mirror']) mirrored.push(`${incoming.method} ${incoming.url}`);
    response.end('candidate');
  });
  const set = await router([stable]);
  const own = { id: '00000000-0000-7000-8000-0000000000cc', host: '127.0.0.1', port: candidate };
  const now = snapshotOf([stable]);
  set.table.swap({
    ...now,
    access: { ...NO_ACCESS, ...access },
    groups: [...now.groups, { name: 'candidate', release: 'r2', share: 0, upstreams: [own] }],
  });
  return { ...set, mirrored };
}

async function ask(port: number, headers: Record<string, string> = {}): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/x`, { headers })).text();
}

test('a header or a cookie of the step leads to the candidate, and nothing else does', async () => {
  const { port } = await canary({
    routes: [
      { kind: 'header', name: 'X-Canary', value: '1' },
      { kind: 'cookie', name: 'beta', value: 'yes' },
    ],
  });
  expect(await ask(port)).toBe('stable');
  expect(await ask(port, { 'x-canary': '1' })).toBe('candidate');
  expect(await ask(port, { 'x-canary': '2' })).toBe('stable');
  expect(await ask(port, { cookie: 'a=b; beta=yes' })).toBe('candidate');
  expect(await ask(port, { cookie: 'xbeta=yes; beta=no' })).toBe('stable');
});

test('copies of safe requests reach the candidate, are counted for it, and never answer a user', async () => {
  const { port, counter, mirrored } = await canary({ mirror: 10_000 });
  for (let n = 0; n < 5; n += 1) expect(await ask(port)).toBe('stable');
  await call(port, { method: 'POST', body: 'x' });
  await expect.poll(() => mirrored.length).toBe(5);
  expect(new Set(mirrored)).toEqual(new Set(['GET /x']));
  await expect
    .poll(
      () =>
        counter
          .closed()
          .flatMap((interval) => interval.groups)
          .filter((group) => group.name === 'candidate'),
      { timeout: 3_000 },
    )
    .not.toHaveLength(0);
});

test('a client that resets while its handshake is refused ends nothing but itself', async () => {
  const { port } = await router([]);
  for (let n = 0; n < 20; n += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n', () =>
      socket.resetAndDestroy(),
    );
  }
  await new Promise((done) => setTimeout(done, 200));
  expect((await call(port)).status).toBe(503);
});
