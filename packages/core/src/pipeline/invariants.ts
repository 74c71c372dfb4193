import { invariant } from '../kernel/invariant.ts';
import { isEnded, type Run } from './pipeline.ts';

/** Checked after each transition, on load and on save. */
export function checkRun(run: Run): void {
  const ids = new Set(run.jobs.map((job) => job.id));
  invariant(ids.size === run.jobs.length, `run ${run.id} has two jobs with one id`);
  for (const job of run.jobs) {
    invariant(
      run.definition.jobs.some((definition) => definition.key === job.key),
      `run ${run.id} has a job ${job.key} that its definition lacks`,
    );
  }
  if (!isEnded(run.state)) return;
  const live = run.jobs.filter((job) => !isEnded(job.state));
  invariant(live.length === 0, `run ${run.id} has ${run.state} while ${live[0]?.name} is ${live[0]?.state}`);
}
