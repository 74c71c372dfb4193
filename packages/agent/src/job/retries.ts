import { setTimeout as sleep } from 'node:timers/promises';
import type { StepFinished } from '@holdfast/contract/agent/protocol.ts';
import { backoffMs } from '@holdfast/core/kernel/backoff.ts';
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
  const times = [...(before?.spent ?? [])];
  times[rule] = (times[rule] ?? 0) + 1;
  return { tries: (before?.tries ?? 0) + 1, spent: Array.from(times, (count) => count ?? 0), owed };
}

/** Over at once when the step is to stop. */
export function pauseBetween(tries: number, stopped: AbortSignal): Promise<void> {
  const ms = backoffMs(tries, Math.random(), { firstMs: 1_000, mostMs: 30_000 });
  return sleep(ms, undefined, { signal: stopped }).catch(() => {});
}
