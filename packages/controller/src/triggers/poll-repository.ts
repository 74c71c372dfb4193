import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { Duty } from '@holdfast/postgres/duty/duty-store.ts';
import { dropDuty, ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { receiveTrigger } from '@holdfast/postgres/run/inbox-store.ts';
import { findRepository, lockRefs, notePoll } from '@holdfast/postgres/run/repository-store.ts';
import type { Services } from '../services.ts';

/**
 * Polling so that no push is missed: refs are compared with those seen last, and every difference
 * becomes a row of the inbox in the transaction that remembers the new refs.
 */
export async function pollRepository(services: Services, duty: Duty): Promise<number | null> {
  const { database, mirrors, hints } = services;
  const repository = await findRepository(database, duty.id);
  if (!repository) {
    await dropDuty(database, duty.kind, duty.id);
    return null;
  }
  try {
    const refs = await mirrors.refs(repository);
    if ((await receivePushes(services, repository.id, refs)) > 0) hints.send('duty');
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    await notePoll(database, repository.id, { problem: error.message });
  }
  return repository.poll_seconds * 1_000;
}

export interface Push {
  readonly ref: string;
  readonly before: string | null;
  readonly after: string;
}

/**
 * The repository's row, locked, says what was seen last: a push that a webhook told of first is no
 * news to polling, and the other way round. The first look only remembers: what was there before
 * Holdfast is not a push. Refs that are gone are forgotten when the host's whole list is given.
 */
export async function receivePushes(
  services: Services,
  repositoryId: string,
  refs: { readonly [ref: string]: string },
  whole = true,
): Promise<number> {
  return services.database.transaction(async (sql) => {
    const seen = await lockRefs(sql, repositoryId);
    const pushes = seen === null ? [] : changes(seen, refs);
    for (const push of pushes) {
      const id = newId();
      await receiveTrigger(sql, {
        id,
        repositoryId,
        delivery: `push ${id}`,
        kind: 'push',
        payload: { ...push },
      });
    }
    if (seen !== null || whole)
      await notePoll(sql, repositoryId, { refs: whole ? refs : { ...seen, ...refs }, problem: null });
    await ensureDuty(sql, 'inbox', repositoryId);
    if (pushes.length > 0) await hastenDuty(sql, 'inbox', repositoryId);
    return pushes.length;
  });
}

function changes(
  seen: { readonly [ref: string]: string },
  refs: { readonly [ref: string]: string },
): readonly Push[] {
  return Object.entries(refs)
    .filter(([ref, commit]) => seen[ref] !== commit)
    .map(([ref, commit]) => ({ ref, before: seen[ref] ?? null, after: commit }));
}
