import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectSecure, type TLSSocket } from 'node:tls';
import { selfSigned } from '@holdfast/testkit/self-signed.ts';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { Front, type TlsFiles } from './front.ts';
import { readBody } from './proxy/request-body.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const seen: string[] = [];
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  seen.push(`${request.method} ${request.url}`);
  const body = await readBody(request, 300).catch(() => null);
  if (body === 'tooSlow') response.writeHead(408, { connection: 'close' }).end();
  else response.end(`scheme ${'encrypted' in request.socket ? 'https' : 'http'}`);
}

async function open(tls: TlsFiles | null = null): Promise<number> {
  const front = new Front({
    tls,
    log: pino({ level: 'silent' }),
    onRequest: (request, response) => void answer(request, response),
    onUpgrade: (_request, client) => client.destroy(),
  });
  await front.listen({ host: '127.0.0.1', port: 0 });
  closers.push(() => front.close(0));
  return (front.server.address() as { port: number }).port;
}

/** Sends text as it is and gives everything that comes back until the other side closes. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(text));
    let back = '';
    socket.on('data', (chunk) => (back += chunk));
    socket.on('close', () => done(back)).on('error', fail);
    closers.push(() => socket.destroy());
  });
}

const SMUGGLED: readonly (readonly [string, string])[] = [
  [
    'both a length and chunks',
    'content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n',
  ],
  ['two lengths', 'content-length: 4\r\ncontent-length: 30\r\n\r\nbodyGET /evil HTTP/1.1\r\n\r\n'],
  [
    'a coding that is not the last',
    'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n',
  ],
  ['a space before the colon', 'transfer-encoding : chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n'],
  ['a length that is no number', 'content-length: +4\r\n\r\nbodyGET /evil HTTP/1.1\r\n\r\n'],
  ['a line folded', 'x-a: 1\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n'],
];

test.each(SMUGGLED)('%s is refused, and what hides behind it is not a request', async (_name, rest) => {
  seen.length = 0;
  const back = await raw(await open(), `POST /a HTTP/1.1\r\nhost: x\r\n${rest}`);
  expect(back).toMatch(/^HTTP\/1.1 400/);
  expect(seen).not.toContain('GET /evil');
});

test('headers that are too many, and a request without a host, are refused', async () => {
  const port = await open();
  expect(await raw(port, `GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 431/,
  );
  expect(await raw(port, 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
});

test('a body that comes too slowly is answered 408 and holds nothing', async () => {
  const back = await raw(await open(), 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nab');
  expect(back).toMatch(/^HTTP\/1.1 408/);
});

function secure(port: number): Promise<TLSSocket> {
  return new Promise((done, fail) => {
    const socket = connectSecure({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => done(socket));
    socket.on('error', fail);
    closers.push(() => socket.destroy());
  });
}

const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;

test('a renewed certificate serves new connections, and those that stand go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['old', 'new']) selfSigned(folder, name);
  const files = { certificate: join(folder, 'live.crt'), key: join(folder, 'live.key') };
  const install = (name: string, part: 'crt' | 'key') =>
    copyFileSync(join(folder, `${name}.${part}`), part === 'crt' ? files.certificate : files.key);
  install('old', 'crt');
  install('old', 'key');
  const port = await open(files);
  const standing = await secure(port);
  expect(nameOf(standing)).toBe('old');
  install('new', 'crt');
  // Half a pair: the former one serves on.
  await new Promise((done) => setTimeout(done, 1_300));
  expect(nameOf(await secure(port))).toBe('old');
  install('new', 'key');
  await expect.poll(async () => nameOf(await secure(port)), { timeout: 5_000 }).toBe('new');
  standing.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let back = '';
  standing.on('data', (chunk) => (back += chunk));
  await new Promise((done) => standing.once('close', done));
  expect(back).toContain('scheme https');
});

test('a WebSocket that stays does not keep a front from closing at its limit', async () => {
  const front = new Front({
    tls: null,
    log: pino({ level: 'silent' }),
    onRequest: () => {},
    onUpgrade: (_request, client) => {
      client.on('error', () => {});
      client.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
    },
  });
  await front.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect((front.server.address() as { port: number }).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
  await new Promise((done) => socket.once('data', done));
  const startedAt = performance.now();
  await front.close(200);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
