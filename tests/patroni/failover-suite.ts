import { setTimeout as sleep } from 'node:timers/promises';
import { Processes } from '../chaos/cluster/processes.ts';
import type { Scene } from '../chaos/cluster/scene.ts';
import type { Journal } from '../chaos/journal.ts';
import { Random } from '../chaos/random.ts';
import { until } from '../chaos/until.ts';
import { Load } from '../chaos/workload/load.ts';
import { checkAll } from './check/check-all.ts';
import { type GenerationChange, GenerationWatch, generationChange } from './check/generation-watch.ts';
import { logRepeats, type Repeat, saysForbidden } from './check/log-repeats.ts';
import { readRecords, type Settling, waitUntilSettled } from './check/records.ts';
import { Installation } from './cluster/installation.ts';
import { PatroniCluster } from './cluster/patroni-cluster.ts';
import { FAULTS, type FaultName, PERFORM } from './faults.ts';
import { addRepositories } from './load/add-repositories.ts';
import { LedgerClient } from './load/ledger-client.ts';
import type { Options } from './options.ts';

/** Start everything, strike the leader again and again under load, wait until it is whole, check. */
export interface Strike {
  readonly fault: FaultName;
  readonly struckAt: number;
  /** Until the cluster, the controllers and the agents were whole again. */
  readonly wholeAfterMs: number;
  readonly endedAt: number;
  readonly generation: GenerationChange;
}

export interface FailoverResult {
  readonly strikes: readonly Strike[];
  readonly ledger: LedgerClient;
  readonly runs: number;
  readonly repeatedSteps: number;
  readonly controllerLogs: readonly Repeat[];
  readonly settling: Settling;
  readonly misses: readonly string[];
}

const CALM_MS = 5_000;
const CONCURRENT_RUNS = 3;
const ASKED_REPOSITORIES = 8;
const RECOVER_LIMIT_MS = 60_000;

export async function performFailovers(
  { rounds, etcd3 }: Options,
  scene: Scene,
  journal: Journal,
): Promise<FailoverResult> {
  const processes = new Processes(scene);
  processes.onDeath = (sentence) => journal.miss(sentence);
  journal.tell('etcd and three Patroni nodes');
  const cluster = await PatroniCluster.start(scene, processes, etcd3 ? 'etcd3' : 'etcd');
  journal.tell('two controllers and two agents');
  const installation = await Installation.start(scene, processes, cluster.url);
  const client = installation.client();
  const asked = await addRepositories(scene, client, ASKED_REPOSITORIES);
  const target = { addresses: installation.addresses, token: installation.token };
  const ledger = new LedgerClient(target, asked, journal).start();
  const load = new Load({ client, target, random: new Random(1), journal });
  const watch = new GenerationWatch(cluster).start();

  let striking = true;
  const running = load.perform({ runs: 1, concurrency: CONCURRENT_RUNS, more: () => striking });
  const strikes: Strike[] = [];
  for (let round = 1; round <= rounds; round += 1)
    for (const fault of FAULTS) {
      await sleep(CALM_MS);
      journal.tell(`round ${round}: ${fault}`);
      strikes.push(await strike(fault, { cluster, installation, watch, ledger, journal }));
    }
  await sleep(CALM_MS);
  striking = false;
  journal.tell('no more faults; what was begun is finished');
  await Promise.all([running, ledger.stop()]);
  await watch.stop();

  const leader = await cluster.leader();
  if (!leader) throw new Error('there is no leader to be checked');
  const settling = await waitUntilSettled((text) => leader.query(text));
  if (settling.stuck > 0) journal.miss(`${settling.stuck} triggers and runs do not end`);
  const records = await readRecords((text) => leader.query(text));
  for (const miss of checkAll(records, load.sent, ledger.entries)) journal.miss(miss);
  const controllerLogs = logRepeats(
    installation.controllerNames.map((name) => installation.logOf(name)).join('\n'),
  );
  for (const repeat of controllerLogs.filter(saysForbidden))
    journal.miss(`a controller's log: ${repeat.text}`);
  return {
    strikes,
    ledger,
    runs: load.count,
    repeatedSteps: records.attempts.filter(({ counted }) => !counted).length,
    controllerLogs,
    settling,
    misses: journal.misses,
  };
}

interface Stage {
  readonly cluster: PatroniCluster;
  readonly installation: Installation;
  readonly watch: GenerationWatch;
  readonly ledger: LedgerClient;
  readonly journal: Journal;
}

async function strike(fault: FaultName, stage: Stage): Promise<Strike> {
  const { cluster, installation, watch, journal } = stage;
  const leader = await cluster.leader();
  const before = watch.last;
  if (!leader || !before) throw new Error('there is no leader to be struck');
  const struckAt = Date.now();
  const tell = (text: string) => journal.tell(text);
  const miss = (text: string) => journal.miss(`${fault}: ${text}`);
  await PERFORM[fault]({ cluster, leader, miss, tell });
  await cluster.waitUntilWhole();
  if ((await cluster.leader()) === leader) miss(`${leader.place.name} is the leader again`);
  await until('controllers and agents to be calm', () => installation.isCalm(), {
    limitMs: RECOVER_LIMIT_MS,
  });
  const wholeAfterMs = Date.now() - struckAt;
  // What was sent in the blackout has been resolved when only the newest triggers are open.
  await until('triggers to be resolved', () => stage.ledger.unresolved < 5, { limitMs: RECOVER_LIMIT_MS });
  await sleep(CALM_MS);
  const generation = generationChange(watch.sights, before, fault);
  for (const sentence of generation.misses) journal.miss(sentence);
  for (const sight of generation.path) journal.tell(`  ${sight}`);
  journal.tell(
    `whole after ${(wholeAfterMs / 1000).toFixed(1)} s; timeline ${generation.timelines}, generation ${generation.generations}`,
  );
  return { fault, struckAt, wholeAfterMs, endedAt: Date.now(), generation };
}
