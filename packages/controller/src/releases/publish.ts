import type { Readable } from 'node:stream';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import {
  type Envelope,
  PAYLOAD_TYPE,
  preAuthenticationEncoding,
  statementOf,
} from '@holdfast/core/release/attestation.ts';
import { jobHeldBy } from '@holdfast/postgres/agent/lease-store.ts';
import { renewBlob } from '@holdfast/postgres/blob/blob-index.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { type ArtifactRow, insertArtifact } from '@holdfast/postgres/release/artifact-store.ts';
import { findRun, type RunRow } from '@holdfast/postgres/run/run-store.ts';
import type { Services } from '../services.ts';

/**
 * Seals an artifact: the digest is of the bytes this controller received, the statement is signed
 * with a key that no agent ever sees. Only the job that holds its lease may publish.
 */
export interface Publication {
  readonly agentId: string;
  readonly jobId: string;
  readonly epoch: number;
  readonly name: string;
}

export async function publish(
  services: Services,
  publication: Publication,
  bytes: Readable,
): Promise<ArtifactRow> {
  checkArtifactName(publication.name);
  const stored = await services.blobs.put(bytes, LIMITS.artifactBytes);
  return services.database.transaction(async (sql) => {
    const job = await jobHeldBy(sql, publication);
    if (!job)
      throw new HoldfastError('fenceStale', 'the job that wants to publish is held by somebody else now');
    const run = (await findRun(sql, job.run_id)) as RunRow;
    await renewBlob(sql, stored.digest, stored.bytes);
    if (!(await services.blobs.has(stored.digest)))
      throw new HoldfastError('blobUnknown', 'the bytes were collected while they arrived; publish again');
    const envelope = seal(services, { publication, run, digest: stored.digest });
    const artifact = await insertArtifact(sql, {
      id: newId(),
      name: publication.name,
      digest: stored.digest,
      bytes: stored.bytes,
      run_id: run.id,
      job_id: job.id,
      commit: run.commit,
      envelope,
    });
    await appendEvent(sql, {
      topic: 'artifact',
      subject: artifact.id,
      kind: 'published',
      data: { name: artifact.name, digest: artifact.digest, run: run.id },
    });
    return artifact;
  });
}

export function checkArtifactName(name: string): void {
  if (/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) return;
  throw new HoldfastError(
    'requestInvalid',
    `expected an artifact name of lower-case letters, digits, dot, dash and underscore, found ${JSON.stringify(name)}`,
  );
}

function seal(
  services: Services,
  made: { readonly publication: Publication; readonly run: RunRow; readonly digest: string },
): Envelope {
  const { publication, run, digest } = made;
  const statement = statementOf({
    artifact: { name: publication.name, sha256: digest.replace('sha256:', '') },
    repository: String(run.contexts.github.repositoryUrl ?? run.repository),
    ref: run.ref,
    commit: run.commit,
    workflow: run.workflow,
    runId: run.id,
    jobId: publication.jobId,
    builder: `https://holdfast.dev/agents/${publication.agentId}`,
    finishedOn: new Date().toISOString(),
  });
  const signature = services.vault.sign(Buffer.from(encodingOf(statement), 'utf8'));
  return {
    payloadType: PAYLOAD_TYPE,
    payload: Buffer.from(statement, 'utf8').toString('base64'),
    signatures: [signature],
  };
}

export function encodingOf(statement: string): string {
  return preAuthenticationEncoding(PAYLOAD_TYPE, {
    text: statement,
    bytes: Buffer.byteLength(statement, 'utf8'),
  });
}
