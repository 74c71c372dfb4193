import type { Grant } from '@holdfast/contract/agent/protocol.ts';
import { isUnavailable } from '@holdfast/contract/errors.ts';
import { jobValues } from '@holdfast/core/pipeline/decide.ts';
import type { Job, JobDefinition, Run } from '@holdfast/core/pipeline/pipeline.ts';
import type { LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import { currentSecrets, type SecretRow } from '@holdfast/postgres/access/secret-store.ts';
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

/**
 * Grants of leases that are still held as they were seen; a run of many jobs is read once. One that
 * cannot be made, for a secret that cannot be read or a definition that makes no sense, is told of,
 * and the others are none the worse for it.
 */
export async function grantsOf(services: Services, leases: readonly LeaseKey[]): Promise<Grants> {
  const { database } = services;
  const runs = new Map<string, RunInGrants>();
  const grants: Grant[] = [];
  const broken: BrokenGrant[] = [];
  for (const lease of leases) {
    const job = await findJob(database, lease.jobId);
    if (!job || job.epoch !== lease.epoch || job.ended_at !== null) continue;
    try {
      const known = runs.get(job.run_id) ?? {
        row: (await findRun(database, job.run_id)) as RunRow,
        jobs: (await jobsOf(database, job.run_id)).map(jobOf),
      };
      runs.set(job.run_id, known);
      grants.push(await grantOf(services, job, known));
    } catch (error) {
      if (isUnavailable(error)) throw error;
      broken.push({ lease, error: error as Error });
    }
  }
  return { grants, broken };
}

export interface Grants {
  readonly grants: readonly Grant[];
  readonly broken: readonly BrokenGrant[];
}

interface BrokenGrant {
  readonly lease: LeaseKey;
  readonly error: Error;
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
    if (secret) opened[name] = openSecret(services, secret);
  }
  return opened;
}

function openSecret({ vault }: Services, { repository, name, version, sealed }: SecretRow): string {
  try {
    return vault.open(secretPurpose(repository, name, version), sealed);
  } catch (error) {
    throw new Error(`the secret ${name} cannot be read with this controller's keys; set it again`, {
      cause: error,
    });
  }
}
