import type { Grant } from '@holdfast/contract/agent/protocol.ts';
import { jobValues } from '@holdfast/core/pipeline/decide.ts';
import type { Job, JobDefinition, Run } from '@holdfast/core/pipeline/pipeline.ts';
import type { LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import { currentSecrets } from '@holdfast/postgres/access/secret-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import {
  findJob,
  findRun,
  type JobRow,
  jobOf,
  jobsOf,
  type RunRow,
} from '@holdfast/postgres/run/run-store.ts';
import { secretNames } from '@holdfast/workflow/secret-names.ts';
import type { Services } from '../services.ts';
import { secretPurpose } from '../vault/secret-references.ts';

/** Grants of leases that are still held as they were seen; a run of many jobs is read once. */
export async function grantsOf(services: Services, leases: readonly LeaseKey[]): Promise<readonly Grant[]> {
  const { database } = services;
  const runs = new Map<string, RunInGrants>();
  const grants: Grant[] = [];
  for (const lease of leases) {
    const job = await findJob(database, lease.jobId);
    if (!job || job.epoch !== lease.epoch || job.ended_at !== null) continue;
    const known = runs.get(job.run_id) ?? {
      row: (await findRun(database, job.run_id)) as RunRow,
      jobs: (await jobsOf(database, job.run_id)).map(jobOf),
    };
    runs.set(job.run_id, known);
    grants.push(await grantOf(services, job, known));
  }
  return grants;
}

interface RunInGrants {
  readonly row: RunRow;
  readonly jobs: readonly Job[];
}

/** Everything an agent needs to run a job without asking again. Only the secrets that it names. */
async function grantOf(services: Services, job: JobRow, { row, jobs }: RunInGrants): Promise<Grant> {
  const definition = row.definition.jobs.find((candidate) => candidate.key === job.key) as JobDefinition;
  return {
    jobId: job.id,
    runId: job.run_id,
    epoch: job.epoch,
    name: job.name,
    definition,
    workflowEnv: row.definition.env,
    values: valuesOf({ row, jobs, job, definition }),
    secrets: await openSecrets(services, services.database, {
      repository: row.repository,
      part: [definition, row.definition.env],
    }),
    source: { digest: row.source, commit: row.commit },
    checkpointKey: services.vault.derive(`checkpoints of ${row.repository_id}`).toString('base64'),
    resume:
      job.checkpoint && job.resume_index > 0 ? { index: job.resume_index, checkpoint: job.checkpoint } : null,
    retries: true,
  };
}

export interface JobInRun {
  readonly row: RunRow;
  readonly jobs: readonly Job[];
  readonly job: JobRow;
  readonly definition: JobDefinition;
}

export function valuesOf({ row, jobs, job, definition }: JobInRun): Grant['values'] {
  const run: Run = {
    id: row.id,
    state: row.state,
    definition: row.definition,
    contexts: row.contexts,
    jobs,
    cancelRequested: false,
    reason: null,
  };
  return {
    ...jobValues(run, definition),
    matrix: job.matrix ?? {},
    strategy: {
      'fail-fast': job.fail_fast,
      'job-index': job.matrix_index,
      'job-total': job.matrix_total,
      'max-parallel': job.max_parallel || job.matrix_total,
    },
    job: { status: 'success' },
  } as Grant['values'];
}

async function openSecrets(
  services: Services,
  sql: Queryable,
  { repository, part }: { readonly repository: string; readonly part: unknown },
): Promise<Record<string, string>> {
  const wanted = secretNames(part);
  if (wanted.length === 0) return {};
  const known = new Map(
    (await currentSecrets(sql, repository)).map((secret) => [secret.name.toUpperCase(), secret]),
  );
  const opened: Record<string, string> = {};
  for (const name of wanted) {
    const secret = known.get(name);
    // GitHub: an unset secret is the empty string.
    if (secret)
      opened[name] = services.vault.open(
        secretPurpose(secret.repository, secret.name, secret.version),
        secret.sealed,
      );
  }
  return opened;
}
