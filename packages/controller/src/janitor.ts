import { forgetOldAnswers as forgetIdempotentAnswers } from '@holdfast/postgres/access/idempotency-store.ts';
import {
  doomedBlobs,
  doomUnreferenced,
  forgetCheckpoints,
  takeDoomed,
} from '@holdfast/postgres/blob/blob-index.ts';
import { keepEventParts } from '@holdfast/postgres/events/event-parts.ts';
import { forgetOldIntervals } from '@holdfast/postgres/rollout/router-store.ts';
import { keepLogDays } from '@holdfast/postgres/run/log-days.ts';
import type { Services } from './services.ts';

/**
 * Garbage by the rules of protocol §8: two phases, a day each, roots checked both times. One kind of
 * garbage that cannot be taken out keeps no other from it.
 */
const IDLE_HOURS = 24;
const DOOMED_HOURS = 24;
const EVENT_DAYS = 30;
const EVERY_MS = 10 * 60_000;
const DRAFT_MS = 3_600_000;

export async function sweep(services: Services): Promise<number> {
  const { database, blobs, log, config } = services;
  const parts: readonly (() => Promise<unknown>)[] = [
    () => forgetCheckpoints(database),
    () => doomUnreferenced(database, IDLE_HOURS),
    () => removeDoomed(services),
    () => blobs.sweepDrafts(DRAFT_MS),
    () => forgetIdempotentAnswers(database),
    () => keepEventParts(database, EVENT_DAYS),
    () => keepLogDays(database, config.logDays),
    () => forgetOldIntervals(database),
  ];
  for (const part of parts) await part().catch((error: unknown) => log.error({ err: error }, 'sweep failed'));
  return EVERY_MS;
}

/** Row and bytes go in one transaction: somebody who stores the same bytes waits for its end. */
async function removeDoomed({ database, blobs, log }: Services): Promise<void> {
  let gone = 0;
  for (const digest of await doomedBlobs(database, DOOMED_HOURS)) {
    await database.transaction(async (sql) => {
      if (!(await takeDoomed(sql, digest))) return;
      await blobs.remove(digest);
      gone += 1;
    });
  }
  if (gone > 0) log.info({ blobs: gone }, 'collected garbage');
}
