import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '@holdfast/core/kernel/json.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';

/** What an approval speaks of: artifact, configuration, secret versions and schema changes together. */
export function contentDigest(
  release: Pick<ReleaseRow, 'artifact_name' | 'artifact_digest' | 'config' | 'secret_versions' | 'schema'>,
): string {
  const content = {
    artifact: `${release.artifact_name}@${release.artifact_digest}`,
    config: release.config,
    secrets: release.secret_versions,
    ...(release.schema === null ? {} : { schema: release.schema }),
  };
  return createHash('sha256')
    .update(canonicalJson(content as unknown as Json))
    .digest('hex');
}
