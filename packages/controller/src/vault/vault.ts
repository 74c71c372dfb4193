import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Database } from '@holdfast/postgres/database.ts';

/**
 * Keys at rest: a data key and the signing key lie in the database, sealed under the master key,
 * which comes from a file and never enters the database (protocol §9). AES-256-GCM; the name of
 * what is sealed is authenticated, so that one value cannot be put in another's place.
 */
export interface Vault {
  seal(purpose: string, plain: string): Buffer;
  open(purpose: string, sealed: Buffer): string;
  /** 32 bytes for one purpose, always the same: nothing is stored for it. */
  derive(purpose: string): Buffer;
  sign(bytes: Buffer): { readonly keyid: string; readonly sig: string };
  verify(bytes: Buffer, signature: { readonly keyid: string; readonly sig: string }): boolean;
}

const NONCE = 12;
const TAG = 16;

export async function openVault(database: Database, masterKey: Buffer): Promise<Vault> {
  const dataKey = await keyNamed(database, 'data', {
    masterKey,
    make: () => ({ secret: randomBytes(32), public: null }),
  });
  const signing = await keyNamed(database, 'signing', { masterKey, make: makeSigningKey });
  const privateKey = createPrivateKey({ key: signing.secret, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  const keyid = keyIdOf(publicKey);
  return {
    seal: (purpose, plain) => sealBytes(dataKey.secret, purpose, Buffer.from(plain, 'utf8')),
    open: (purpose, sealed) => openBytes(dataKey.secret, purpose, sealed).toString('utf8'),
    derive: (purpose) => Buffer.from(hkdfSync('sha256', dataKey.secret, '', `derived ${purpose}`, 32)),
    sign: (bytes) => ({ keyid, sig: sign(null, bytes, privateKey).toString('base64') }),
    verify: (bytes, signature) =>
      signature.keyid === keyid && verify(null, bytes, publicKey, Buffer.from(signature.sig, 'base64')),
  };
}

interface NamedKey {
  readonly secret: Buffer;
  readonly public: string | null;
}

/** Made once by whichever replica comes first; everybody then reads the same row. */
async function keyNamed(
  database: Database,
  name: string,
  how: { readonly masterKey: Buffer; readonly make: () => NamedKey },
): Promise<NamedKey> {
  const made = how.make();
  await database.query(
    'INSERT INTO sealed_key (name, sealed, public) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [name, sealBytes(how.masterKey, `key ${name}`, made.secret), made.public],
  );
  const found = await database.query<{ sealed: Buffer; public: string | null }>(
    'SELECT sealed, public FROM sealed_key WHERE name = $1',
    [name],
  );
  const row = found.rows[0] as { sealed: Buffer; public: string | null };
  return { secret: openBytes(how.masterKey, `key ${name}`, row.sealed), public: row.public };
}

function makeSigningKey(): NamedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }),
    public: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

function keyIdOf(publicKey: KeyObject): string {
  const { x } = publicKey.export({ format: 'jwk' });
  return `ed25519:${x}`;
}

export function sealBytes(key: Buffer, purpose: string, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

export function openBytes(key: Buffer, purpose: string, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE)).setAAD(
    Buffer.from(purpose),
  );
  decipher.setAuthTag(sealed.subarray(NONCE, NONCE + TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()]);
  } catch (cause) {
    throw new HoldfastError(
      'internal',
      `${purpose} cannot be opened: the master key is not the one it was sealed with`,
      { cause },
    );
  }
}
