import { stepSetting } from './loss.ts';
import type { StepDefinition } from './pipeline.ts';

/**
 * HOLDFAST_RETRY of a step: how often it is run again when it failed, all in all (`2`) or by what it
 * failed of (`exit 75: 3, signal: 1, timeout: 1`). Each rule is a budget of its own, the first that
 * fits is spent, and an agent that is lost spends none of them: that is `HOLDFAST_ON_LOST`.
 */
export interface RetryRule {
  readonly of: StepFailure['kind'] | 'any';
  /** Of `exit`: this code only; null: whichever. */
  readonly code: number | null;
  readonly times: number;
}

export interface StepFailure {
  /** `other`: an action that could not do its work. */
  readonly kind: 'exit' | 'signal' | 'timeout' | 'other';
  readonly code: number | null;
}

export const RETRY_FORM = '`2`, or by what it failed of: `exit 75: 3, signal: 1, timeout: 1`';
const TIMES_AT_MOST = 10;
const RULE = /^(?:(signal|timeout|exit(?: (?<code>\d{1,3}))?): ?)?(?<times>\d{1,2})$/;

/** null: it is not written as it must be. */
export function parseRetry(text: string): readonly RetryRule[] | null {
  const rules = text.split(',').map((part) => ruleOf(part.trim()));
  return rules.includes(null) ? null : (rules as RetryRule[]);
}

function ruleOf(text: string): RetryRule | null {
  const match = RULE.exec(text);
  if (!match) return null;
  const times = Number(match.groups?.times);
  const code = match.groups?.code === undefined ? null : Number(match.groups.code);
  if (times > TIMES_AT_MOST || (code !== null && code > 255)) return null;
  const of = match[1] === undefined ? 'any' : (match[1].split(' ')[0] as StepFailure['kind']);
  return { of, code, times };
}

export function retryRules(step: StepDefinition): readonly RetryRule[] {
  return parseRetry(stepSetting(step, 'HOLDFAST_RETRY') ?? '0') ?? [];
}

/**
 * Which rule lets the step run again: its place, or null. `spent`: how often each was used already.
 */
export function retryBy(
  rules: readonly RetryRule[],
  failure: StepFailure,
  spent: readonly number[],
): number | null {
  const place = rules.findIndex(
    ({ of, code, times }, index) =>
      (of === 'any' || (of === failure.kind && (code === null || code === failure.code))) &&
      (spent[index] ?? 0) < times,
  );
  return place < 0 ? null : place;
}
