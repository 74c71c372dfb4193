import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@holdfast/contract/api/client.ts';
import type { BenchController } from '../orchestrator/controller.ts';
import { JOB, type LogRun } from './log-runs.ts';
import { LineCheck } from './numbered-lines.ts';

/** Who reads logs: one who wants all of it and checks it, and one on a bad line who never catches up. */
const SLOW_PAUSE_MS = 200;

export interface ReadBack {
  readonly lines: number;
  readonly wrong: number;
  readonly megabytes: number;
  readonly seconds: number;
}

export async function readBack(client: Client, run: LogRun): Promise<ReadBack> {
  const check = new LineCheck();
  const startedAt = performance.now();
  let offset = 0;
  for (;;) {
    const part = await client('readLog', { params: { id: run.id, job: JOB, step: 0 }, query: { offset } });
    if (part.text === '') break;
    check.take(part.text);
    offset = part.next;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { lines: check.lines, wrong: check.wrong, megabytes: offset / 1e6, seconds };
}

/** Takes a few hundred kilobytes a second of page after page, until told to stop. */
export function readSlowly(controller: BenchController, run: LogRun): { end(): Promise<number> } {
  const stop = new AbortController();
  let bytes = 0;
  const reading = (async () => {
    for (let page = 0; !stop.signal.aborted; page += 1)
      bytes += await readPage(controller, run, { page, stop });
  })();
  return {
    end: async () => {
      stop.abort();
      await reading;
      return bytes;
    },
  };
}

async function readPage(
  { address, token }: BenchController,
  run: LogRun,
  { page, stop }: { readonly page: number; readonly stop: AbortController },
): Promise<number> {
  const url = new URL(`/api/v1/runs/${run.id}/logs/${JOB}/0?offset=${page * 1024 * 1024}`, address);
  let bytes = 0;
  try {
    const answer = await new Promise<NodeJS.ReadableStream & AsyncIterable<Buffer>>((done, fail) => {
      const headers = { authorization: `Bearer ${token}` };
      get(url, { headers, signal: stop.signal, agent: false }, done).on('error', fail);
    });
    for await (const piece of answer) {
      bytes += piece.length;
      await sleep(SLOW_PAUSE_MS, undefined, { signal: stop.signal });
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return bytes;
}
