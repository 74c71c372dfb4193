import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import { PAYLOAD_TYPE, subjectDigestOf } from '@holdfast/core/release/attestation.ts';
import type { ArtifactRow } from '@holdfast/postgres/release/artifact-store.ts';
import type { Services } from '../services.ts';
import { encodingOf } from './publish.ts';

/**
 * Before anything starts: the signature is ours, the statement speaks of this digest, and the
 * stored bytes still have it. Throws `artifactTampered` with what differs.
 */
export async function verifyArtifact(
  services: Pick<Services, 'vault' | 'blobs'>,
  artifact: ArtifactRow,
): Promise<void> {
  checkEnvelope(services, artifact);
  const { stream } = await services.blobs.read(artifact.digest);
  // Reading to the end is the check: the stream fails when its bytes are not what their name says.
  for await (const _ of stream);
}

function checkEnvelope({ vault }: Pick<Services, 'vault'>, artifact: ArtifactRow): void {
  const { envelope, name, digest } = artifact;
  const label = `${name}@${digest}`;
  const statement = Buffer.from(envelope.payload, 'base64').toString('utf8');
  const signed =
    envelope.payloadType === PAYLOAD_TYPE &&
    envelope.signatures.some((signature) =>
      vault.verify(Buffer.from(encodingOf(statement), 'utf8'), signature),
    );
  if (!signed)
    throw new HoldfastError(
      'artifactTampered',
      `the statement of ${label} is not signed by this installation`,
    );
  const subject = subjectDigestOf(JSON.parse(statement) as JsonObject);
  if (`sha256:${subject}` !== digest)
    throw new HoldfastError('artifactTampered', `the statement of ${label} speaks of sha256:${subject}`);
}
