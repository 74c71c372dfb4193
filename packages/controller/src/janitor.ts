import { forgetOldAnswers as forgetIdempotentAnswers } from '@holdfast/postgres/access/idempotency-store.ts';
import { doomUnreferenced, forgetCheckpoints, takeDoomed } from '@holdfast/postgres/blob/blob-index.ts';
import { forgetOldEvents } from '@holdfast/postgres/events/event-store.ts';
import { forgetOldIntervals } from '@holdfast/postgres/rollout/router-store.ts';
import type { Services } from './services.ts';

/** Garbage by the rules of protocol §8: two phases, a day each, roots checked both times. */
const IDLE_HOURS = 24;
const DOOMED_HOURS = 24;
const EVERY_MS = 10 * 60_000;
const DRAFT_MS = 3_600_000;

export async function sweep(services: Services): Promise<number> {
  const { database, blobs, log } = services;
  await forgetCheckpoints(database);
  await doomUnreferenced(database, IDLE_HOURS);
  const gone = await takeDoomed(database, DOOMED_HOURS);
  for (const digest of gone) await blobs.remove(digest);
  await blobs.sweepDrafts(DRAFT_MS);
  await forgetIdempotentAnswers(database);
  await forgetOldEvents(database);
  await forgetOldIntervals(database);
  if (gone.length > 0) log.info({ blobs: gone.length }, 'collected garbage');
  return EVERY_MS;
}
