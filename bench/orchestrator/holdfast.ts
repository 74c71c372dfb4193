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
  readonly agents1Slots200: AgentsAnswer;
}

export interface Setting {
  readonly workbench: Workbench;
  readonly databaseUrl: string;
  readonly controller: BenchController;
  readonly seconds: number;
}

type Shape = Pick<AgentsAsked, 'agents' | 'slots' | 'startedFirst'>;

const AGENTS = fileURLToPath(new URL('./agents.ts', import.meta.url));
const ONE: Seed = { runs: 3, stepsPerRun: 4_000 };
/** Two runs a slot, so that one that ends is followed by the next. */
const MANY: Seed = { runs: 400, stepsPerRun: 200 };

export async function measureHoldfast(setting: Setting): Promise<HoldfastFigures> {
  return {
    stepAfterStep: await measureShape(setting, ONE, { agents: 1, slots: 1, startedFirst: false }),
    stepStartedFirst: await measureShape(setting, ONE, { agents: 1, slots: 1, startedFirst: true }),
    agents20Slots10: await measureShape(setting, MANY, { agents: 20, slots: 10, startedFirst: false }),
    agents1Slots200: await measureShape(setting, MANY, { agents: 1, slots: 200, startedFirst: false }),
  };
}

export const SHAPES = {
  oneAfterTheOther: { seed: ONE, shape: { agents: 1, slots: 1, startedFirst: false } },
  manyAtOnce: { seed: MANY, shape: { agents: 20, slots: 10, startedFirst: false } },
} as const;

export async function measureShape({ workbench, databaseUrl, controller, seconds }: Setting, seed: Seed, shape: Shape): Promise<AgentsAnswer> {
  await seedRuns(databaseUrl, seed);
  say(`Holdfast: ${shape.agents} agents x ${shape.slots} slots${shape.startedFirst ? ', start answered first' : ''}`);
  const asked: AgentsAsked = { controller: controller.address, token: controller.token, seconds, ...shape };
  const agents = workbench.startNode({ name: 'agents', path: AGENTS, args: [JSON.stringify(asked)] });
  const answer = await agents.message<AgentsAnswer>(seconds * 1000 + 60_000);
  await agents.exited();
  return answer;
}
