import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from '../journal.ts';
import { ASKED_REPOSITORY } from './repository.ts';
import { type SentTrigger, sendTrigger, type TriggerTarget } from './send-trigger.ts';

/**
 * Asks for runs that have nothing to do, a few a second all the time: a trigger is lost or doubled in
 * the instant between its commit and its answer, and only many of them meet that instant.
 */
const ASKERS = 2;
const PAUSE_MS = 600;

export class Asking {
  readonly sent: SentTrigger[] = [];
  private readonly target: TriggerTarget;
  private readonly journal: Journal;
  private stopped = false;
  private asked = 0;
  private askers: readonly Promise<void>[] = [];

  constructor(target: TriggerTarget, journal: Journal) {
    this.target = target;
    this.journal = journal;
  }

  start(): this {
    this.askers = Array.from({ length: ASKERS }, () => this.ask());
    return this;
  }

  /** Resolves when everything asked for is acknowledged, or was given up. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.askers);
  }

  private async ask(): Promise<void> {
    for (; !this.stopped; await sleep(PAUSE_MS)) {
      this.asked += 1;
      const trigger = `a${this.asked}`;
      const sent = await sendTrigger(this.target, { trigger, repository: ASKED_REPOSITORY, inputs: {} });
      this.sent.push(sent);
      if (sent.id === null) this.journal.miss(`${trigger} was never acknowledged`);
    }
  }
}
