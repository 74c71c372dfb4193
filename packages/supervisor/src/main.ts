import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import pino from 'pino';
import { type AgentOptions, Installation } from './installation.ts';
import { layoutOf } from './layout.ts';
import { takeLock } from './lock.ts';
import { placeOfBlobs } from './place-of-blobs.ts';

/** `holdfast up`: starts one machine and keeps it running, until SIGTERM or SIGINT stops it all. */
const TEXTS = ['data', 'port', 'controllers', 'agents', 'database-file', 'blobs'] as const;
const LOOK_MS = 500;

try {
  await run();
} catch (error) {
  const known = error instanceof HoldfastError;
  process.stderr.write(`holdfast up: ${known ? error.located : (error as Error).stack}\n`);
  process.send?.({ failed: known ? error.located : (error as Error).message });
  process.exit(known ? KINDS[error.kind].exit : 1);
}

async function run(): Promise<void> {
  const options = {
    ...Object.fromEntries(TEXTS.map((name) => [name, { type: 'string' as const }])),
    stop: { type: 'boolean' as const },
  };
  const { stop: onlyStop, ...values } = parseArgs({ options }).values as { readonly stop?: boolean } & Record<
    string,
    string | undefined
  >;
  const data = resolve(values.data ?? '.holdfast-data');
  const unlock = takeLock(layoutOf(data));
  const log = pino(
    { level: process.env.HOLDFAST_LOG_LEVEL ?? 'warn', base: { process: 'supervisor' } },
    pino.destination(2),
  );
  const installation = new Installation(
    {
      data,
      port: readPort(values.port),
      controllers: readCount(values.controllers),
      agents: readAgents(values.agents),
      databaseUrlFile: values['database-file'] ?? null,
      blobs: placeOfBlobs(layoutOf(data), values.blobs),
    },
    log,
  );
  // What an earlier supervisor left running is adopted by its file, and here only to be ended.
  if (onlyStop) {
    await installation.stop();
    return unlock();
  }
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await installation.stop();
    unlock();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  try {
    await installation.start();
  } catch (error) {
    stopping = true;
    await installation.stop();
    unlock();
    throw error;
  }
  process.send?.({ ready: installation.controllers });
  process.on('disconnect', () => {});
  while (!stopping) {
    await sleep(LOOK_MS);
    if (!stopping)
      await installation
        .ensure()
        .catch((error: unknown) =>
          log.error({ err: error }, 'could not keep everything running; trying again'),
        );
  }
}

function readPort(text: string | undefined): number {
  const port = Number(text ?? 7070);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new HoldfastError('usageInvalid', `expected --port from 1 to 65535, found ${text}`);
}

function readCount(text: string | undefined): number {
  const count = Number(text ?? 1);
  if (Number.isInteger(count) && count >= 1 && count <= 9) return count;
  throw new HoldfastError('usageInvalid', `expected --controllers from 1 to 9, found ${text}`);
}

/** A JSON list; the default is one agent that does both: runs jobs and hosts releases. */
function readAgents(text: string | undefined): readonly AgentOptions[] {
  if (text === undefined) return [{ name: 'agent', host: true, slots: 2, stepUser: null, data: null }];
  return JSON.parse(text) as AgentOptions[];
}
