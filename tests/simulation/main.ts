import { parseArgs } from 'node:util';
import { describeMachine } from '../../tools/describe-machine.ts';
import { PLANTS, type Plant } from './plants.ts';
import { runSeed, type SeedResult } from './seed.ts';

/**
 * `npm run test:simulation -- --seeds N [--from S] [--sql-every K] [--plant NAME] [--seed S]`: worlds
 * of controllers, agents, shims, network and clock, each from one seed. Fails with the seed when an
 * invariant is broken; `--seed S` replays one and prints its trail. Unless told otherwise it also
 * shows that each planted bug is found.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    'sql-every': { type: 'string', default: '200' },
    plant: { type: 'string' },
    seed: { type: 'string' },
  },
});
const plant = (values.plant ?? null) as Plant | null;
if (plant !== null && !PLANTS.includes(plant)) usage(`--plant is one of ${PLANTS.join(', ')}`);
const PLANT_SEEDS = 200;
const REPLAYED = 5;

if (values.seed !== undefined) {
  const [result] = (await runMany(whole(values.seed), 1, plant)) as [SeedResult];
  process.stdout.write(`${result.trail.join('\n')}\n${summaryOf([result])}\n`);
  process.exit(result.violations.length > 0 ? 1 : 0);
}
const results = await runMany(whole(values.from), whole(values.seeds), plant);
const { commit, uncommitted, machine } = describeMachine();
process.stdout.write(
  `commit ${commit}${uncommitted ? ' with uncommitted changes' : ''}; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n${summaryOf(results)}\n`,
);
const unlike = await unlikeWhenReplayed();
for (const seed of unlike) process.stdout.write(`seed ${seed} does not replay exactly\n`);
const missed = plant === null ? await missedPlants() : [];
const broken = results.filter((result) => result.violations.length > 0);
for (const { seed, violations } of broken.slice(0, 10))
  process.stdout.write(
    `seed ${seed}: ${violations[0]}   (npm run test:simulation -- --seed ${seed}${plant ? ` --plant ${plant}` : ''})\n`,
  );
const failed = broken.length + missed.length + unlike.length;
process.stdout.write(
  `${results.length + REPLAYED + (plant === null ? PLANTS.length : 0) - failed} passed, ${failed} failed\n`,
);
process.exit(failed > 0 ? 1 : 0);

async function runMany(from: number, count: number, planted: Plant | null): Promise<readonly SeedResult[]> {
  const { openSqlWorlds } = await import('./sql-backend.ts');
  const every = whole(values['sql-every'] ?? '0');
  const sql = every > 0 && planted === null ? await openSqlWorlds() : null;
  const done: SeedResult[] = [];
  for (let seed = from; seed < from + count; seed += 1) {
    const openSql = sql && seed % every === 0 ? sql.open : null;
    done.push(await runSeed(seed, { plant: planted, openSql }));
    if (done.length % 500 === 0) process.stderr.write(`${done.length} seeds\n`);
  }
  await sql?.close();
  return done;
}

/** What is found must be found again: the same seed is the same trail, event by event. */
async function unlikeWhenReplayed(): Promise<readonly number[]> {
  const unlike: number[] = [];
  for (let seed = 1; seed <= REPLAYED; seed += 1) {
    const trails = [
      await runSeed(seed, { plant, openSql: null }),
      await runSeed(seed, { plant, openSql: null }),
    ];
    if (trails[0]?.trail.join('\n') !== trails[1]?.trail.join('\n')) unlike.push(seed);
  }
  return unlike;
}

async function missedPlants(): Promise<readonly Plant[]> {
  const missed: Plant[] = [];
  for (const each of PLANTS) {
    let found: SeedResult | null = null;
    for (let seed = 1; seed <= PLANT_SEEDS && !found; seed += 1) {
      const result = await runSeed(seed, { plant: each, openSql: null });
      if (result.violations.length > 0) found = result;
    }
    process.stdout.write(
      found
        ? `planted ${each}: found at seed ${found.seed}: ${found.violations[0]}\n`
        : `planted ${each}: NOT FOUND in ${PLANT_SEEDS} seeds\n`,
    );
    if (!found) missed.push(each);
  }
  return missed;
}

function summaryOf(done: readonly SeedResult[]): string {
  const sum = (of: (result: SeedResult) => number) => done.reduce((total, result) => total + of(result), 0);
  return [
    `seeds ${done.length}, events ${sum((result) => result.events)}, virtual hours ${(sum((result) => result.virtualSeconds) / 3600).toFixed(1)}`,
    `runs: ${sum((result) => result.runs.succeeded)} succeeded, ${sum((result) => result.runs.failed)} failed, ${sum((result) => result.runs.cancelled)} cancelled; attempts that did not count: ${sum((result) => result.ranAgain)}`,
    ...done.flatMap((result) => (done.length === 1 ? result.violations : [])),
  ].join('\n');
}

function whole(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  return usage(`expected a whole number, found ${text}`);
}

function usage(sentence: string): never {
  process.stderr.write(`test:simulation: ${sentence}\n`);
  process.exit(2);
}
