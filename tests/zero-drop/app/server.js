import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { note } from './journal.js';
import { accept, echo, goAway } from './web-socket.js';

/**
 * What the zero-drop suite ships: every kind of request it sends, and a journal of what was begun,
 * executed and ended. Told to go, it asks endless streams to come back and is gone: whatever else is
 * still in flight then is lost, so that it is draining that is tested and not the app's patience.
 */
const release = process.env.HOLDFAST_RELEASE;
const instance = process.env.HOLDFAST_INSTANCE;
const TICK_MS = 200;
/** How each open stream is ended politely. */
const streams = new Set();
const sockets = new Set();

const PATHS = { '/fast': fast, '/post': post, '/slow': slow, '/chunks': chunks, '/events': events };

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://app');
  if (url.pathname === '/readyz') return answer(response, 200, { ready: true, release, checks: {} });
  const id = request.headers['x-request-id'];
  note('b', id);
  response.setHeader('x-instance', instance);
  // Ended: answered in full, or its user left. A killed instance writes neither.
  response.on('close', () => note('e', id));
  const perform = PATHS[url.pathname];
  if (!perform) return answer(response, 404, { id });
  Promise.resolve(perform(request, response, { id, url })).catch(() => response.destroy());
});

server.on('upgrade', (request, socket) => {
  const id = request.headers['x-request-id'];
  note('b', id);
  accept(request, socket);
  sockets.add(socket);
  echo(socket, {
    message: () => {},
    end: () => {
      sockets.delete(socket);
      note('e', id);
    },
  });
});

async function fast(_request, response, { id }) {
  await sleep(2 + Math.random() * 5);
  answer(response, 200, { id });
}

async function post(request, response, { id, url }) {
  let size = 0;
  for await (const chunk of request) size += chunk.length;
  note('x', id);
  await sleep(Number(url.searchParams.get('ms')) || 2 + Math.random() * 5);
  answer(response, 201, { id, size });
}

async function slow(_request, response, { id, url }) {
  await sleep(Number(url.searchParams.get('ms')));
  answer(response, 200, { id });
}

async function chunks(_request, response, { id, url }) {
  response.writeHead(200, { 'content-type': 'text/plain' });
  const count = Number(url.searchParams.get('count'));
  for (let number = 1; number <= count && !response.destroyed; number += 1) {
    response.write(`chunk ${number} of ${count} for ${id}\n`);
    await sleep(40);
  }
  response.end(`end ${id}\n`);
}

async function events(_request, response, { url }) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const ticks = Number(url.searchParams.get('ticks'));
  let number = 0;
  const finish = (event) =>
    new Promise((done) => {
      streams.delete(leave);
      response.end(`event: ${event}\ndata: ${number}\n\n`, done);
    });
  const leave = () => finish('bye');
  streams.add(leave);
  for (; number < ticks && streams.has(leave) && !response.destroyed; await sleep(TICK_MS)) {
    number += 1;
    response.write(`id: ${number}\nevent: tick\ndata: ${instance}\n\n`);
  }
  if (streams.has(leave)) await finish('end');
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

server.listen(Number(process.env.PORT), '127.0.0.1');

const GOODBYE_MS = 100;

process.on('SIGTERM', () => {
  for (const leave of [...streams]) void leave();
  for (const socket of sockets) goAway(socket);
  setTimeout(() => process.exit(0), GOODBYE_MS);
});
