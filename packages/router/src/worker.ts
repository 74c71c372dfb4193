import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '@holdfast/core/traffic/traffic.ts';
import pino from 'pino';
import { AccessLog } from './access-log.ts';
import type { RouterConfig } from './config.ts';
import { Front } from './front.ts';
import { cannotListen, SOCKETS_OF_WORKER } from './holder/listening-socket.ts';
import { ControllerLink } from './link/controller-link.ts';
import { readSnapshotFile, writeSnapshotFile } from './link/snapshot-file.ts';
import { PreviewFront } from './preview-front.ts';
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
  stop(): Promise<void>;
}

/** A full disk must not keep a worker from routing by what it was told. */
async function keepSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  try {
    await writeSnapshotFile(file, snapshot);
  } catch (error) {
    process.stderr.write(`the snapshot could not be kept on disk: ${(error as Error).message}\n`);
  }
}

/** Who this worker is among those of its router; given by the holder. */
export interface WorkerIdentity {
  readonly routerId: string;
  readonly workerId: string;
  readonly gone: readonly string[];
  readonly ticketKeys: Buffer;
}

export async function startWorker(config: RouterConfig, identity: WorkerIdentity): Promise<RunningWorker> {
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
  const accessLog = config.accessLog === null ? null : new AccessLog(config.accessLog);
  const start = readSnapshotFile(file);
  if (start) table.swap(start);
  const link = new ControllerLink(
    {
      ...config,
      ...identity,
      counter,
      inFlight: () => table.draining(),
      apply: (snapshot) => table.turnTo(snapshot),
      keep: (snapshot) => keepSnapshot(file, snapshot),
      log,
    },
    start,
  );
  let leaving = false;
  const openFront = (preview: boolean) =>
    new Front({
      tls: config.tls && { ...config.tls, ticketKeys: identity.ticketKeys },
      log,
      onRequest: (request, response) => {
        if (leaving) response.setHeader('connection', 'close');
        accessLog?.note(request, response);
        proxy.handle(request, response, { preview }).catch((error: unknown) => {
          log.error({ err: error }, 'request failed');
          response.destroy();
        });
      },
      onUpgrade: (request, client, head) =>
        handleUpgrade(table, request, { client, head, random: Math.random, preview, limits: config.limits }),
    });
  const front = openFront(false);
  const preview = new PreviewFront(() => openFront(true), { host: config.host, log });
  await front.listenOn(SOCKETS_OF_WORKER).catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(config, error.code ?? String(error));
  });
  table.onSwap((snapshot) => preview.follow(snapshot.access.preview));
  link.start();
  return {
    stop: async () => {
      leaving = true;
      table.startClosing();
      // close() ends idle keep-alives at once, so it comes after the goodbye, not before.
      await sleep(GOODBYE_MS);
      await Promise.all([front.close(DRAIN_LIMIT_MS), preview.close()]);
      await link.stop();
      await table.close();
      accessLog?.close();
    },
  };
}
