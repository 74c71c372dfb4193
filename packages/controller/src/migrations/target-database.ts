import { HoldfastError } from '@holdfast/contract/errors.ts';
import { openSession, type Session } from '@holdfast/migration/execute/session.ts';
import { isMysqlUrl, type MysqlPlace, readMysqlUrl } from '@holdfast/migration/mysql/mysql-session.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { hostUrls } from '@holdfast/postgres/primary.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import type { Services } from '../services.ts';
import { fillSecrets } from '../vault/fill-secrets.ts';

/**
 * The user's database, by the secret that the release froze. The repository names the secret, not
 * the address; and no address leads to this installation's own database.
 */
async function openTarget(services: Services, url: string, name: string): Promise<Session> {
  const session = await openSession(hostUrls(url), `holdfast ${name}`);
  try {
    await refuseOwn(services, session);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** By the kind of the database that the secret leads to: PostgreSQL in a session, or where MySQL or MariaDB is. */
export async function openAnyTarget(
  services: Services,
  release: ReleaseRow,
  name: string,
): Promise<{ readonly session: Session } | { readonly mysql: MysqlPlace }> {
  const url = await targetUrl(services, services.database, release);
  if (isMysqlUrl(url)) return { mysql: readMysqlUrl(url) };
  return { session: await openTarget(services, url, name) };
}

async function targetUrl(services: Services, sql: Queryable, release: ReleaseRow): Promise<string> {
  const { migrations } = release.config;
  if (!migrations) throw new HoldfastError('configInvalid', `release ${release.number} names no database`);
  const { url = '' } = await fillSecrets(services, sql, { release, env: { url: migrations.database } });
  if (!isMysqlUrl(url)) checkTarget(url, services.config.databaseUrl);
  return url;
}

/** Sockets of this machine are the controller's own way in, with its own rights. */
export function checkTarget(url: string, own: string): void {
  const bad = (why: string) =>
    new HoldfastError('configInvalid', `the secret that migrations.database names ${why}`);
  const parsed = /^postgres(?:ql)?:\/\/(?:[^@/?#]*@)?([^@/?#]*)\/([^/?#]+)(?:\?([^#]*))?$/.exec(url);
  if (!parsed) throw bad('is no address such as postgres://user:password@host:5432/database');
  const [, hosts = '', database = '', query = ''] = parsed;
  // The driver decodes what is written with %; nothing here needs it.
  if (hosts === '' || !/^[A-Za-z0-9.,:_[\]-]+$/.test(hosts) || database.includes('%'))
    throw bad('must name its host and its database in plain letters; sockets are not for schema changes');
  const odd = [...new URLSearchParams(query).keys()].find((name) => !PARAMETERS.has(name));
  if (odd !== undefined)
    throw bad(`has the parameter ${odd}, expected none but ${[...PARAMETERS].join(', ')}`);
  const here = placesOf(own);
  if (placesOf(url).some((place) => here.includes(place))) throw bad("leads to Holdfast's own database");
}

const PARAMETERS = new Set(['sslmode', 'connect_timeout', 'target_session_attrs', 'application_name']);

/** host:port/database, of each host. */
function placesOf(url: string): readonly string[] {
  const [, hosts = '', database = ''] =
    /^postgres(?:ql)?:\/\/(?:[^@/]*@)?([^/?#]*)\/([^/?#]*)/.exec(url) ?? [];
  return hosts
    .split(',')
    .filter((place) => place !== '')
    .map((place) => {
      const [, host = place, port = '5432'] = /^(.*?)(?::(\d+))?$/.exec(place.toLowerCase()) ?? [];
      return `${host.replace(/\.$/, '')}:${Number(port)}/${database}`;
    });
}

interface Identity {
  readonly system: string;
  readonly database: string;
}

const WHO =
  'SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system, current_database() AS database';

/** Another name of the same place is the same place. */
async function refuseOwn(services: Services, session: Session): Promise<void> {
  const own = (await services.database.query<Identity>(WHO)).rows[0];
  const target = (await session.query<Identity>(WHO)).rows[0];
  if (own && target && own.system === target.system && own.database === target.database)
    throw new HoldfastError(
      'configInvalid',
      "the secret that migrations.database names leads to Holdfast's own database",
    );
}
