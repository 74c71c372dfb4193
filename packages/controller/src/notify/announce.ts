import { newId } from '@holdfast/contract/id.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { enqueueOutbox } from '@holdfast/postgres/events/outbox-store.ts';

/** News for people, written with the decision that made them and sent later by the outbox. */
export interface News {
  readonly kind: 'runFailed' | 'rolloutAborted' | 'routerMute' | 'agentsLost';
  readonly subject: string;
  readonly sentence: string;
}

export async function announce(sql: Queryable, news: News): Promise<void> {
  await enqueueOutbox(sql, { id: newId(), kind: 'news', payload: { ...news } });
}
