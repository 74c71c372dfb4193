import { Pool } from 'undici';
import { SimulatedAgent } from '../orchestrator/simulated-agent.ts';

/**
 * A process of simulated agents, spread over controllers, that do whatever they are granted until
 * they are told to stop; then it answers with when each job arrived. Told by argv, answers over IPC.
 */
export interface FleetAsked {
  readonly controllers: readonly string[];
  readonly token: string;
  readonly agents: number;
  readonly slots: number;
}

export interface FleetAnswer {
  /** By the clock of the machine, which PostgreSQL stamps its rows with. */
  readonly grants: readonly (readonly [jobId: string, atMs: number])[];
  readonly steps: number;
  readonly exchanges: number;
  readonly failedExchanges: number;
  readonly fencedReports: number;
}

const asked = JSON.parse(process.argv[2] ?? '{}') as FleetAsked;
const { controllers } = asked;
const share = Math.ceil(asked.agents / controllers.length);
const pools = controllers.map((controller) => new Pool(controller, { connections: 2 * share }));
const stop = new AbortController();
const grants: [string, number][] = [];
let steps = 0;
const agents = Array.from(
  { length: asked.agents },
  (_, index) =>
    new SimulatedAgent({
      pool: pools[index % pools.length] as Pool,
      token: asked.token,
      slots: asked.slots,
      name: `bench-${index}`,
      startedFirst: false,
      granted: (jobId) => grants.push([jobId, Date.now()]),
      stepDone: () => {
        steps += 1;
      },
    }),
);
const running = agents.map((agent) => agent.run(stop.signal));
process.once('message', () => void end());
const looking = setInterval(() => {
  if (agents.some((agent) => agent.exchanges === 0)) return;
  clearInterval(looking);
  process.send?.('ready');
}, 20);
await Promise.all(running);

async function end(): Promise<void> {
  stop.abort();
  for (const agent of agents) agent.rouse();
  await Promise.all(running);
  await Promise.all(pools.map((pool) => pool.close()));
  const sum = (count: 'exchanges' | 'failedExchanges' | 'fenced') =>
    agents.reduce((total, agent) => total + agent[count], 0);
  const answer: FleetAnswer = {
    grants,
    steps,
    exchanges: sum('exchanges'),
    failedExchanges: sum('failedExchanges'),
    fencedReports: sum('fenced'),
  };
  process.send?.(answer, () => process.exit(0));
}
