import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Latency, summarise } from '../latency.ts';
import type { Workbench } from '../workbench.ts';
import { drive } from './load.ts';

/**
 * How long somebody who comes on a new connection waits while those whose connections stand keep the
 * proxy busy without a pause.
 */
const EVERY_MS = 10;
const SECONDS = 4;
const LIMIT_MS = 10_000;

export interface Newcomers {
  readonly waitMs: Latency;
  readonly failed: number;
}

export async function measureNewcomers(workbench: Workbench, port: number): Promise<Newcomers> {
  const busy = drive(workbench, { port, seconds: SECONDS, thinkMs: 0 });
  let running = true;
  void busy.finally(() => {
    running = false;
  });
  const asked: Promise<number | null>[] = [];
  for (await sleep(SECONDS * 100); running; await sleep(EVERY_MS)) asked.push(waitOf(port));
  await busy;
  const waits = await Promise.all(asked);
  const answered = waits.filter((wait) => wait !== null);
  return { waitMs: summarise(answered), failed: waits.length - answered.length };
}

/** null: no answer in time. */
function waitOf(port: number): Promise<number | null> {
  const began = performance.now();
  return new Promise((done) => {
    const sent = get({ host: '127.0.0.1', port, agent: false, timeout: LIMIT_MS }, (answer) => {
      answer.resume().once('end', () => done(performance.now() - began));
    });
    sent.once('timeout', () => sent.destroy()).once('error', () => done(null));
    sent.once('close', () => done(null));
  });
}
