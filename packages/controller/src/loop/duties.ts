import { newId } from '@holdfast/contract/id.ts';
import { backoffMs } from '@holdfast/core/kernel/backoff.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import {
  claimDuties,
  DEADLY,
  type Duty,
  failDuty,
  releaseDuty,
  renewDuty,
} from '@holdfast/postgres/duty/duty-store.ts';
import type { Logger } from 'pino';
import { isOwnFault, OWN_FAULTS_AT_MOST } from './own-fault.ts';

/**
 * Claims due duties and performs each by its kind, side by side: slow ones (of a git host that hangs)
 * delay none of another kind, and of a kind that this version does not know none is taken. A handler says in how many milliseconds the duty is due again, or null when it
 * has removed it. While it works its lease is renewed. A fault of the program's own that returns
 * again and again parks its duty with the reason: one poisoned row stops one thing and no
 * controller. So does one that ends every controller that takes it. An outage never parks anything; it is tried again for ever.
 */
export type DutyHandler = (duty: Duty) => Promise<number | null>;

export interface DutiesOptions {
  readonly database: Database;
  /** Its controller's name: each life of it is another holder. */
  readonly holder: string;
  readonly handlers: { readonly [kind: string]: DutyHandler };
  readonly log: Logger;
  /** A duty ended: there may be room for another. */
  readonly ended: () => void;
}

/** Of one kind. */
const AT_ONCE = 8;
const LEASE_MS = 3_000;
const RENEW_MS = 1_000;
/** Controllers die of other things, too, and not as often in a row at the same work. */
const DEATHS_AT_MOST = 8;

export class Duties {
  private readonly options: DutiesOptions;
  private readonly holder: string;
  private readonly running = new Map<Promise<void>, string>();

  constructor(options: DutiesOptions) {
    this.options = options;
    this.holder = `${options.holder} ${newId()}`;
  }

  /** Starts what is due and fits. */
  async look(): Promise<void> {
    const { database, ended } = this.options;
    for (const duty of await claimDuties(database, this.holder, { room: this.room(), leaseMs: LEASE_MS })) {
      const done: Promise<void> = this.perform(duty).finally(() => {
        this.running.delete(done);
        ended();
      });
      this.running.set(done, duty.kind);
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.running.keys());
  }

  private room(): ReadonlyMap<string, number> {
    const kinds = [...this.running.values()];
    const places = (kind: string) => AT_ONCE - kinds.filter((one) => one === kind).length;
    return new Map(Object.keys(this.options.handlers).map((kind) => [kind, places(kind)]));
  }

  private async perform(duty: Duty): Promise<void> {
    const { database, handlers } = this.options;
    if (duty.deaths >= DEATHS_AT_MOST)
      return failDuty(database, duty, { dueInMs: 0, parked: DEADLY }).catch(() => {});
    const renewing = setInterval(() => void renewDuty(database, duty, LEASE_MS).catch(() => {}), RENEW_MS);
    try {
      const handler = handlers[duty.kind] as DutyHandler;
      const dueInMs = await handler(duty);
      clearInterval(renewing);
      if (dueInMs !== null) await releaseDuty(database, duty, dueInMs);
    } catch (error) {
      clearInterval(renewing);
      await this.fail(duty, error);
    }
  }

  private async fail(duty: Duty, error: unknown): Promise<void> {
    const { database, log } = this.options;
    const failures = duty.failures + 1;
    log.error({ err: error, duty: `${duty.kind} ${duty.id}`, failures }, 'duty failed');
    await failDuty(database, duty, {
      dueInMs: backoffMs(failures, Math.random(), { firstMs: 500, mostMs: 10_000 }),
      parked: isOwnFault(error) && failures >= OWN_FAULTS_AT_MOST ? error.message : null,
    }).catch(() => {});
  }
}
