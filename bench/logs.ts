import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, below } from './bound.ts';
import { ratio, round } from './latency.ts';
import { type LogRun, LogRuns } from './logs/log-runs.ts';
import { LINE_BYTES } from './logs/numbered-lines.ts';
import { readBack, readSlowly } from './logs/readers.ts';
import { rssMiBOf, watchRss } from './memory.ts';
import { type BenchController, startController } from './orchestrator/controller.ts';
import { BenchDatabase } from './orchestrator/database.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * A step that prints two hundred megabytes at full speed: is every line kept, does the controller's memory
 * grow with what is printed and read, and does somebody who reads another log slowly hold anybody up? What it
 * takes to carry 30 MB/s at all is bounded beside it.
 */
const LINES = 2_000_000;
const WARM_LINES = 50_000;
/** Buffers, and a heap that V8 lets grow once. */
const WORKING_MIB = 128;
/** More than this for what comes after the first gigabyte would not be flat. */
const GROWTH_MIB = 32;
const FURTHER = 3;
/** Two runs without a reader differ by about as much. */
const NOISE = 0.85;
const SETTLE_MS = 3_000;

export async function measureLogs({ workbench }: { readonly workbench: Workbench }) {
  const database = await BenchDatabase.start(workbench);
  const controller = await startController(workbench, { databaseUrl: database.url('holdfast') });
  const runs = await LogRuns.start(workbench, { controller, database });
  const idleRss = rssMiBOf(controller.process.pid);
  await runs.print(WARM_LINES);
  await sleep(SETTLE_MS);
  const rssBefore = rssMiBOf(controller.process.pid);
  say('200 MB, nobody reads');
  const writing = watchRss(controller.process.pid);
  const agentRss = watchRss(runs.agent.pid);
  const alone = [await runs.print(LINES)];
  const rssWriting = writing.end();
  const agentRssWriting = agentRss.end();
  const [kept] = alone as [LogRun];
  const { beside, slowBytes, rss: rssBeside } = await printBesideSlowReader(runs, controller, kept);
  say('200 MB, nobody reads, again');
  alone.push(await runs.print(LINES));
  say('reading it back');
  const reading = watchRss(controller.process.pid);
  const read = await readBack(runs.client, kept);
  const readBeside = await readBack(runs.client, beside);
  const rssReading = reading.end();
  say(`${FURTHER} x 200 MB more`);
  const most = Math.max(rssWriting, rssBeside, rssReading);
  const later = watchRss(controller.process.pid);
  for (let count = 0; count < FURTHER; count += 1) alone.push(await runs.print(LINES));
  await readBack(runs.client, alone.at(-1) as LogRun);
  const rssLater = later.end();
  const aloneSeconds = alone.reduce((sum, run) => sum + run.seconds, 0) / alone.length;
  return {
    bounds: [
      below('lines lost', LINES - read.lines, 1),
      below('lines wrong', read.wrong, 1),
      below('lines lost beside a slow reader', LINES - readBeside.lines, 1),
      below('controller RSS growth in MiB while a log is printed or read', most - rssBefore, WORKING_MIB),
      below(
        'controller RSS growth in MiB from the first 1,000 MB printed and read to the next 800',
        rssLater - most,
        GROWTH_MIB,
      ),
      atLeast('throughput beside a slow reader : without', ratio(aloneSeconds, beside.seconds), NOISE),
    ],
    megabytes: (LINES * LINE_BYTES) / 1e6,
    seconds: { alone: alone.map((run) => round(run.seconds)), besideSlowReader: round(beside.seconds) },
    megabytesPerSecond: round((LINES * LINE_BYTES) / 1e6 / aloneSeconds),
    slowReaderKilobytesPerSecond: round(slowBytes / 1e3 / beside.seconds),
    readBack: {
      ...read,
      seconds: round(read.seconds),
      megabytesPerSecond: round(read.megabytes / read.seconds),
    },
    controllerRssMiB: {
      idle: idleRss,
      before: rssBefore,
      writing: rssWriting,
      beside: rssBeside,
      reading: rssReading,
      later: rssLater,
    },
    agentRssMiBWriting: agentRssWriting,
  };
}

async function printBesideSlowReader(runs: LogRuns, controller: BenchController, other: LogRun) {
  say('200 MB, somebody reads another log slowly');
  const watch = watchRss(controller.process.pid);
  const reader = readSlowly(controller, other);
  const beside = await runs.print(LINES);
  const slowBytes = await reader.end();
  return { beside, slowBytes, rss: watch.end() };
}
