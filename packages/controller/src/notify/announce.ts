import { newId } from '@holdfast/contract/id.ts';
import type { News } from '@holdfast/core/pipeline/ports.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { enqueueOutbox } from '@holdfast/postgres/events/outbox-store.ts';

/** For who has a connection and no port at hand. */
export async function announce(sql: Queryable, news: News): Promise<void> {
  await enqueueOutbox(sql, { id: newId(), kind: 'news', payload: { ...news } });
}
