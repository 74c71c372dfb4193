import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Latency, summarise } from '../latency.ts';
import { SimulatedAgent } from './simulated-agent.ts';

/**
 * A process of simulated agents: fills every slot, lets them run warm, then counts the steps whose
 * end a controller acknowledged within the window. Told by argv, answers over IPC.
 */
export interface AgentsAsked {
  readonly controller: string;
  readonly token: string;
  readonly agents: number;
  readonly slots: number;
  readonly seconds: number;
  readonly startedFirst: boolean;
  /** Further agents without a slot: they only wait for offers, as most of a fleet does most of the time. */
  readonly idleAgents: number;
}

export interface AgentsAnswer {
  readonly steps: number;
  readonly perSecond: number;
  readonly stepMs: Latency;
  readonly exchanges: number;
  readonly emptyExchanges: number;
  readonly failedExchanges: number;
  readonly fencedReports: number;
}

const FILL_LIMIT_MS = 30_000;
const WARM_MS = 1_000;

const asked = JSON.parse(process.argv[2] ?? '{}') as AgentsAsked;
const pool = new Pool(asked.controller, { connections: 2 * (asked.agents + asked.idleAgents) });
const stop = new AbortController();
let samples: number[] = [];
const agents = Array.from(
  { length: asked.agents + asked.idleAgents },
  (_, index) =>
    new SimulatedAgent({
      pool,
      token: asked.token,
      slots: index < asked.agents ? asked.slots : 0,
      name: `bench-${index}`,
      startedFirst: asked.startedFirst,
      stepDone: (ms) => samples.push(ms),
    }),
);
const running = agents.map((agent) => agent.run(stop.signal));
await Promise.race([filled(), Promise.all(running)]);
await sleep(WARM_MS);
process.send?.('opened');
samples = [];
const before = { exchanges: total('exchanges'), empty: total('emptyExchanges') };
const startedAt = performance.now();
await sleep(asked.seconds * 1000);
const seconds = (performance.now() - startedAt) / 1000;
const answer: AgentsAnswer = {
  steps: samples.length,
  perSecond: Math.round(samples.length / seconds),
  stepMs: summarise(samples),
  exchanges: total('exchanges') - before.exchanges,
  emptyExchanges: total('emptyExchanges') - before.empty,
  failedExchanges: total('failedExchanges'),
  fencedReports: total('fenced'),
};
stop.abort();
for (const agent of agents) agent.rouse();
await Promise.all(running);
await pool.close();
process.send?.(answer, () => process.exit(0));

async function filled(): Promise<void> {
  const deadline = performance.now() + FILL_LIMIT_MS;
  while (agents.slice(0, asked.agents).some((agent) => agent.busySlots < asked.slots)) {
    if (performance.now() > deadline)
      throw new Error(`slots were not filled: ${agents.map((agent) => agent.busySlots).join(' ')}`);
    await sleep(10);
  }
}

function total(count: 'exchanges' | 'emptyExchanges' | 'failedExchanges' | 'fenced'): number {
  return agents.reduce((sum, agent) => sum + agent[count], 0);
}
