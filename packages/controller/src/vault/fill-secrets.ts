import { secretAt } from '@holdfast/postgres/access/secret-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import type { Services } from '../services.ts';
import { SECRET_REFERENCE, secretMissing, secretPurpose } from './secret-references.ts';

/** The versions frozen with the release, not the newest: a changed secret is another release. */
export async function fillSecrets(
  services: Services,
  sql: Queryable,
  { release, env }: { readonly release: ReleaseRow; readonly env: Record<string, string> },
): Promise<Record<string, string>> {
  const opened = new Map<string, string>();
  for (const [name, { repository, version }] of Object.entries(release.secret_versions)) {
    const secret = await secretAt(sql, repository, name, version);
    if (!secret) throw secretMissing(name);
    opened.set(name, services.vault.open(secretPurpose(repository, name, version), secret.sealed));
  }
  return Object.fromEntries(
    Object.entries(env).map(([key, text]) => [
      key,
      text.replace(SECRET_REFERENCE, (_, name: string) => opened.get(name) ?? ''),
    ]),
  );
}
