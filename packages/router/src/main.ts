import type { ChildProcess } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { readOptions } from '@holdfast/contract/process/read-options.ts';
import { type RouterConfig, readRouterConfig } from './config.ts';
import { type AskWorker, Holder, say, type WorkerNews } from './holder/holder.ts';
import { HolderRecord, identityOf } from './holder/record.ts';
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

const LEAVE_LIMIT_MS = 65_000;

try {
  const config = configured();
  if (process.env[TOLD.workerId]) await work(config);
  else await new Holder(config).hold();
} catch (error) {
  end(error);
}

async function work(config: RouterConfig): Promise<void> {
  const told = (variable: string) => process.env[variable] || null;
  const ticketKeys = Buffer.from(told(TOLD.ticketKeys) ?? '', 'base64');
  delete process.env[TOLD.ticketKeys];
  const record = new HolderRecord(config);
  const holder = identityOf(process.ppid);
  let running: RunningWorker | null = null;
  let leaving = false;
  let withHolder = false;
  /** On its way: of no use when the whole router ends, and to be left alone when it takes over. */
  let successor: ChildProcess | null = null;
  const started = (child: ChildProcess) => {
    successor = child;
  };
  const leave = () => {
    if (leaving) return;
    leaving = true;
    if (withHolder || !process.connected) successor?.kill('SIGTERM');
    setTimeout(() => process.exit(0), LEAVE_LIMIT_MS).unref();
    void (running?.stop() ?? Promise.resolve()).then(() => process.exit(0));
  };
  process.on('SIGTERM', leave);
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {});
  const outlive = async () => {
    // A signal that came at the same time is heard first.
    await setImmediate();
    // Nobody would find the next one at a port that was given by chance.
    if (running === null || config.port === 0 || (leaving && withHolder)) process.exit(0);
    if (leaving) return;
    await outliveHolder({ record, former: holder, address: config, say, leaving: () => leaving, started });
    successor = null;
    leave();
  };
  process.once('disconnect', () => void outlive());
  process.on('message', ({ ask }: AskWorker) => {
    if (ask === 'end') {
      withHolder = true;
      if (leaving) successor?.kill('SIGTERM');
    } else if (running && !leaving) void bringSuccessor();
  });
  const bringSuccessor = async () => {
    try {
      await startSuccessor({ from: { after: holder }, started });
    } catch (error) {
      say((error as Error).message);
      report('noSuccessor');
    }
    successor = null;
  };
  running = await startWorker(config, {
    routerId: told(TOLD.routerId) ?? newId(),
    workerId: told(TOLD.workerId) ?? newId(),
    gone: (told(TOLD.gone) ?? '').split(',').filter(Boolean),
    ticketKeys,
  });
  report('listens');
}

function report(news: WorkerNews['news']): void {
  if (process.connected) process.send?.({ news } satisfies WorkerNews, () => {});
}

function configured(): RouterConfig {
  const flags = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }]));
  const values = readOptions('router', flags) ?? process.exit(0);
  return readRouterConfig(values as Record<string, string | undefined>, process.env);
}

function end(error: unknown): never {
  const known = error instanceof HoldfastError;
  say(known ? error.located : ((error as Error).stack ?? String(error)));
  process.exit(known ? KINDS[error.kind].exit : 1);
}
