import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import type { SslOptions } from 'mysql2';

/** How far a MySQL server is trusted, in the words of MySQL's own clients. */
export interface MysqlTls {
  readonly mode: (typeof MODES)[number];
  /** A PEM file on the controllers' machines; null: the authorities that Node knows. */
  readonly ca: string | null;
}

/** No verify-ca: the copying tool's client library verifies the whole or nothing. */
const MODES = ['required', 'verify-identity'] as const;

/** From the parameters of an address: `ssl-mode` and `ssl-ca`. null: no TLS. */
export function readMysqlTls(
  parameters: URLSearchParams,
  bad: (why: string) => HoldfastError,
): MysqlTls | null {
  for (const name of parameters.keys())
    if (name !== 'ssl-mode' && name !== 'ssl-ca')
      throw bad(`has the parameter ${name}, expected ssl-mode or ssl-ca`);
  const said = parameters.get('ssl-mode')?.toLowerCase().replaceAll('_', '-');
  const ca = parameters.get('ssl-ca');
  if (ca !== null && (!isAbsolute(ca) || /\p{Cc}/u.test(ca)))
    throw bad('has an ssl-ca that is no absolute path');
  if (ca !== null && said !== 'verify-identity')
    throw bad('has an ssl-ca, but no ssl-mode that looks at it: say ssl-mode=verify-identity');
  if (said === undefined || said === 'disabled') return null;
  const mode = MODES.find((known) => known === said);
  if (!mode) throw bad(`has the ssl-mode ${said}, expected disabled, ${MODES.join(' or ')}`);
  return { mode, ca };
}

export function tlsOptions({ mode, ca }: MysqlTls): SslOptions {
  return {
    ...(ca === null ? {} : { ca: readAuthority(ca) }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: mode === 'verify-identity',
    verifyIdentity: mode === 'verify-identity',
  };
}

/** The same for MariaDB's client library, as lines of its [client] section. */
export function tlsLines(tls: MysqlTls | null): string {
  if (!tls) return '';
  if (tls.mode === 'required') return 'ssl-enforce=1\n';
  return `ssl-enforce=1\nssl-verify-server-cert=1\n${tls.ca === null ? '' : `ssl-ca=${tls.ca}\n`}`;
}

function readAuthority(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new HoldfastError(
      'configInvalid',
      `the file ${file} (ssl-ca) cannot be read: ${systemCode(error)}`,
    );
  }
}
