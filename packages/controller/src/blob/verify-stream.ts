import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { HoldfastError } from '@holdfast/contract/errors.ts';

/** Passes bytes on and fails at their end when they are not what their name says. */
export function verifyStream(digest: string): Transform {
  const hash = createHash('sha256');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const actual = `sha256:${hash.digest('hex')}`;
      const sentence = `the stored bytes of ${digest} are ${actual}`;
      done(actual === digest ? null : new HoldfastError('artifactTampered', sentence));
    },
  });
}

/** The hex of a digest; whatever is no digest reaches no file and no key. */
export function hexOf(digest: string): string {
  const match = /^sha256:([0-9a-f]{64})$/.exec(digest);
  if (match?.[1]) return match[1];
  throw new HoldfastError(
    'requestInvalid',
    `expected a digest sha256:…, found ${JSON.stringify(digest.slice(0, 100))}`,
  );
}
