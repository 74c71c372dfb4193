import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import fastify from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createHoldfast } from './holdfast.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const quiet = { signals: false } as const;

test('ready means that every check answers, caches are warm and the schema is known', async () => {
  let finish = () => {};
  const failures: string[] = [];
  const holdfast = createHoldfast({
    ...quiet,
    checks: {
      database: () => Promise.resolve(),
      queue: () => {
        throw new Error('password=secret');
      },
      slow: () => new Promise(() => {}),
    },
    checkTimeoutMs: 30,
    warmUp: () => new Promise<void>((done) => (finish = done)),
    schemaVersion: () => 7,
    onFailure: (name) => failures.push(name),
  });
  expect(await holdfast.report()).toEqual({
    ready: false,
    checks: { database: 'ok', queue: 'failed', slow: 'timeout', warmUp: 'cold', schema: 'ok' },
    schemaVersion: 7,
  });
  finish();
  expect((await holdfast.report()).checks.warmUp).toBe('warm');
  expect(failures).toContain('queue');
});

test('questions at the same time ask each dependency once', async () => {
  let asked = 0;
  const holdfast = createHoldfast({ ...quiet, checks: { database: async () => (asked += 1) } });
  await Promise.all([holdfast.report(), holdfast.report(), holdfast.report()]);
  expect(asked).toBe(1);
});

test('plain http, Express and Fastify answer the same', async () => {
  const plain = createHoldfast(quiet);
  const first = await listen(plain.http(createServer((_request, response) => response.end('app'))));
  const second = createHoldfast(quiet);
  const app = express();
  app.use(second.express());
  app.get('/', (_request, response) => void response.send('app'));
  const third = await listen(second.http(createServer(app)));
  const last = createHoldfast({ ...quiet, checks: { database: () => Promise.reject(new Error('away')) } });
  const server = fastify();
  await server.register(last.fastify);
  server.get('/', async () => 'app');
  const fourth = await server.listen({ port: 0, host: '127.0.0.1' });
  closers.push(() => server.close());
  for (const address of [first, third, fourth]) {
    expect(await (await fetch(address)).text()).toBe('app');
    const answer = await fetch(`${address}/readyz?x=1`);
    const ready = address !== fourth;
    expect(answer.status).toBe(ready ? 200 : 503);
    expect(await answer.json()).toMatchObject({ ready });
  }
});

test('an app without WebSockets answers an Upgrade as it did before', async () => {
  const address = await listen(
    createHoldfast(quiet).http(createServer((_request, response) => response.end('app'))),
  );
  const { port } = new URL(address);
  const text = await new Promise<string>((done) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: Upgrade\r\n\r\n');
    socket.once('data', (chunk) => {
      done(String(chunk));
      socket.destroy();
    });
  });
  expect(text).toMatch(/^HTTP\/1.1 200/);
});

/** An app in its own process, as it is run: slow answers, WebSockets, and a note at its end. */
const APP = `
import { createServer } from 'node:http';
import { WebSocketServer } from '${import.meta.resolve('ws')}';
import { createHoldfast } from '${fileURLToPath(new URL('./holdfast.ts', import.meta.url))}';
const server = createServer((request, response) => setTimeout(() => response.end('done'), request.url === '/slow' ? 700 : 0));
const wss = new WebSocketServer({ server });
const holdfast = createHoldfast({ drainMs: 3000, lingerMs: 300, webSockets: () => wss.clients, onShutdown: () => console.log('closed') });
holdfast.http(server).listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function start(): Promise<{
  readonly child: ChildProcess;
  readonly port: number;
  readonly output: () => string;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sdk-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'app.mjs'), APP);
  const child = spawn(process.execPath, [join(folder, 'app.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await expect.poll(() => text, { timeout: 10_000 }).toMatch(/\d+\n/);
  return { child, port: Number.parseInt(text, 10), output: () => text };
}

test('SIGTERM drops nothing: requests finish, connections are closed politely, WebSockets are told', async () => {
  const { child, port, output } = await start();
  const agent = new Agent({ keepAlive: true });
  const ask = (path: string): Promise<{ readonly text: string; readonly close: boolean }> =>
    new Promise((done, fail) => {
      get({ host: '127.0.0.1', port, path, agent }, (answer: IncomingMessage) => {
        let text = '';
        answer.on('data', (chunk) => (text += chunk));
        answer.on('end', () => done({ text, close: answer.headers.connection === 'close' }));
      }).on('error', fail);
    });
  expect((await ask('/')).close).toBe(false);
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(socket, 'open');
  const closed = once(socket, 'close');
  const slow = ask('/slow');
  await new Promise((done) => setTimeout(done, 100));
  const over = once(child, 'exit');
  child.kill('SIGTERM');
  await new Promise((done) => setTimeout(done, 50));
  expect(await ask('/')).toEqual({ text: 'done', close: true });
  const asked = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([asked.status, ((await asked.json()) as { ready: boolean }).ready]).toEqual([503, false]);
  expect(await slow).toEqual({ text: 'done', close: true });
  expect((await closed)[0]).toBe(1001);
  expect((await over)[0]).toBe(0);
  expect(output()).toContain('closed');
});

test('a second SIGTERM and a request that never ends do not keep it from ending', async () => {
  const { child, port } = await start();
  const hanging = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(hanging, 'open');
  hanging.pause();
  const over = once(child, 'exit');
  child.kill('SIGTERM');
  await new Promise((done) => setTimeout(done, 100));
  child.kill('SIGTERM');
  expect((await over)[0]).toBe(0);
  hanging.terminate();
});
