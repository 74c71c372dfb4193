import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@holdfast/contract/id.ts';
import pino from 'pino';
import type { RouterConfig } from './config.ts';
import { ControllerLink } from './link/controller-link.ts';
import { readSnapshotFile, writeSnapshotFile } from './link/snapshot-file.ts';
import { Counter } from './proxy/counter.ts';
import { ReverseProxy } from './proxy/proxy.ts';
import { RoutingTable } from './proxy/routing-table.ts';
import { handleUpgrade } from './proxy/upgrade.ts';

/**
 * A worker: routes by the last snapshot and talks to the controllers itself. The holder gives it
 * the listening socket; when it is replaced it says `Connection: close` to its clients first, lets
 * them go, and ends idle connections only after they had time to hear it (measured.md §3).
 */
const GOODBYE_MS = 1_500;
const DRAIN_LIMIT_MS = 60_000;

export interface RunningWorker {
  readonly address: () => string;
  stop(): Promise<void>;
}

/** A full disk must not keep a worker from routing by what it was told. */
function keepSnapshot(write: () => void): void {
  try {
    write();
  } catch (error) {
    process.stderr.write(`the snapshot could not be kept on disk: ${(error as Error).message}\n`);
  }
}

export async function startWorker(config: RouterConfig, routerId: string): Promise<RunningWorker> {
  const log = pino({
    level: config.logLevel,
    base: { process: 'router', environment: config.environment, pid: process.pid },
  });
  const file = join(config.data, 'snapshot.json');
  const table = new RoutingTable({ headersTimeoutMs: config.limits.headersTimeoutMs });
  const counter = new Counter(() => Date.now());
  const proxy = new ReverseProxy({
    table,
    counter,
    limits: config.limits,
    now: () => performance.now(),
    random: Math.random,
  });
  const link = new ControllerLink(
    {
      ...config,
      routerId,
      workerId: newId(),
      counter,
      inFlight: () => table.draining(),
      apply: (snapshot) => {
        table.swap(snapshot);
        keepSnapshot(() => writeSnapshotFile(file, snapshot));
      },
      log,
    },
    readSnapshotFile(file),
  );
  let leaving = false;
  const server = createServer(
    {
      keepAliveTimeout: 65_000,
      headersTimeout: 30_000,
      requestTimeout: 0,
      maxHeaderSize: 16 * 1024,
      shouldUpgradeCallback: isWebSocket,
    },
    (request, response) => {
      if (leaving) response.setHeader('connection', 'close');
      proxy.handle(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'request failed');
        response.destroy();
      });
    },
  );
  server.on('upgrade', (request, client: Socket, head) =>
    handleUpgrade(table, request, { client, head, random: Math.random }),
  );
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((done, fail) =>
    server.once('error', fail).listen({ host: config.host, port: config.port }, done),
  );
  link.start();
  return {
    address: () => JSON.stringify(server.address()),
    stop: async () => {
      leaving = true;
      table.startClosing();
      // close() ends idle keep-alives at once, so it comes after the goodbye, not before.
      await sleep(GOODBYE_MS);
      const closed = new Promise<void>((done) => server.close(() => done()));
      setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS).unref();
      await closed;
      await link.stop();
      await table.close();
    },
  };
}

/** Any other upgrade (h2c, which some clients always offer) is answered as plain HTTP/1.1. */
function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}
