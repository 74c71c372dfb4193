import cluster from 'node:cluster';
import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { readOptions } from '@holdfast/contract/process/read-options.ts';
import { readRouterConfig } from './config.ts';
import { startWorker } from './worker.ts';

/**
 * `holdfast router`. The first process is the socket holder: it binds and forks and does nothing
 * else, so that it never needs replacing. SIGHUP replaces the workers one after another.
 */
const NAMES = [
  'controller',
  'token',
  'token-file',
  'environment',
  'listen',
  'driver',
  'data',
  'workers',
  'tls-cert',
  'tls-key',
  'access-log',
] as const;

if (cluster.isPrimary) hold();
else await work();

function hold(): void {
  const config = configured();
  // Workers accept by themselves: a connection that the holder had handed to a worker would die with it.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ args: process.argv.slice(2) });
  const routerId = newId();
  let stopping = false;
  const ids = new Map<number, string>();
  const fork = (gone: readonly string[] = []) => {
    const id = newId();
    const worker = cluster.fork({
      HOLDFAST_ROUTER_ID: routerId,
      HOLDFAST_ROUTER_WORKER: id,
      HOLDFAST_ROUTER_GONE: gone.join(','),
    });
    ids.set(worker.id, id);
    return worker;
  };
  for (let count = 0; count < config.workers; count += 1) fork();
  cluster.on('exit', (worker, code) => {
    if (code === 2 || code === 3) process.exit(code);
    const gone = ids.get(worker.id);
    ids.delete(worker.id);
    if (!stopping && !worker.exitedAfterDisconnect) setTimeout(fork, 100, gone ? [gone] : []);
    if (stopping && Object.keys(cluster.workers ?? {}).length === 0) process.exit(0);
  });
  cluster.on('listening', () => process.send?.({ ready: true }));
  process.on('SIGHUP', () => void replaceWorkers(() => fork()));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stopping = true;
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
      setTimeout(() => process.exit(0), 65_000).unref();
    });
  }
}

/** A new worker listens before an old one is asked to go. */
async function replaceWorkers(fork: () => ReturnType<typeof cluster.fork>): Promise<void> {
  for (const old of Object.values(cluster.workers ?? {})) {
    const fresh = fork();
    await new Promise((done) => fresh.once('listening', done).once('exit', done));
    if (!old || fresh.isDead()) return;
    old.exitedAfterDisconnect = true;
    old.process.kill('SIGTERM');
  }
}

async function work(): Promise<void> {
  try {
    const { HOLDFAST_ROUTER_ID, HOLDFAST_ROUTER_WORKER, HOLDFAST_ROUTER_GONE } = process.env;
    const running = await startWorker(configured(), {
      routerId: HOLDFAST_ROUTER_ID ?? newId(),
      workerId: HOLDFAST_ROUTER_WORKER ?? newId(),
      gone: (HOLDFAST_ROUTER_GONE ?? '').split(',').filter(Boolean),
    });
    const stop = () => void running.stop().then(() => process.exit(0));
    process.once('SIGTERM', stop);
    process.on('SIGINT', () => {});
    process.once('disconnect', stop);
  } catch (error) {
    end(error);
  }
}

function configured() {
  try {
    const flags = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }]));
    const values = readOptions('router', flags) ?? process.exit(0);
    return readRouterConfig(values as Record<string, string | undefined>, process.env);
  } catch (error) {
    return end(error);
  }
}

function end(error: unknown): never {
  const failure =
    (error as { code?: string }).code === 'EADDRINUSE'
      ? new HoldfastError('portTaken', `the router's port is in use by another process`)
      : error;
  const known = failure instanceof HoldfastError;
  process.stderr.write(`holdfast router: ${known ? failure.located : (failure as Error).stack}\n`);
  process.exit(known ? KINDS[failure.kind].exit : 1);
}
