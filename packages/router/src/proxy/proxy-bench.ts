import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { NO_ACCESS, type Snapshot } from '@holdfast/core/traffic/traffic.ts';
import type { RouterLimits } from '../config.ts';
import { Counter } from './counter.ts';
import { ReverseProxy } from './proxy.ts';
import { RoutingTable } from './routing-table.ts';
import { handleUpgrade } from './upgrade.ts';

/** A router with instances of the test's own behind it: what the proxy's tests are made of. */
const closers: (() => Promise<unknown> | unknown)[] = [];
/** Closes what the test opened; for `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((done) => server.listen(0, host, done));
  closers.push(() => stop(server));
  return (server.address() as AddressInfo).port;
}

function stop(server: Server): Promise<unknown> {
  return new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  });
}

export const instance = (handle: (request: IncomingMessage, response: ServerResponse) => void) =>
  listen(createServer({ keepAliveTimeout: 5_000 }, handle));

/** An instance that knows how many connections it was given, how many of them stand, and how often it was asked. */
export async function watchedInstance(handle: RequestListener = (_request, response) => response.end('yes')) {
  const seen = { given: 0, standing: 0, asked: 0 };
  const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
    seen.asked += 1;
    handle(request, response);
  });
  server.on('connection', (socket) => {
    seen.given += 1;
    seen.standing += 1;
    socket.once('close', () => {
      seen.standing -= 1;
    });
  });
  return { port: await listen(server), seen, stop: () => stop(server) };
}

let revision = 0;
/** The instances of another `release` are others, whatever their ports. */
export function snapshotOf(ports: readonly number[], release = 1): Snapshot {
  revision += 1;
  const upstreams = ports.map((port, index) => ({
    id: `00000000-0000-7000-8000-00000000${release}00${index}`,
    host: '127.0.0.1',
    port,
  }));
  return {
    environment: 'shop/production',
    generation: 1,
    revision,
    sticky: { kind: 'none' },
    drainDeadlineMs: 1_000,
    access: NO_ACCESS,
    groups: [{ name: 'stable', release: `r${release}`, share: 10_000, upstreams }],
  };
}

export async function router(ports: readonly number[], over: Partial<RouterLimits> = {}) {
  const table = new RoutingTable({ headersTimeoutMs: 2_000 });
  table.swap(snapshotOf(ports));
  const limits = { inFlightPerInstance: 50, retryShare: 0.2, headersTimeoutMs: 2_000, ...over };
  const counter = new Counter(() => Date.now());
  const proxy = new ReverseProxy({
    table,
    counter,
    limits,
    now: () => performance.now(),
    random: () => 0.5,
  });
  const server = createServer(
    { optimizeEmptyRequests: true },
    (incoming, response) => void proxy.handle(incoming, response),
  );
  server.on('upgrade', (incoming, client, head) =>
    handleUpgrade(table, incoming, { client, head, random: () => 0.5, preview: false, limits }),
  );
  const port = await listen(server);
  closers.push(() => table.close());
  return { port, table, counter };
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

export function call(
  port: number,
  options: { method?: string; body?: string; chunked?: boolean } = {},
): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        method: options.method ?? 'GET',
        path: '/x',
        agent: false,
        headers:
          options.body && !options.chunked ? { 'content-length': Buffer.byteLength(options.body) } : {},
      },
      (answer) => {
        let text = '';
        answer.on('data', (part) => (text += part));
        answer.on('end', () =>
          done({ status: answer.statusCode ?? 0, text, retryAfter: answer.headers['retry-after'] ?? null }),
        );
        answer.on('error', fail);
      },
    );
    sent.on('error', fail);
    sent.end(options.body);
  });
}

/** A port on which nothing listens: connections are refused, so nothing was written. */
export async function refusingPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((done) => server.close(done));
  return port;
}
