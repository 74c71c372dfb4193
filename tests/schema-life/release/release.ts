import { Random } from '../../chaos/random.ts';
import { changeNamed } from '../changes/catalogue.ts';
import type { Side } from '../changes/change.ts';
import { Connection, type Counters } from './connection.ts';
import { WRITERS_A_RELEASE } from './partition.ts';
import type { Order, Tally } from './tally.ts';
import { Writer } from './writer.ts';

/** A process of one release, which knows one shape. It works between `go` and `halt`, and answers with its tally. */
export interface ReleaseSettings {
  readonly name: string;
  readonly change: string;
  readonly side: Side;
  readonly url: string;
  readonly seed: number;
}

/** Higher than any version of the suite. */
const KNOWS_ALL = '-c holdfast.schema_version=1000000';

const settings = JSON.parse(process.argv[2] ?? '{}') as ReleaseSettings;
const counters: Counters = { ...emptyCounts(), examples: [], losses: [] };
const random = new Random(settings.seed);
const writers = Array.from({ length: WRITERS_A_RELEASE }, (_, place) => {
  const change = changeNamed(settings.change);
  const shape = change[settings.side];
  const says = change.says === true && settings.side === 'new';
  const connection = new Connection(settings.url, counters, says ? KNOWS_ALL : undefined);
  return new Writer({ shape, side: settings.side, place, random: random.branch(), connection });
});
let goes = false;
let working: Promise<unknown> = Promise.resolve();

process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => void obey(order));
process.send?.('ready');

async function obey(order: Order): Promise<void> {
  if (order === 'go') {
    goes = true;
    working = Promise.all(writers.map((writer) => writer.perform(() => goes)));
    return;
  }
  goes = false;
  await working;
  process.send?.(takeTally());
}

function takeTally(): Tally {
  const tally = {
    ...counters,
    examples: counters.examples.splice(0),
    losses: counters.losses.splice(0),
    written: writers.map((writer) => ({ writer: writer.number, rows: writer.takeWritten() })),
  };
  Object.assign(counters, emptyCounts());
  return tally;
}

function emptyCounts() {
  return { statements: 0, failed: 0, differ: 0, slowestMs: 0 };
}
