import { setTimeout as sleep } from 'node:timers/promises';
import { isUnavailable, systemCode } from '@holdfast/contract/errors.ts';
import { backoffMs } from '@holdfast/core/kernel/backoff.ts';
import type { Logger } from 'pino';
import type { JobState } from '../job/job-state.ts';
import type { Checkpoints } from './checkpoint.ts';

/** Checkpoints through outages: what is away for a while is waited for, what is broken is not. */
export interface Patience {
  readonly log: Logger;
  readonly jobId: string;
  /** The lease was lost: nobody waits any more. */
  readonly gone: () => boolean;
}

/** `problem`: why there is none though there should be one. */
export interface Saved {
  readonly checkpoint: string | null;
  readonly problem: string | null;
}

/** Spoilt: the checkpoint itself is missing or damaged. Otherwise it is this machine that cannot hold it. */
export type Restored =
  | { readonly state: JobState }
  | { readonly state: null; readonly problem: string; readonly spoilt: boolean };

const STORE_PATIENCE_MS = 15_000;
const PAUSE_MOST_MS = 1_000;

export class PatientCheckpoints {
  private readonly checkpoints: Checkpoints;
  private readonly patience: Patience;

  constructor(checkpoints: Checkpoints, patience: Patience) {
    this.checkpoints = checkpoints;
    this.patience = patience;
  }

  /** No checkpoint: not worth it, or not possible. Then a lost agent costs one more step, and nothing else. */
  async save(state: JobState, atRiskMs: number | undefined): Promise<Saved> {
    const startedAt = performance.now();
    for (let failures = 1; !this.patience.gone(); failures += 1) {
      try {
        return { checkpoint: await this.checkpoints.save(state, atRiskMs), problem: null };
      } catch (error) {
        this.complain(error, 'checkpoint failed');
        if (!worthWaiting(error, performance.now() - startedAt))
          return { checkpoint: null, problem: (error as Error).message };
        await pause(failures);
      }
    }
    return { checkpoint: null, problem: null };
  }

  /** null: the lease was lost meanwhile. */
  async restore(checkpoint: string): Promise<Restored | null> {
    for (let failures = 1; !this.patience.gone(); failures += 1) {
      try {
        return { state: await this.checkpoints.restore(checkpoint) };
      } catch (error) {
        this.complain(error, 'checkpoint not restored');
        if (!isUnavailable(error)) {
          const problem = `checkpoint ${checkpoint.slice(0, 19)} could not be restored: ${(error as Error).message}`;
          return { state: null, problem, spoilt: !isLocal(error) };
        }
        await pause(failures);
      }
    }
    return null;
  }

  private complain(error: unknown, what: string): void {
    this.patience.log.warn({ err: error, job: this.patience.jobId }, what);
  }
}

/** Without any controller the step's end waits anyway; a store that is away is waited for a while. */
function worthWaiting(error: unknown, waitedMs: number): boolean {
  if (!isUnavailable(error)) return false;
  return error.code === 'controllerUnreachable' || waitedMs < STORE_PATIENCE_MS;
}

/** A full disk, a missing permission: an error of the operating system's. */
function isLocal(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(systemCode(error) ?? '');
}

function pause(failures: number): Promise<void> {
  return sleep(backoffMs(failures, 1, { firstMs: 500, mostMs: PAUSE_MOST_MS }));
}
