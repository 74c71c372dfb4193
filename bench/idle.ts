import { setTimeout as sleep } from 'node:timers/promises';
import { below } from './bound.ts';
import { startFleet } from './fleet/start-fleet.ts';
import { watchAgents } from './fleet/watch-agents.ts';
import { round } from './latency.ts';
import { rssMiBOf } from './memory.ts';
import { type BenchController, startController } from './orchestrator/controller.ts';
import { BenchDatabase } from './orchestrator/database.ts';
import { readStatementCosts, resetStatementCosts } from './orchestrator/statement-costs.ts';
import { cpuSecondsOf } from './router/cpu-time.ts';
import { say, type Workbench } from './workbench.ts';

/**
 * What a thousand agents cost that have nothing to do: heartbeats and long polls on two controllers.
 * The figures are a price, not a promise; that nobody is taken for lost is one.
 */
const AGENTS = 1_000;
const SETTLE_MS = 5_000;

export async function measureIdle({
  workbench,
  seconds,
}: {
  readonly workbench: Workbench;
  readonly seconds: number;
}) {
  const database = await BenchDatabase.start(workbench);
  await database.restartCounting();
  const controllers = await startControllers(workbench, database);
  const addresses = controllers.map((controller) => controller.address);
  const token = controllers[0]?.token ?? '';
  const rssBefore = controllers.map((controller) => rssMiBOf(controller.process.pid));
  const fleet = await startFleet(workbench, { controllers: addresses, token, agents: AGENTS, slots: 2 });
  await sleep(SETTLE_MS);
  say(`${AGENTS} idle agents for ${seconds} s`);
  const watch = await watchAgents(database);
  await resetStatementCosts(database);
  const pids = controllers.map((controller) => controller.process.pid);
  const before = { controllers: pids.map(cpuSecondsOf), postgres: cpuSecondsOf(database.pid) };
  await sleep(seconds * 1000);
  const used = pids.map((pid, index) => cpuSecondsOf(pid) - (before.controllers[index] ?? 0));
  const postgresSeconds = cpuSecondsOf(database.pid) - before.postgres;
  const costs = await readStatementCosts(database, seconds);
  const agents = await watch.end();
  const rssMiB = pids.map(rssMiBOf);
  const { failedExchanges, exchanges } = await fleet.end();
  const total = used.reduce((sum, cpuSeconds) => sum + cpuSeconds, 0);
  return {
    bounds: [
      below('agents ever suspect', agents.suspect, 1),
      below('agents ever lost', agents.lost, 1),
      below('agents missing', AGENTS - agents.seen, 1),
    ],
    agents: AGENTS,
    controllerCpuMsPerAgentAndSecond: round((total * 1000) / AGENTS / seconds),
    controllerCores: used.map((cpuSeconds) => round(cpuSeconds / seconds)),
    controllerRssMiB: rssMiB,
    controllerRssMiBWithoutAgents: rssBefore,
    postgresCores: round(postgresSeconds / seconds),
    statementsPerSecond: costs.statementsPerStep,
    databaseMsPerSecond: costs.databaseMsPerStep,
    topStatements: costs.topStatements.map(({ sql, callsPerStep, share }) => ({
      sql,
      perSecond: callsPerStep,
      share,
    })),
    exchanges,
    failedExchanges,
    longestSilenceMs: agents.longestSilenceMs,
  };
}

async function startControllers(
  workbench: Workbench,
  database: BenchDatabase,
): Promise<readonly BenchController[]> {
  const databaseUrl = database.url('holdfast');
  const first = await startController(workbench, { databaseUrl, name: 'bench-1' });
  return [first, await startController(workbench, { databaseUrl, name: 'bench-2' })];
}
