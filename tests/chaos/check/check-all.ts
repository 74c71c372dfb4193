import type { Client } from '@holdfast/contract/api/client.ts';
import type { AttemptRecord, Records, RunRecord } from '../records.ts';
import { STEPS } from '../workload/plan.ts';
import { REPOSITORY } from '../workload/repository.ts';
import type { SentTrigger } from '../workload/send-trigger.ts';
import { checkLog, type LogSources } from './check-logs.ts';
import { checkAsked, checkCounts, checkEnds, checkTriggers, countedAttempts } from './check-runs.ts';
import { type Ledger, ledgerKey, readLedger } from './ledger.ts';

/** Everything that must hold when all is over; what does not is a sentence. */
export interface Findings {
  readonly misses: readonly string[];
  /** Those with ten steps. */
  readonly runs: readonly RunRecord[];
  readonly attempts: readonly AttemptRecord[];
  readonly counted: readonly AttemptRecord[];
  readonly ledger: Ledger;
}

export interface Evidence {
  readonly client: Client;
  readonly records: Records;
  readonly sent: readonly SentTrigger[];
  readonly ledgerFile: string;
}

export async function checkAll({ client, records, sent, ledgerFile }: Evidence): Promise<Findings> {
  const [all, attempts] = [await records.runs(), await records.attempts()];
  const runs = all.filter(({ repository }) => repository === REPOSITORY);
  const counted = countedAttempts(attempts);
  const ledger = readLedger(ledgerFile);
  const logs = await checkLogs({ client, records, ledger }, runs, counted);
  const parked = await records.parkedDuties();
  return {
    runs,
    attempts,
    counted,
    ledger,
    misses: [
      ...checkTriggers(sent, all),
      ...checkAsked(all.filter((run) => !runs.includes(run))),
      ...checkEnds(runs, attempts),
      ...checkCounts(runs, counted),
      ...checkLedger(runs, ledger),
      ...logs,
      ...parked.map(({ kind, id, parked: reason }) => `duty ${kind} ${id} is parked: ${reason}`),
    ],
  };
}

async function checkLogs(
  sources: LogSources,
  runs: readonly RunRecord[],
  counted: readonly AttemptRecord[],
): Promise<readonly string[]> {
  const misses: string[] = [];
  for (const { id, trigger } of runs) {
    const run = await sources.client('showRun', { params: { id } });
    for (const attempt of counted)
      if (attempt.trigger === trigger && attempt.state === 'succeeded')
        misses.push(...(await checkLog(sources, run, attempt)));
  }
  return misses;
}

/** A step that counts has run. */
function checkLedger(runs: readonly RunRecord[], ledger: Ledger): readonly string[] {
  return runs
    .filter(({ state }) => state === 'succeeded')
    .flatMap(({ trigger }) =>
      Array.from({ length: STEPS }, (_, step) => step)
        .filter((step) => !ledger.get(ledgerKey(trigger, step))?.some(({ ended }) => ended))
        .map((step) => `${trigger}: step ${step} counts and never ran to its end`),
    );
}
