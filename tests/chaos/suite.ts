import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@holdfast/contract/api/client.ts';
import { checkAll } from './check/check-all.ts';
import { Installation } from './cluster/installation.ts';
import type { Scene } from './cluster/scene.ts';
import type { Journal } from './journal.ts';
import { ExchangeProbe } from './nemesis/exchange-probe.ts';
import type { AgentTimers } from './nemesis/fault.ts';
import { type Injury, Nemesis } from './nemesis/nemesis.ts';
import type { Options } from './options.ts';
import { Random } from './random.ts';
import { Records } from './records.ts';
import { baselineOf, costsOf, stretchesOf } from './report/cost.ts';
import { type Report, reportOf } from './report/report.ts';
import { until } from './until.ts';
import { Asking } from './workload/asking.ts';
import { Load } from './workload/load.ts';
import {
  ASKED_REPOSITORY,
  ledgerFile,
  makeAskedRepository,
  makeRepository,
  REPOSITORY,
} from './workload/repository.ts';
import { PATIENCE_MS, type TriggerTarget } from './workload/send-trigger.ts';

/** Start everything, run undisturbed, run disturbed, mend, check. */
const TIMERS = {
  usual: { suspectMs: 6_000, lostMs: 10_000, elsewhereSeconds: 15 },
  tuned: { suspectMs: 2_000, lostMs: 4_000, elsewhereSeconds: 6 },
};
const BASELINE_RUNS = 4;
const CALM_LIMIT_MS = 60_000;
const SETTLE_LIMIT_MS = 30_000;

export async function performSuite(options: Options, scene: Scene, journal: Journal): Promise<Report> {
  const began = performance.now();
  const random = new Random(options.seed);
  const stage = await setUp(options, scene, journal);
  const load = new Load({ ...stage, journal, random: random.branch() });
  const asking = new Asking(stage.target, journal).start();

  journal.tell(`${BASELINE_RUNS} undisturbed runs`);
  await load.perform({ runs: BASELINE_RUNS, concurrency: BASELINE_RUNS });
  const undisturbed = load.sent.map(({ ask }) => ask.trigger);

  journal.tell(`${options.runs} disturbed runs, ${options.concurrency} at a time`);
  const injuries = await disturb(options, { ...stage, journal, load, random });
  await asking.stop();
  await stage.probe.stop();

  journal.tell('checking');
  // What is left then is found by the checks, with its name.
  await until('everything to settle', () => stage.records.isSettled(), { limitMs: SETTLE_LIMIT_MS }).catch(
    () => {},
  );
  const sent = [...load.sent, ...asking.sent];
  const findings = await checkAll({ ...stage, sent, ledgerFile: ledgerFile(scene) });
  await stage.records.close();
  for (const miss of findings.misses) journal.miss(miss);
  keepEvidence(scene, { sent, injuries, ...findings });
  const stretches = stretchesOf(findings, load.plans);
  const baseline = baselineOf(stretches.filter(({ trigger }) => undisturbed.includes(trigger)));
  const costs = costsOf({ injuries, stretches, baseline, findings });
  const tookSeconds = (performance.now() - began) / 1000;
  return reportOf({
    options,
    findings,
    misses: journal.misses,
    sent,
    injuries,
    costs,
    baseline,
    tookSeconds,
  });
}

interface Stage {
  readonly installation: Installation;
  readonly records: Records;
  readonly probe: ExchangeProbe;
  readonly client: Client;
  readonly target: TriggerTarget;
}

async function setUp(options: Options, scene: Scene, journal: Journal): Promise<Stage> {
  journal.tell(`seed ${options.seed}: PostgreSQL and its standby, two controllers, three agents`);
  const env = environment(timersOf(options));
  const installation = await Installation.start(scene, { env, failover: options.failover });
  installation.processes.onDeath = (sentence) => journal.miss(sentence);
  await until('everything to be calm', () => installation.isCalm(), { limitMs: CALM_LIMIT_MS });
  const client = installation.client();
  const repositories = {
    [REPOSITORY]: makeRepository(scene),
    [ASKED_REPOSITORY]: makeAskedRepository(scene),
  };
  for (const [name, url] of Object.entries(repositories))
    await client('addRepository', { body: { name, url, pollSeconds: 3_600 } });
  return {
    installation,
    client,
    records: new Records(installation.database),
    probe: new ExchangeProbe(installation.addresses, installation.agentToken).start(),
    target: {
      addresses: installation.addresses,
      token: installation.adminToken,
      // One outage may follow upon another.
      patienceMs: PATIENCE_MS + 3 * options.downSeconds * 1000,
    },
  };
}

interface Disturbed extends Stage {
  readonly journal: Journal;
  readonly load: Load;
  readonly random: Random;
}

/** Both go on until there were enough runs and every kind of fault had its turn. */
async function disturb(options: Options, parts: Disturbed): Promise<readonly Injury[]> {
  const { load, random } = parts;
  const { runs, concurrency, kinds } = options;
  const wanted = load.count + runs;
  const nemesis: Nemesis = new Nemesis({
    ...parts,
    kinds,
    timers: timersOf(options),
    downMs: options.downSeconds * 1000,
    random: random.branch(),
    isNeeded: () => load.count < wanted || !nemesis.roundDone,
  });
  const more = () => !nemesis.roundDone || nemesis.isStriking;
  await Promise.all([nemesis.perform(), load.perform({ runs, concurrency, more })]);
  return nemesis.injuries;
}

function timersOf({ tuned }: Options): AgentTimers {
  return tuned ? TIMERS.tuned : TIMERS.usual;
}

function environment({ suspectMs, lostMs }: AgentTimers): Record<string, string> {
  return {
    HOLDFAST_AGENT_SUSPECT_MS: String(suspectMs),
    HOLDFAST_AGENT_LOST_MS: String(lostMs),
  };
}

/** What a miss is looked into with, beside the logs. */
function keepEvidence(scene: Scene, evidence: object): void {
  const { ledger: _, ...plain } = evidence as { ledger?: unknown };
  writeFileSync(join(scene.logs, 'evidence.json'), JSON.stringify(plain, null, 1));
}

export function journalFile(scene: Scene): string {
  return join(scene.logs, 'journal');
}
