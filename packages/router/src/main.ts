import cluster from 'node:cluster';
import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { readOptions } from '@holdfast/contract/process/read-options.ts';
import { type RouterConfig, readRouterConfig } from './config.ts';
import { type AskSuccessor, Holder, type SuccessorNews, say } from './holder/holder.ts';
import { HolderRecord } from './holder/record.ts';
import { outliveHolder, startSuccessor, TOLD } from './holder/successor.ts';
import { type RunningWorker, startWorker } from './worker.ts';

/** `holdfast router`: the first process is the socket holder, its children are the workers. */
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

try {
  const config = configured();
  if (cluster.isPrimary) await new Holder(config).hold();
  else await work(config);
} catch (error) {
  end(error);
}

async function work(config: RouterConfig): Promise<void> {
  const told = (variable: string) => process.env[variable] || null;
  // Node ends a worker with its primary; this one serves on.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  let running: RunningWorker | null = null;
  let leaving = false;
  const leave = () => {
    leaving = true;
    void (running?.stop() ?? Promise.resolve()).then(() => process.exit(0));
  };
  process.once('SIGTERM', leave);
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {});
  process.once('disconnect', () => {
    // Nobody would find the next one at a port that was given by chance.
    if (leaving || running === null || config.port === 0) process.exit(0);
    const orphan = { record: new HolderRecord(config), address: config, socket: running.socket(), say };
    void outliveHolder(orphan).then(leave);
  });
  process.on('message', ({ ask }: AskSuccessor) => {
    if (ask === 'successor' && running) void bringSuccessor(running);
  });
  running = await startWorker(config, {
    routerId: told(TOLD.routerId) ?? newId(),
    workerId: told(TOLD.workerId) ?? newId(),
    gone: (told(TOLD.gone) ?? '').split(',').filter(Boolean),
    socket: told(TOLD.socket) === null ? null : Number(told(TOLD.socket)),
  });
}

async function bringSuccessor(running: RunningWorker): Promise<void> {
  const tell = (news: SuccessorNews) => process.send?.(news);
  try {
    await startSuccessor(running.socket());
    tell({ successor: 'serves' });
  } catch (error) {
    say((error as Error).message);
    tell({ successor: 'failed' });
  }
}

function configured(): RouterConfig {
  const flags = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }]));
  const values = readOptions('router', flags) ?? process.exit(0);
  return readRouterConfig(values as Record<string, string | undefined>, process.env);
}

function end(error: unknown): never {
  const failure =
    (error as { code?: string }).code === 'EADDRINUSE'
      ? new HoldfastError('portTaken', `the router's port is in use by another process`)
      : error;
  const known = failure instanceof HoldfastError;
  say(known ? failure.located : ((failure as Error).stack ?? String(failure)));
  process.exit(known ? KINDS[failure.kind].exit : 1);
}
