import { backoffMs } from '@holdfast/core/kernel/backoff.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { claimDuties, type Duty, failDuty, releaseDuty } from '@holdfast/postgres/duty/duty-store.ts';
import type { Logger } from 'pino';

/**
 * Claims due duties and performs each by its kind. A handler says in how many milliseconds the
 * duty is due again, or null when it has removed it. One that fails again and again is parked with
 * its reason: one poisoned row stops one thing and no controller.
 */
export type DutyHandler = (duty: Duty) => Promise<number | null>;

export interface DutiesOptions {
  readonly database: Database;
  readonly holder: string;
  readonly handlers: { readonly [kind: string]: DutyHandler };
  readonly log: Logger;
}

const AT_ONCE = 16;
const LEASE_MS = 3_000;
const FAILURES_UNTIL_PARKED = 10;

export async function performDuties({ database, holder, handlers, log }: DutiesOptions): Promise<boolean> {
  const duties = await claimDuties(database, holder, { limit: AT_ONCE, leaseMs: LEASE_MS });
  await Promise.all(duties.map((duty) => perform({ database, holder, handlers, log }, duty)));
  return duties.length === AT_ONCE;
}

async function perform({ database, handlers, log }: DutiesOptions, duty: Duty): Promise<void> {
  const handler = handlers[duty.kind];
  try {
    if (!handler) throw new Error(`no handler for duty ${duty.kind}`);
    const dueInMs = await handler(duty);
    if (dueInMs !== null) await releaseDuty(database, duty, dueInMs);
  } catch (error) {
    const failures = duty.failures + 1;
    const message = error instanceof Error ? error.message : String(error);
    log.error({ err: error, duty: `${duty.kind} ${duty.id}`, failures }, 'duty failed');
    await failDuty(database, duty, {
      dueInMs: backoffMs(failures, Math.random(), { firstMs: 500, mostMs: 30_000 }),
      parked: failures >= FAILURES_UNTIL_PARKED ? message : null,
    }).catch(() => {});
  }
}
