import { ArgoRule } from './argo-rule.ts';
import { BestPossibleRule } from './best-possible-rule.ts';
import { FiveMinuteRule } from './five-minute-rule.ts';
import { FlaggerRule } from './flagger-rule.ts';
import { type Cell, SPLITS } from './grid.ts';
import { HoldfastRule } from './holdfast-rule.ts';
import { KayentaRule } from './kayenta-rule.ts';
import { Latencies } from './latencies.ts';
import { Traffic } from './traffic.ts';
import { type Second, type Trial, WARM_SECONDS } from './trial.ts';

export const RULES = ['holdfast', 'N5', 'N1', 'flagger', 'argo', 'kayenta', 'bestPossible'] as const;
export type RuleName = (typeof RULES)[number];

/** Where one rule's rollouts of a cell ended, in seconds since the candidate first got traffic. */
export interface Endings {
  readonly aborted: number[];
  readonly promoted: number[];
}

export interface CellResult {
  readonly cell: Cell;
  readonly releases: number;
  readonly rules: { readonly [name in RuleName]: Endings };
}

export interface Effort {
  readonly seed: number;
  readonly releases: number;
  /** Of Holdfast's judge, later in a step. */
  readonly lookSeconds: number;
}

const LIMIT_SECONDS = 7_200;
const USUAL = new Latencies(1);
const HEAVY = new Latencies(1.5);

export function runCell(cell: Cell, number: number, effort: Effort): CellResult {
  const nothing = (): Endings => ({ aborted: [], promoted: [] });
  const rules = Object.fromEntries(RULES.map((name) => [name, nothing()])) as Record<RuleName, Endings>;
  const latencies = cell.scenario.shape === 'heavyTail' ? HEAVY : USUAL;
  for (let release = 0; release < effort.releases; release += 1) {
    const traffic = new Traffic(cell.scenario, latencies, [effort.seed, number * 100_000 + release]);
    const trials = trialsOf(cell, effort.lookSeconds);
    rollOut(traffic, [...trials.values()]);
    for (const [name, { progress }] of trials) {
      if (progress.outcome !== 'running') rules[name][progress.outcome].push(progress.endedAt);
    }
  }
  return { cell, releases: effort.releases, rules };
}

function trialsOf({ split, scenario }: Cell, lookSeconds: number): ReadonlyMap<RuleName, Trial> {
  const steps = SPLITS[split];
  const trials = new Map<RuleName, Trial>([
    ['holdfast', new HoldfastRule(steps, lookSeconds)],
    ['N5', new FiveMinuteRule(steps, 'N5')],
    ['N1', new FiveMinuteRule(steps, 'N1')],
    ['flagger', new FlaggerRule(steps)],
    ['argo', new ArgoRule(steps)],
    ['kayenta', new KayentaRule(steps)],
  ]);
  const { shape, extraError } = scenario;
  if (shape === 'steady' && extraError > 0) trials.set('bestPossible', new BestPossibleRule(steps, scenario));
  return trials;
}

/** Each at its own weight; a second of a weight is made once. */
function rollOut(traffic: Traffic, trials: readonly Trial[]): void {
  let running = trials;
  for (let second = WARM_SECONDS; running.length > 0 && second < LIMIT_SECONDS; second += 1) {
    const made = new Map<number, Second>();
    for (const trial of running) {
      const { weight } = trial.progress;
      const seen = made.get(weight) ?? traffic.at(second, weight);
      made.set(weight, seen);
      trial.see(second + 1, seen);
    }
    running = running.filter(({ progress }) => progress.outcome === 'running');
  }
}
