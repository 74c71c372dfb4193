import { HoldfastError } from '@holdfast/contract/errors.ts';
import { openSession, type Session } from '@holdfast/migration/execute/session.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { hostUrls } from '@holdfast/postgres/primary.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import type { Services } from '../services.ts';
import { fillSecrets } from '../vault/fill-secrets.ts';

/**
 * The user's database, by the secret that the release froze. The repository names the secret, not
 * the address; and no address leads to this installation's own database.
 */
export async function openTarget(services: Services, release: ReleaseRow, name: string): Promise<Session> {
  const url = await targetUrl(services, services.database, release);
  return openSession(hostUrls(url), `holdfast ${name}`);
}

async function targetUrl(services: Services, sql: Queryable, release: ReleaseRow): Promise<string> {
  const { migrations } = release.config;
  if (!migrations) throw new HoldfastError('configInvalid', `release ${release.number} names no database`);
  const { url = '' } = await fillSecrets(services, sql, { release, env: { url: migrations.database } });
  checkTarget(url, services.config.databaseUrl);
  return url;
}

/** Sockets of this machine are the controller's own way in, with its own rights. */
export function checkTarget(url: string, own: string): void {
  const bad = (why: string) =>
    new HoldfastError('configInvalid', `the secret that migrations.database names ${why}`);
  if (!/^postgres(?:ql)?:\/\/[^/?#]+@?[^/?#]*\/[^/?#]+/.test(url))
    throw bad('is no address such as postgres://user:password@host:5432/database');
  const [, hosts = '', rest = ''] = /^postgres(?:ql)?:\/\/(?:[^@/]*@)?([^/?#]*)(.*)$/.exec(url) ?? [];
  if (
    hosts === '' ||
    /%2f/i.test(hosts) ||
    /[?&](?:host|hostaddr|service|passfile|sslkey|sslcert|sslrootcert)=/i.test(rest)
  )
    throw bad('must name its host; sockets, services and files of the controller are not for schema changes');
  const [target, here] = [placesOf(url), placesOf(own)];
  if (target.some((place) => here.includes(place))) throw bad("leads to Holdfast's own database");
}

/** host:port/database, of each host. */
function placesOf(url: string): readonly string[] {
  const [, hosts = '', database = ''] =
    /^postgres(?:ql)?:\/\/(?:[^@/]*@)?([^/?#]*)\/([^/?#]*)/.exec(url) ?? [];
  return hosts
    .split(',')
    .filter((host) => host !== '')
    .map((host) => `${/:\d+$/.test(host) ? host : `${host}:5432`}/${database}`);
}
