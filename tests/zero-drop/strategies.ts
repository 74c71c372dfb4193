import { readConfig } from '@holdfast/contract/config/read-config.ts';
import { ENVIRONMENT } from './cluster/installation.ts';

/** The holdfast.yaml of every scenario, and whether this version of Holdfast accepts it. */
export type Strategy = 'canary' | 'rolling' | 'blueGreen' | 'noDrain';

export interface Places {
  readonly journal: string;
  readonly previewPort: number;
}

/** Short, and with traffic enough for a verdict: counts come by the closed second. */
const ANALYSIS = 'analysis: { dwell: 400ms, deadline: 2s, warmup: 100ms, minimumRequests: 1 }';

/** Requests of every kind are under way on the candidate when it is called off. */
const LONG_ANALYSIS = 'analysis: { dwell: 2500ms, deadline: 3s, warmup: 100ms, minimumRequests: 1 }';

const STRATEGIES: Record<Strategy, (places: Places) => string> = {
  canary: () => `{ kind: canary, steps: [10%, 50%], soak: 300ms, ${ANALYSIS} }`,
  rolling: () => `{ kind: rolling, batch: 25%, surge: 25%, minAvailable: 100%, soak: 300ms, ${ANALYSIS} }`,
  blueGreen: ({ previewPort }) =>
    `{ kind: blueGreen, preview: { listen: ${previewPort} }, gate: automatic, soak: 300ms, ${ANALYSIS} }`,
  noDrain: () => `{ kind: canary, steps: [50%], soak: 300ms, ${LONG_ANALYSIS} }`,
};

/** Long enough for every request that ends by itself; endless ones are asked to go when it is over. */
const DRAIN = '{ deadline: 6s, grace: 3s }';
const NO_DRAIN = '{ deadline: 0s, grace: 0s }';

export function configOf(strategy: Strategy, places: Places): string {
  return `version: 1
app: ${ENVIRONMENT.app}
environments:
  ${ENVIRONMENT.environment}:
    target:
      command: [node, server.js]
      replicas: 4
      env: { JOURNAL: ${places.journal} }
    readiness: { path: /readyz, successes: 2, interval: 100ms, deadline: 20s }
    drain: ${strategy === 'noDrain' ? NO_DRAIN : DRAIN}
    strategy: ${STRATEGIES[strategy](places)}
`;
}

/** null: accepted. Otherwise what the validator says: the strategy is missing. */
export function refusalOf(strategy: Strategy, places: Places): string | null {
  try {
    readConfig('holdfast.yaml', configOf(strategy, places));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
