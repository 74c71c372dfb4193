import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { type ArtifactRow, findArtifact } from '@holdfast/postgres/release/artifact-store.ts';

/** NAME@sha256:… and nothing shorter: a deploy names bytes, not a moving word. */
export async function artifactNamed(sql: Queryable, text: string): Promise<ArtifactRow> {
  const match = /^([a-z0-9][a-z0-9._-]*)@(sha256:[0-9a-f]{64})$/.exec(text.trim());
  if (!match)
    throw new HoldfastError('requestInvalid', `expected NAME@sha256:…, found ${JSON.stringify(text)}`);
  const [, name = '', digest = ''] = match;
  const found = await findArtifact(sql, name, digest);
  if (found) return found;
  throw new HoldfastError(
    'artifactUnknown',
    `there is no artifact ${text}: was it published, and under this name?`,
  );
}
