import { newId } from '@holdfast/contract/id.ts';
import type { LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import type { StepFinished } from '@holdfast/core/pipeline/reports.ts';

/** A step that went well and left nothing behind, but for what `change` says. */
export function finished(lease: LeaseKey, index: number, change: Partial<StepFinished> = {}): StepFinished {
  return {
    kind: 'stepFinished',
    ...lease,
    attemptId: newId(),
    index,
    name: `step ${index}`,
    conclusion: 'succeeded',
    outcome: 'succeeded',
    exitCode: 0,
    signal: null,
    reason: null,
    durationMs: 1,
    outputs: {},
    annotations: [],
    summary: null,
    checkpoint: null,
    notPortable: null,
    again: false,
    ...change,
  };
}
