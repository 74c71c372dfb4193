import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { Duty } from '@holdfast/postgres/duty/duty-store.ts';
import { dropDuty, ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { receiveTrigger } from '@holdfast/postgres/run/inbox-store.ts';
import { findRepository, notePoll, type RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import type { Services } from '../services.ts';

/**
 * Polling so that no push is missed: refs are compared with those seen last, and every difference
 * becomes a row of the inbox in the transaction that remembers the new refs. A webhook of the same
 * push has the same delivery id, so that there is one run.
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
    const pushes = changes(repository, refs);
    await database.transaction(async (sql) => {
      for (const push of pushes) {
        await receiveTrigger(sql, {
          id: newId(),
          repositoryId: repository.id,
          delivery: deliveryOf(push),
          kind: 'push',
          payload: { ...push },
        });
      }
      await notePoll(sql, repository.id, { refs, problem: null });
      await ensureDuty(sql, 'inbox', repository.id);
      if (pushes.length > 0) await hastenDuty(sql, 'inbox', repository.id);
    });
    if (pushes.length > 0) hints.send('duty');
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

/** The first look only remembers: what was there before Holdfast is not a push. */
function changes(repository: RepositoryRow, refs: { readonly [ref: string]: string }): readonly Push[] {
  const { refs: seen } = repository;
  if (seen === null) return [];
  return Object.entries(refs)
    .filter(([ref, commit]) => seen[ref] !== commit)
    .map(([ref, commit]) => ({ ref, before: seen[ref] ?? null, after: commit }));
}

export function deliveryOf(push: Push): string {
  return `push ${createHash('sha256')
    .update(`${push.ref}\n${push.before ?? ''}\n${push.after}`)
    .digest('hex')}`;
}
