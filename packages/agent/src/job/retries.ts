import type { StepFinished } from '@holdfast/contract/agent/protocol.ts';
import type { StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { retryBy, retryRules, type StepFailure } from '@holdfast/core/pipeline/retry.ts';
import type { StepResult } from '../steps/run-step.ts';
import type { Retried } from './job-state.ts';

/** The rule of HOLDFAST_RETRY by which a step is run again; null: its result stands. */
export function nextRetry(step: StepDefinition, result: StepResult, before: Retried | null): number | null {
  if (result.outcome !== 'failed') return null;
  return retryBy(retryRules(step), failureOf(result), before?.spent ?? []);
}

function failureOf({ timedOut, signal, exitCode }: StepResult): StepFailure {
  if (timedOut) return { kind: 'timeout', code: null };
  if (signal !== null) return { kind: 'signal', code: null };
  return { kind: exitCode === null ? 'other' : 'exit', code: exitCode };
}

export function spent(before: Retried | null, rule: number, owed: StepFinished): Retried {
  const times = before?.spent ?? [];
  const length = Math.max(times.length, rule + 1);
  return { spent: Array.from({ length }, (_, each) => (times[each] ?? 0) + (each === rule ? 1 : 0)), owed };
}

export function triesOf(retried: Retried | null): number {
  return (retried?.spent ?? []).reduce((sum, times) => sum + times, 0);
}
