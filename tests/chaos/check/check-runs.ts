import type { AttemptRecord, RunRecord } from '../records.ts';
import { STEPS } from '../workload/plan.ts';
import type { SentTrigger, Try } from '../workload/send-trigger.ts';

/** Every acknowledged trigger is one run that ended well, and each of its steps counts once. */
export function checkTriggers(sent: readonly SentTrigger[], runs: readonly RunRecord[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { trigger } of runs) counts.set(trigger, (counts.get(trigger) ?? 0) + 1);
  return sent.flatMap(({ ask: { trigger }, id, tries }) => {
    const count = counts.get(trigger) ?? 0;
    if (count === 1 || (count === 0 && id === null)) return [];
    return [`${trigger}: ${count} runs; its tries: ${toldShort(tries)}`];
  });
}

/** The same answer again and again is said once, with its number and first time. */
function toldShort(tries: readonly Try[]): string {
  const told: { text: string; count: number; since: string }[] = [];
  for (const { at, outcome, detail } of tries) {
    const text = `${outcome} (${detail})`;
    const last = told.at(-1);
    if (last?.text === text) last.count += 1;
    else told.push({ text, count: 1, since: new Date(at).toISOString().slice(11, 23) });
  }
  return told.map(({ text, count, since }) => `${since} ${count} × ${text}`).join(', ');
}

/** Runs that had nothing to do have at least ended. */
export function checkAsked(runs: readonly RunRecord[]): readonly string[] {
  return runs
    .filter(({ endedAt }) => endedAt === null)
    .map(({ trigger, id, state }) => `${trigger}: run ${id} is still ${state}`);
}

export function checkEnds(runs: readonly RunRecord[], attempts: readonly AttemptRecord[]): readonly string[] {
  return runs.flatMap((run) => {
    if (run.state === 'succeeded' && run.endedAt !== null) return [];
    const failed = attempts.find(({ trigger, state }) => trigger === run.trigger && state === 'failed');
    const why = failed ? `step ${failed.step} at ${failed.agent}: ${failed.reason}` : run.reason;
    return [`${run.trigger}: run ${run.id} is ${run.state} (${why})`];
  });
}

const FINISHED = ['succeeded', 'failed'];

/** Attempts that count and finished: there is one a step. */
export function countedAttempts(attempts: readonly AttemptRecord[]): readonly AttemptRecord[] {
  return attempts.filter(
    ({ counted, state, endedAt }) => counted && endedAt !== null && FINISHED.includes(state),
  );
}

export function checkCounts(
  runs: readonly RunRecord[],
  counted: readonly AttemptRecord[],
): readonly string[] {
  return runs
    .filter(({ state }) => state === 'succeeded')
    .flatMap(({ trigger }) =>
      Array.from({ length: STEPS }, (_, step) => {
        const found = counted.filter((attempt) => attempt.trigger === trigger && attempt.step === step);
        return found.length === 1 ? [] : [`${trigger}: step ${step} counts ${found.length} times`];
      }).flat(),
    );
}
