import type { AttemptRecord } from '../records.ts';
import { until } from '../until.ts';
import type { Blow, Sample } from './fault.ts';

/** What is waited for after a blow, each timed from the moment that its bound is given for. */
const LIMIT_MS = 45_000;

/** Every step that ran at the struck agent runs at another one, or is past. */
export async function goneOnElsewhere(
  { records, agent }: Blow,
  struck: { readonly attempts: readonly AttemptRecord[]; readonly at: number; readonly bound: number | null },
): Promise<Sample[]> {
  const samples = struck.attempts.map(async ({ jobId, step }) => {
    const at = await until(
      `step ${step} of job ${jobId} to run elsewhere than at ${agent.name}`,
      () => records.wentOnElsewhere(jobId, agent.name, struck.at),
      { limitMs: LIMIT_MS },
    );
    return sampleOf('step runs elsewhere', at, { at: struck.at, bound: struck.bound });
  });
  return (await Promise.all(samples)).flat();
}

/** The jobs run again, here or there. */
export async function goneOn(
  { records }: Blow,
  attempts: readonly AttemptRecord[],
  at: number,
): Promise<Sample[]> {
  const samples = attempts.map(async ({ jobId, step }) => {
    const found = await until(`step ${step} of job ${jobId} to run again`, () => records.wentOn(jobId, at), {
      limitMs: LIMIT_MS,
    });
    return sampleOf('step runs again', found, { at, bound: null });
  });
  return (await Promise.all(samples)).flat();
}

/** The same attempts are heard of again. */
export async function attachedAgain(
  { records }: Blow,
  attempts: readonly AttemptRecord[],
  since: { readonly at: number; readonly bound: number | null },
): Promise<Sample[]> {
  const samples = attempts.map(async ({ id, step }) => {
    const at = await until(
      `the attempt at step ${step} to be heard of`,
      () => records.heardOf(id, since.at),
      {
        limitMs: LIMIT_MS,
      },
    );
    return sampleOf('agent re-attached', at, since);
  });
  return (await Promise.all(samples)).flat();
}

/** What ended just before the blow has nothing to recover. */
function sampleOf(
  what: string,
  at: number | 'ended',
  since: { readonly at: number; readonly bound: number | null },
): Sample[] {
  if (at === 'ended') return [];
  return [{ what, seconds: (at - since.at) / 1000, boundSeconds: since.bound }];
}

/** Some run made progress. */
export async function stepRecorded(
  { records }: Blow,
  since: { readonly what: string; readonly at: number; readonly bound: number | null },
): Promise<Sample> {
  const at = await until('the next step to be recorded', () => records.nextStepRecorded(since.at), {
    limitMs: LIMIT_MS,
    everyMs: 20,
  });
  return { what: since.what, seconds: (at - since.at) / 1000, boundSeconds: since.bound };
}

export async function exchangedElsewhere(
  { probe }: Blow,
  since: { readonly at: number; readonly bound: number | null },
): Promise<Sample> {
  const seconds = await probe.nextSuccess(since.at, LIMIT_MS);
  return { what: 'exchange elsewhere', seconds, boundSeconds: since.bound };
}

export async function attemptsAt({ records, agent }: Blow): Promise<readonly AttemptRecord[]> {
  return (await records.running()).filter((attempt) => attempt.agent === agent.name);
}
