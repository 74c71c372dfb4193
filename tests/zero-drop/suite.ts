import type { Journal } from '../chaos/journal.ts';
import { Random } from '../chaos/random.ts';
import { until } from '../chaos/until.ts';
import { Journals } from './check/journals.ts';
import { ENVIRONMENT, Installation } from './cluster/installation.ts';
import type { makeScene } from './cluster/scene.ts';
import { journalFolder, Shipping } from './cluster/shipping.ts';
import { Nemesis, type Strike } from './faults/nemesis.ts';
import { KINDS, type PhaseTotals } from './load/flight.ts';
import { Load } from './load/load-process.ts';
import type { Options } from './options.ts';
import { SCENARIOS } from './scenarios/catalogue.ts';
import type { Kill, Scenario } from './scenarios/scenario.ts';
import { drained, follow, type Stage } from './scenarios/stage.ts';
import { refusalOf } from './strategies.ts';

/** Start everything, serve, play the scenarios under load, count. */
export interface Played {
  readonly scenario: Scenario;
  /** Why it could not be played: what this version of Holdfast does not accept. */
  readonly missing: string | null;
  cutOvers: number;
  readonly strikes: Strike[];
  readonly spared: string[];
  readonly kills: Kill[];
  readonly duplicated: string[];
  readonly misses: string[];
  totals: PhaseTotals | null;
  /** POSTs that instances executed meanwhile, whoever sent them. */
  executed: number;
}

const CALM_LIMIT_MS = 60_000;

/** What was under way while nothing was played, or began just before something was. */
const BETWEEN: Scenario = {
  name: 'between',
  needs: [],
  rounds: { usual: 0, quick: 0, further: 0 },
  perform: async () => ({ cutOvers: 0 }),
};

export async function performSuite(
  options: Options,
  scene: ReturnType<typeof makeScene>,
  journal: Journal,
): Promise<readonly Played[]> {
  journal.tell(`seed ${options.seed}: PostgreSQL, two controllers, two agents that host, a router`);
  const installation = await Installation.start(scene);
  installation.processes.onDeath = (sentence) => journal.miss(sentence);
  const stage = await setTheStage(options, installation, journal);
  try {
    const played = SCENARIOS.filter(({ name }) => options.only.includes(name)).map((scenario) =>
      begin(scenario, stage),
    );
    await playAll(options, stage, played);
    stage.load.phase('after');
    const totals = await stage.load.settled(BETWEEN.name);
    return [...played, { ...begin(BETWEEN, stage), totals }];
  } finally {
    stage.load.stop();
  }
}

/** The first release serves, and users come. */
async function setTheStage(options: Options, installation: Installation, journal: Journal): Promise<Stage> {
  await until('everybody to be there', () => installation.isCalm(), { limitMs: CALM_LIMIT_MS });
  const random = new Random(options.seed);
  const parts = {
    installation,
    journal,
    random,
    shipping: await Shipping.begin(installation),
    nemesis: new Nemesis(installation, journal),
    journals: new Journals(journalFolder(installation)),
  };
  const first = { turn: 0, expect: 'done', strikes: false } as const;
  const id = await parts.shipping.release('canary');
  await follow(parts, id, first);
  const load = new Load(
    { port: installation.port, rate: options.rate, seed: options.seed },
    { died: () => journal.miss('a load process died') },
  );
  load.phase(BETWEEN.name);
  journal.tell(`${options.rate} requests a second from outside`);
  return { ...parts, load };
}

function begin(scenario: Scenario, { installation }: Stage): Played {
  const places = { journal: journalFolder(installation), previewPort: installation.previewPort };
  const refusals = scenario.needs.flatMap((strategy) => refusalOf(strategy, places) ?? []);
  const empty = {
    cutOvers: 0,
    strikes: [],
    spared: [],
    kills: [],
    duplicated: [],
    misses: [],
    totals: null,
    executed: 0,
  };
  return { scenario, missing: refusals[0] ?? null, ...empty };
}

async function playAll(options: Options, stage: Stage, played: readonly Played[]): Promise<void> {
  const ready = played.filter(({ missing }) => missing === null);
  for (const { scenario, missing } of played)
    if (missing !== null) stage.journal.tell(`MISSING ${scenario.name}: ${missing}`);
  const last = ready.filter(({ scenario }) => scenario.rounds.further === 0);
  const repeated = ready.filter(({ scenario }) => scenario.rounds.further > 0);
  for (const entry of repeated) {
    const { usual, quick } = entry.scenario.rounds;
    await play(stage, entry, { rounds: options.quick ? quick : usual, from: 0 });
  }
  for (let further = 0; repeated.length > 0 && !isEnough(options, repeated); further += 1) {
    stage.nemesis.rests = (further + 1) % options.strikeEvery !== 0;
    for (const entry of repeated) {
      const rounds = entry.scenario.rounds.further;
      await play(stage, entry, { rounds, from: entry.scenario.rounds.usual + further * rounds });
    }
  }
  stage.nemesis.rests = false;
  for (const entry of last) await play(stage, entry, { rounds: 1, from: 0, next: 'aftermath' });
}

/** One scenario some times, and what its requests came to once everything has settled. */
async function play(
  stage: Stage,
  played: Played,
  {
    rounds,
    from,
    next = BETWEEN.name,
  }: { readonly rounds: number; readonly from: number; readonly next?: string },
): Promise<void> {
  const { scenario } = played;
  const { load, journal, nemesis } = stage;
  const [strikesBefore, sparedBefore] = [nemesis.strikes.length, nemesis.spared.length];
  const missesBefore = journal.misses.length;
  stage.journals.read();
  const executedBefore = stage.journals.executed;
  journal.tell(`${scenario.name}, ${rounds} times`);
  load.phase(scenario.name);
  try {
    for (let turn = from; turn < from + rounds; turn += 1) {
      const done = await scenario.perform(stage, turn);
      played.cutOvers += done.cutOvers;
      played.kills.push(...(done.kills ?? []));
    }
    await drained(stage);
  } catch (error) {
    journal.miss(`${scenario.name}: ${(error as Error).message}`);
  }
  load.phase(next);
  played.totals = await load.settled(scenario.name);
  await readJournals(stage, played);
  // A second look at what this suite itself measures: whatever was answered stands in a journal.
  played.executed += stage.journals.executed - executedBefore;
  if (played.executed < played.totals.executed)
    played.misses.push('POSTs were answered that no instance executed');
  played.strikes.push(...nemesis.strikes.slice(strikesBefore));
  played.spared.push(...nemesis.spared.slice(sparedBefore));
  played.misses.push(...journal.misses.slice(missesBefore));
}

async function readJournals({ journals, installation }: Stage, played: Played): Promise<void> {
  journals.read();
  played.duplicated.push(...journals.takeDuplicates());
  const { instances } = await installation.patiently('the instances', () =>
    installation.client('showEnvironment', { params: ENVIRONMENT }),
  );
  // What a failure is looked into with stays.
  if ((played.totals?.failures.length ?? 0) > 0) return;
  journals.forget((name) => !instances.some(({ id }) => id === name));
}

function isEnough({ requests, cutOvers }: Options, played: readonly Played[]): boolean {
  const switched = played.reduce((sum, entry) => sum + entry.cutOvers, 0);
  return sentIn(played) >= requests && switched >= cutOvers;
}

function sentIn(played: readonly Played[]): number {
  return played
    .flatMap(({ totals }) => (totals ? KINDS.map((kind) => totals.kinds[kind].ended) : []))
    .reduce((sum, count) => sum + count, 0);
}
