import { fork } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import type { Command } from 'commander';
import { globals, keepCredentials } from '../connection.ts';
import { programPath } from '../program-path.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { printJson, say } from '../terminal/output.ts';

interface UpOptions {
  readonly data: string;
  readonly port: string;
  readonly controllers: string;
  readonly databaseFile?: string;
  readonly blobs?: string;
  readonly detach?: boolean;
}

export function addUp(program: Command): void {
  program
    .command('up')
    .description('one machine: database, controller, agent, routers; logs this command line in')
    .option('--data <dir>', 'where everything is kept', '.holdfast-data')
    .option('--port <port>', 'of the first controller', '7070')
    .option('--controllers <n>', 'replicas, on ports after the first', '1')
    .option('--database-file <path>', 'file with the URL of a PostgreSQL of your own')
    .option('--blobs <place>', 'directory or s3://BUCKET/PREFIX for artifacts and checkpoints')
    .option('--detach', 'go on in the background')
    .action((options: UpOptions, command: Command) => up(command, options));
  program
    .command('down')
    .description('stop everything that up started; the data stays')
    .option('--data <dir>', 'as given to up', '.holdfast-data')
    .action(async (options: { data: string }, command: Command) => {
      const stopped = await down(resolve(options.data));
      if (globals(command).json) printJson({ stopped });
      else say(stopped ? 'Stopped.' : 'Nothing was running.');
    });
}

async function up(command: Command, options: UpOptions): Promise<void> {
  const data = resolve(options.data);
  const words = [
    '--data',
    data,
    '--port',
    options.port,
    '--controllers',
    options.controllers,
    ...(options.databaseFile ? ['--database-file', resolve(options.databaseFile)] : []),
    ...(options.blobs === undefined ? [] : ['--blobs', options.blobs]),
  ];
  const child = fork(programPath('supervisor'), words, {
    detached: options.detach ?? false,
    stdio: options.detach
      ? ['ignore', 'ignore', logOf(data), 'ipc']
      : ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const exited = new Promise<number>((done) => child.once('exit', (code) => done(code ?? 1)));
  const news = await Promise.race([
    new Promise<{ ready?: string[]; failed?: string }>((done) =>
      child.once('message', (message) => done(message as object)),
    ),
    exited.then(() => ({}) as { ready?: string[]; failed?: string }),
  ]);
  if (!news.ready) {
    if (options.detach && news.failed) process.stderr.write(`holdfast up: ${news.failed}\n`);
    throw new ExitWith(await exited);
  }
  keepCredentials({ controllers: news.ready, token: readFileSync(join(data, 'admin.token'), 'utf8').trim() });
  if (globals(command).json) printJson({ dashboard: news.ready[0], data });
  else
    say(
      `Holdfast is up.\n  Dashboard  ${news.ready[0]}   (token: ${join(data, 'admin.token')})\n  Data       ${data}\n  Stop       ${options.detach ? `holdfast down --data ${data}` : 'Ctrl-C'}`,
    );
  child.disconnect();
  if (options.detach) return child.unref();
  const code = await exited;
  if (code !== 0) throw new ExitWith(code);
}

function logOf(data: string): number | 'ignore' {
  try {
    mkdirSync(join(data, 'logs'), { recursive: true, mode: 0o700 });
    return openSync(join(data, 'logs', 'supervisor.log'), 'a', 0o600);
  } catch {
    // The supervisor says clearly what is wrong with the directory.
    return 'ignore';
  }
}

async function down(data: string): Promise<boolean> {
  if (!existsSync(data))
    throw new HoldfastError('usageInvalid', `there is no ${data}; name the directory that was given to up`);
  const lock = join(data, 'lock');
  const owner = () => {
    const [pid = '', startTime] = existsSync(lock) ? readFileSync(lock, 'utf8').trim().split(' ') : [];
    return pid !== '' && startTimeOf(Number(pid)) === startTime ? Number(pid) : null;
  };
  // Without a supervisor the processes still run: a new one adopts them and stops them at once.
  const wasRunning = owner() !== null || existsSync(join(data, 'processes.json'));
  const pid = owner();
  if (pid !== null) process.kill(pid, 'SIGTERM');
  else if (wasRunning) await stopOrphans(data);
  while (owner() !== null) await sleep(50);
  return wasRunning;
}

async function stopOrphans(data: string): Promise<void> {
  const child = fork(programPath('supervisor'), ['--data', data, '--stop'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const code = await new Promise<number>((done) => child.once('exit', (status) => done(status ?? 1)));
  if (code !== 0) throw new ExitWith(code);
}
