import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A certificate of its own authority, for this machine by its names; good for two days. `name`: its files' and its subject's. */
export function selfSigned(
  folder: string,
  name = 'localhost',
): { readonly certificate: string; readonly key: string } {
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=DNS:localhost,IP:127.0.0.1`;
  const [certificate, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  execFileSync('openssl', [...words.split(' '), '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  return { certificate, key };
}
