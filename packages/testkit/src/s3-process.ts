import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-ports.ts';

/** For tests: an S3-compatible server (s3rver) in a process of its own, with one bucket. */
export interface S3Process {
  readonly endpoint: string;
  readonly port: number;
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(import.meta.resolve('s3rver/bin/s3rver.js'));

export async function startS3(directory: string, wanted?: number): Promise<S3Process> {
  const port = wanted ?? (await freePorts(1));
  const words = [
    PROGRAM,
    '-d',
    directory,
    '-a',
    '127.0.0.1',
    '-p',
    String(port),
    '--configure-bucket',
    'blobs',
    '--silent',
  ];
  const child = spawn(process.execPath, words, { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let tried = 0; tried < 200; tried += 1) {
    if (
      await fetch(endpoint).then(
        () => true,
        () => false,
      )
    )
      return { endpoint, port, stop: () => stop(child) };
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error('s3rver did not start');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
}
