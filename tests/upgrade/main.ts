import { cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { programPath } from '@holdfast/supervisor/programs.ts';
import { checkAll } from '../chaos/check/check-all.ts';
import { type AgentHost, type Controller, Installation } from '../chaos/cluster/installation.ts';
import { makeScene } from '../chaos/cluster/scene.ts';
import { sweepDead, sweepScene } from '../chaos/cluster/sweep.ts';
import { Journal } from '../chaos/journal.ts';
import { Random } from '../chaos/random.ts';
import { Records } from '../chaos/records.ts';
import { missingRequirements } from '../chaos/requirements.ts';
import { journalFile } from '../chaos/suite.ts';
import { until } from '../chaos/until.ts';
import { Asking } from '../chaos/workload/asking.ts';
import { Load } from '../chaos/workload/load.ts';
import {
  ASKED_REPOSITORY,
  ledgerFile,
  makeAskedRepository,
  makeRepository,
  REPOSITORY,
} from '../chaos/workload/repository.ts';
import { PREVIOUS, unpackPrevious } from './older-version.ts';

/**
 * `npm run test:upgrade [-- --runs N]`: controllers and agents of the version before, runs of ten steps
 * all the time; each process is replaced by this version's, one after the other, and then once more by
 * its like. Everything that chaos checks must hold: no trigger lost, no step counted twice, no log line
 * missing; nor may any step be begun again, but for those that agents of the version before gave back.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '16' } } });
const CONCURRENCY = 4;
const BETWEEN_MS = 2_000;

const missing = missingRequirements();
if (missing.length > 0) {
  process.stderr.write(`the upgrade suite needs\n${missing.map((part) => `  ${part}\n`).join('')}`);
  process.exit(2);
}
await sweepDead();
const scene = makeScene();
const journal = new Journal(journalFile(scene));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave());
try {
  await perform();
} catch (error) {
  journal.miss((error as Error).stack ?? String(error));
}
await leave();

async function perform(): Promise<void> {
  journal.tell(`unpacking ${PREVIOUS}`);
  const older = unpackPrevious(join(scene.root, 'previous'));
  const newer = new Set<string>();
  let starting = '';
  const program = (name: 'controller' | 'agent') => (newer.has(starting) ? programPath(name) : older(name));
  const env = { HOLDFAST_AGENT_SUSPECT_MS: '6000', HOLDFAST_AGENT_LOST_MS: '10000' };
  const installation = await Installation.start(scene, { env, failover: false, program });
  installation.processes.onDeath = (sentence) => journal.miss(sentence);
  await until('everything to be calm', () => installation.isCalm(), { limitMs: 60_000 });
  const client = installation.client();
  const repositories = {
    [REPOSITORY]: makeRepository(scene, { provisions: false }),
    [ASKED_REPOSITORY]: makeAskedRepository(scene),
  };
  for (const [name, url] of Object.entries(repositories))
    await client('addRepository', { body: { name, url, pollSeconds: 3_600 } });
  const target = { addresses: installation.addresses, token: installation.adminToken };
  const load = new Load({ client, target, journal, random: new Random(1) });
  const asking = new Asking(target, journal).start();
  let rolled = false;
  /** When each agent of the version before was gone. */
  const left = new Map<string, number>();
  const roll = async (how: string) => {
    for (const part of [...installation.controllers, ...installation.agents]) {
      await sleep(BETWEEN_MS);
      starting = part.name;
      await stop(installation, part);
      if (!newer.has(part.name)) left.set(part.name, Date.now());
      newer.add(part.name);
      await start(installation, part);
      journal.tell(`${part.name} ${how}`);
    }
    await sleep(BETWEEN_MS);
  };
  const rollTwice = async () => {
    await roll('is of this version');
    await roll('was replaced by its like');
    rolled = true;
  };
  await Promise.all([
    rollTwice(),
    load.perform({ runs: Number(values.runs), concurrency: CONCURRENCY, more: () => !rolled }),
  ]);
  await asking.stop();
  const records = new Records(installation.database);
  await until('everything to settle', () => records.isSettled(), { limitMs: 30_000 }).catch(() => {});
  const sent = [...load.sent, ...asking.sent];
  const { misses, runs, counted, attempts } = await checkAll({
    client,
    records,
    sent,
    ledgerFile: ledgerFile(scene),
  });
  await records.close();
  for (const miss of misses) journal.miss(miss);
  const repeated = attempts.filter((attempt) => !attempt.counted);
  // Agents before 0.3 give their jobs back when they are asked to go.
  const givenBack = repeated.filter(
    ({ agent, reason, startedAt }) =>
      reason === `agent ${agent} said goodbye` && startedAt < (left.get(agent ?? '') ?? 0),
  );
  for (const { agent, step, state, reason } of repeated.filter((attempt) => !givenBack.includes(attempt)))
    journal.miss(`step ${step} was begun again: at ${agent} it was ${state}: ${reason}`);
  process.stdout.write(
    `${PREVIOUS} → this version under load: ${runs.length} runs, ${sent.length} triggers, ${counted.length} steps counted once, ${givenBack.length} given back by agents of ${PREVIOUS} when they were asked to go\n`,
  );
}

/** A controller is asked to go and waited for; an agent leaves its steps to their shims. */
async function stop(installation: Installation, part: Controller | AgentHost): Promise<void> {
  installation.processes.signal(part.name, 'SIGTERM');
  await until(`${part.name} to be gone`, () => !installation.processes.isRunning(part.name), {
    limitMs: 60_000,
    everyMs: 20,
  });
}

async function start(installation: Installation, part: Controller | AgentHost): Promise<void> {
  if ('address' in part) {
    installation.startController(part);
    await installation.waitUntilReady(part);
  } else installation.startAgent(part);
}

async function leave(): Promise<never> {
  const failed = journal.misses.length;
  if (failed > 0) {
    const kept = join(tmpdir(), `holdfast-upgrade-logs-${process.pid}`);
    cpSync(scene.logs, kept, { recursive: true });
    process.stderr.write(`logs of every process: ${kept}\n`);
  }
  journal.close();
  await sweepScene(process.pid, scene.root);
  process.stdout.write(`${failed === 0 ? 1 : 0} passed, ${failed === 0 ? 0 : 1} failed\n`);
  process.exit(failed === 0 ? 0 : 1);
}
