import { checkCounts, checkEnds, checkTriggers, countedAttempts } from '../../chaos/check/check-runs.ts';
import { REPOSITORY } from '../../chaos/workload/repository.ts';
import type { SentTrigger } from '../../chaos/workload/send-trigger.ts';
import { ASKED_PREFIX } from '../load/add-repositories.ts';
import type { LedgerEntry } from '../load/ledger-client.ts';
import type { DatabaseRecords } from './records.ts';

/** Everything that must hold when all is over; what does not is a sentence. */
export function checkAll(
  records: DatabaseRecords,
  sent: readonly SentTrigger[],
  ledger: readonly LedgerEntry[],
): readonly string[] {
  const ten = records.runs.filter(({ repository }) => repository === REPOSITORY);
  const asked = records.runs.filter(({ repository }) => repository.startsWith(ASKED_PREFIX));
  return [
    ...checkTriggers(sent, records.runs),
    ...checkEnds(ten, records.attempts),
    ...checkCounts(ten, countedAttempts(records.attempts)),
    ...checkLedger(ledger, asked),
    ...asked
      .filter((run) => !endedWell(run))
      .map(({ trigger, state, reason }) => `${trigger} is ${state}: ${reason}`),
    ...(records.doubleCounts > 0
      ? [`${records.doubleCounts} steps have more than one attempt that counts`]
      : []),
    ...(records.hasCountedIndex ? [] : ['the unique index attempt_counted_once is missing']),
    ...records.parked,
  ];
}

/** A run whose only job has a false condition has nothing to do, and says so. */
function endedWell({ state, endedAt }: DatabaseRecords['runs'][number]): boolean {
  return ['succeeded', 'skipped'].includes(state) && endedAt !== null;
}

/** Acknowledged: one run. Never acknowledged: at most one. */
function checkLedger(entries: readonly LedgerEntry[], runs: DatabaseRecords['runs']): readonly string[] {
  const counts = new Map<string, number>();
  for (const { trigger } of runs) counts.set(trigger, (counts.get(trigger) ?? 0) + 1);
  return entries.flatMap(({ trigger, id, first, at }) => {
    const count = counts.get(trigger) ?? 0;
    if (count === 1 || (count === 0 && id === null)) return [];
    const sentAt = new Date(at).toISOString().slice(11, 23);
    return [`${trigger}, sent at ${sentAt}, first ${first}, id ${id}: ${count} runs`];
  });
}
