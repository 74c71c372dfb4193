import type { StepFinished } from '@holdfast/contract/agent/protocol.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { retryBy, retryRules, type StepFailure } from '@holdfast/core/pipeline/retry.ts';
import { uptimeMs } from '../steps/clock.ts';
import type { StepResult } from '../steps/run-step.ts';
import type { Retried, RunningStep } from './job-state.ts';
import type { Attempt } from './step-report.ts';

/** The rule of HOLDFAST_RETRY by which a step is run again; null: its result stands. */
export function nextRetry(step: StepDefinition, result: StepResult, before: Retried | null): number | null {
  if (result.outcome !== 'failed' || result.tooLong) return null;
  return retryBy(retryRules(step), failureOf(result), before?.spent ?? []);
}

function failureOf({ timedOut, signal, exitCode }: StepResult): StepFailure {
  if (timedOut) return { kind: 'timeout', code: null };
  if (signal !== null) return { kind: 'signal', code: null };
  return { kind: exitCode === null ? 'other' : 'exit', code: exitCode };
}

/** Another try, which owes the result of this one until a controller knows it. */
export function nextTry(
  { index, name, retried }: Pick<Attempt, 'index' | 'name' | 'retried'>,
  rule: number,
  owed: StepFinished,
): RunningStep & { readonly retried: Retried } {
  const began = uptimeMs();
  return { index, attemptId: newId(), name, began, retried: spent(retried, rule, owed) };
}

function spent(before: Retried | null, rule: number, owed: StepFinished): Retried {
  const times = before?.spent ?? [];
  const length = Math.max(times.length, rule + 1);
  return { spent: Array.from({ length }, (_, each) => (times[each] ?? 0) + (each === rule ? 1 : 0)), owed };
}

export function triesOf(retried: Retried | null): number {
  return (retried?.spent ?? []).reduce((sum, times) => sum + times, 0);
}
