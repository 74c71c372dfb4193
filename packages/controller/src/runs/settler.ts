import type { PipelineStore } from '@holdfast/core/pipeline/ports.ts';
import type { Logger } from 'pino';
import type { Hint } from '../loop/hints.ts';
import { isOwnFault, OWN_FAULTS_AT_MOST } from '../loop/own-fault.ts';
import { changeRun, type RunTools } from './change-run.ts';

/**
 * Lets the machines of runs hear what agents have written down: at once where this replica saw it,
 * and by a scan that finds what a replica saw and did not live to tell.
 */
export interface SettlerParts {
  readonly store: PipelineStore;
  readonly tools: RunTools;
  readonly hint: (hint: Hint) => void;
  readonly log: Logger;
}

const SCAN = 100;
const AT_ONCE = 4;

export class Settler {
  private readonly parts: SettlerParts;
  private readonly waiting = new Set<string>();
  /** By run: how often in a row it failed for a reason of its own. */
  private readonly faults = new Map<string, number>();
  private working: Promise<void> | undefined;

  constructor(parts: SettlerParts) {
    this.parts = parts;
  }

  hear(runIds: readonly string[]): void {
    for (const id of runIds) this.waiting.add(id);
    if (this.waiting.size > 0)
      this.working ??= this.work().finally(() => {
        this.working = undefined;
      });
  }

  async scan(): Promise<void> {
    this.hear(await this.parts.store.unsettledRuns(SCAN));
    await this.idle();
  }

  async idle(): Promise<void> {
    while (this.working) await this.working;
  }

  private async work(): Promise<void> {
    const { store, hint, log } = this.parts;
    const { expressions, newId } = this.parts.tools;
    let queued = false;
    const tools = {
      expressions,
      newId,
      queued: () => {
        queued = true;
      },
    };
    const settle = async () => {
      for (const runId of this.waiting) {
        this.waiting.delete(runId);
        try {
          await store.transaction((tx) => changeRun(tools, tx, { runId, event: { kind: 'advance' } }));
          this.faults.delete(runId);
        } catch (error) {
          // The scan finds it again.
          log.error({ err: error, run: runId }, 'run not settled');
          await this.countFault(runId, error).catch(() => {});
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, settle));
    if (queued) hint('jobs');
    for (const each of ['duty', 'events', 'run'] as const) hint(each);
  }

  /** One that cannot be decided rests until a controller starts that may know better; an outage parks nothing. */
  private async countFault(runId: string, error: unknown): Promise<void> {
    if (!isOwnFault(error)) return;
    const faults = (this.faults.get(runId) ?? 0) + 1;
    this.faults.set(runId, faults);
    if (faults < OWN_FAULTS_AT_MOST) return;
    await this.parts.store.parkRun(runId, error.message);
    this.faults.delete(runId);
  }
}
