import { fileURLToPath } from 'node:url';
import { say, type Workbench } from '../workbench.ts';
import type { AgentsAnswer, AgentsAsked } from './agents.ts';
import type { BenchController } from './controller.ts';
import { type Seed, seedRuns } from './seed-runs.ts';

/** Holdfast's four figures: one step after the other in two ways, and many at once in two shapes. */
export interface HoldfastFigures {
  readonly stepAfterStep: AgentsAnswer;
  readonly stepStartedFirst: AgentsAnswer;
  readonly agents20Slots10: AgentsAnswer;
  /** One busy agent and nineteen that wait for offers: what waking them all costs a step. */
  readonly stepAmongIdleAgents: AgentsAnswer;
  readonly agents1Slots200: AgentsAnswer;
}

export interface Setting {
  readonly workbench: Workbench;
  readonly databaseUrl: string;
  readonly controller: BenchController;
  readonly seconds: number;
}

type Shape = Pick<AgentsAsked, 'agents' | 'slots' | 'startedFirst' | 'idleAgents'>;

const AGENTS = fileURLToPath(new URL('./agents.ts', import.meta.url));
const ONE: Seed = { runs: 3, stepsPerRun: 4_000 };
/** Five runs a slot, so that one that ends is followed by the next until the time is up. */
const MANY: Seed = { runs: 1_000, stepsPerRun: 200 };

export async function measureHoldfast(setting: Setting): Promise<HoldfastFigures> {
  return {
    stepAfterStep: await measureShape(setting, SHAPES.oneAfterTheOther),
    stepStartedFirst: await measureShape(setting, SHAPES.startedFirst),
    agents20Slots10: await measureShape(setting, SHAPES.manyAgents),
    stepAmongIdleAgents: await measureShape(setting, SHAPES.oneBusyOf20),
    agents1Slots200: await measureShape(setting, SHAPES.oneWideAgent),
  };
}

export const SHAPES = {
  oneAfterTheOther: { seed: ONE, shape: { agents: 1, slots: 1, startedFirst: false, idleAgents: 0 } },
  startedFirst: { seed: ONE, shape: { agents: 1, slots: 1, startedFirst: true, idleAgents: 0 } },
  manyAgents: { seed: MANY, shape: { agents: 20, slots: 10, startedFirst: false, idleAgents: 0 } },
  oneBusyOf20: { seed: ONE, shape: { agents: 1, slots: 1, startedFirst: false, idleAgents: 19 } },
  oneWideAgent: { seed: MANY, shape: { agents: 1, slots: 200, startedFirst: false, idleAgents: 0 } },
} as const satisfies { readonly [name: string]: Asked };

interface Asked {
  readonly seed: Seed;
  readonly shape: Shape;
  /** Called when every slot is filled and warm and counting begins. */
  readonly opened?: () => Promise<void>;
}

export async function measureShape(setting: Setting, { seed, shape, opened }: Asked): Promise<AgentsAnswer> {
  const { workbench, databaseUrl, controller, seconds } = setting;
  await seedRuns(databaseUrl, seed);
  const how = `${shape.startedFirst ? ', start answered first' : ''}${shape.idleAgents > 0 ? `, ${shape.idleAgents} idle agents` : ''}`;
  say(`Holdfast: ${shape.agents} agents x ${shape.slots} slots${how}`);
  const asked: AgentsAsked = { controller: controller.address, token: controller.token, seconds, ...shape };
  const agents = workbench.startNode({ name: 'agents', path: AGENTS, args: [JSON.stringify(asked)] });
  await agents.message<'opened'>(60_000);
  await opened?.();
  const answer = await agents.message<AgentsAnswer>(seconds * 1000 + 30_000);
  await agents.exited();
  return answer;
}
