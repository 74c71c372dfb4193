import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobView, RolloutView, RunView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { LoadProcess } from './load-process.ts';
import { Machine, until } from './machine.ts';
import { claimsOf, printReport, type Story } from './report.ts';
import { ShopRepository } from './shop-repository.ts';

/**
 * `npm run demo`: the main job on real input, through two kills.
 *
 *   push v1 → serves · load starts · push v2 → an agent burns in mid-step, a controller dies in
 *   mid-rollout → 100 % · push v3 (broken) → aborted by itself
 *
 * Every figure in the report is measured here; a claim that fails makes the exit code 1.
 */
const RATE = 100;
const keep = process.argv.includes('--keep');
const startedAt = performance.now();
const root = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
chmodSync(root, 0o711);

say('starting PostgreSQL, two controllers, two agents');
const machine = await Machine.start({ data: join(root, 'data'), controllers: 2 });
const { client } = machine;
const listen = await freePorts(1);
const shop = new ShopRepository(join(root, 'shop'), listen);
let load: LoadProcess | undefined;
let failed = true;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(1)));
try {
  const story = await tell();
  const claims = claimsOf(story);
  printReport(story, claims);
  failed = claims.some((claim) => !claim.holds);
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).stack}\n`);
} finally {
  load?.kill();
  if (keep) leaveUp();
  else await cleanUp();
}
process.exit(failed ? 1 : 0);

async function tell(): Promise<Story> {
  await shipFirst();
  load = new LoadProcess(listen, RATE);
  load.phase('warmup');
  await sleep(2_000);
  load.phase('v2');
  const v2 = await shipThroughKills();
  await sleep(1_000);
  load.phase('v3');
  const v3 = await shipBroken();
  load.phase('after');
  await sleep(3_000);
  const totals = await load.stop();
  load = undefined;
  return { seconds: (performance.now() - startedAt) / 1000, rate: RATE, totals, v2, v3 };
}

async function shipFirst(): Promise<void> {
  await client('addRepository', { body: { name: 'shop', url: shop.folder, pollSeconds: 1 } });
  say('v1: the first release, started by hand');
  await client('startRun', { body: { repository: 'shop', inputs: {} } });
  const run = await until('v1', () => ended(1));
  if (run.state !== 'succeeded')
    throw new Error(`v1 ${run.state}: ${run.jobs.map((job) => job.reason).join('; ')}`);
  await until(
    'the router of v1',
    async () =>
      (await client('listEnvironments')).items[0]?.routers[0]?.workers === 2 &&
      (await fetch(`http://127.0.0.1:${listen}/`).catch(() => null))?.ok,
  );
  say(`v1 serves on port ${listen}`);
}

async function shipThroughKills(): Promise<Story['v2']> {
  shop.push(2, { failing: 0, extraMs: 0, message: 'a good one' });
  say('v2: pushed under load');
  const { job, step } = await until('the build to be in mid-step', () => inMidStep(2, 'Compile'));
  await sleep(800);
  const victim = job.agent ?? '';
  say(`killing ${victim} in the middle of "${step}", with the step's process group; deleting its directory`);
  machine.burnAgent(victim, job.id);
  const burntAt = performance.now();
  await until('the job to go on elsewhere', async () => (await attempts(2, 'Compile')) > 1, 30_000);
  const resumedAfterS = (performance.now() - burntAt) / 1000;
  say(`the job went on at "${step}" after ${resumedAfterS.toFixed(1)} s`);
  const rollout = await until('v2 to get traffic', () => rolloutIn('analysing'));
  const killed = await killController(rollout);
  const finished = await until('v2 to be promoted', () => rolloutEnded(rollout.id));
  say(`v2 is ${finished.state}`);
  const run = await until('run 2 to end', () => ended(2));
  const agent = run.jobs.find((candidate) => candidate.id === job.id)?.agent ?? '?';
  const resumedOn = agent === victim ? `a new ${agent}` : agent;
  return {
    run,
    rollout: finished,
    agentBurntAt: burntAt,
    resumedAfterS,
    burntStep: step,
    resumedOn,
    ...killed,
  };
}

/** Kills one controller and measures how long until the other moved the rollout on, and until both serve. */
async function killController(
  rollout: RolloutView,
): Promise<{ readonly controllerBackS: number; readonly takeOverMs: number }> {
  const looks = async () =>
    (await client('showRollout', { params: { id: rollout.id } })).judgement?.metrics[0]?.n.candidate ?? 0;
  say(`killing controller-1 while v2 has ${rollout.weight / 100} % of the traffic`);
  machine.kill('controller-1');
  const killedAt = performance.now();
  const before = await looks();
  await until('the other controller to judge on', async () => (await looks()) > before);
  const takeOverMs = Math.round(performance.now() - killedAt);
  await until(
    'controller-1 to be back',
    async () => (await fetch(`${machine.addresses[0]}/readyz`).catch(() => null))?.ok,
  );
  return { takeOverMs, controllerBackS: (performance.now() - killedAt) / 1000 };
}

async function shipBroken(): Promise<Story['v3']> {
  shop.push(3, { failing: 0.05, extraMs: 80, message: 'broken: 5 % errors, 80 ms slower' });
  say('v3: pushed, broken');
  const rollout = await until('v3 to get traffic', () => rolloutIn('analysing'));
  const finished = await until('v3 to be decided', () => rolloutEnded(rollout.id));
  const aborting = finished.history.find((entry) => entry.state === 'aborting');
  const abortedAfterS =
    aborting && finished.trafficSince
      ? (Date.parse(aborting.at) - Date.parse(finished.trafficSince)) / 1000
      : Number.NaN;
  say(`v3 is ${finished.state}`);
  const run = await until('run 3 to end', () => ended(3));
  return { run, rollout: finished, abortedAfterS };
}

async function runNumber(number: number): Promise<RunView | null> {
  const { items } = await client('listRuns', { query: { limit: 20 } });
  const found = items.find((run) => run.number === number);
  return found ? client('showRun', { params: { id: found.id } }) : null;
}

async function ended(number: number): Promise<RunView | null> {
  const run = await runNumber(number);
  return run?.endedAt ? run : null;
}

async function inMidStep(
  number: number,
  name: string,
): Promise<{ readonly job: JobView; readonly step: string } | null> {
  const job = (await runNumber(number))?.jobs.find((candidate) =>
    candidate.steps.some((step) => step.name === name && step.state === 'running'),
  );
  return job ? { job, step: name } : null;
}

async function attempts(number: number, name: string): Promise<number> {
  const run = await runNumber(number);
  return run?.jobs.flatMap((job) => job.steps).find((step) => step.name === name)?.attempts.length ?? 0;
}

async function rolloutIn(state: string): Promise<RolloutView | null> {
  const rollout = (await client('listEnvironments')).items[0]?.rollout;
  return rollout && (rollout.state === state || (rollout.trafficSince !== null && rollout.endedAt === null))
    ? rollout
    : null;
}

async function rolloutEnded(id: string): Promise<RolloutView | null> {
  const rollout = await client('showRollout', { params: { id } });
  return rollout.endedAt ? rollout : null;
}

function say(text: string): void {
  process.stdout.write(`[${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s] ${text}\n`);
}

function leaveUp(): void {
  machine.detach();
  say(
    `left running. Dashboard: ${machine.addresses[0]} (token in ${join(root, 'data', 'admin.token')}); the shop: http://127.0.0.1:${listen}`,
  );
  say(`stop it with: npx holdfast down --data ${join(root, 'data')}`);
}

async function cleanUp(): Promise<void> {
  load?.kill();
  await machine.stop();
  rmSync(root, { recursive: true, force: true });
}
