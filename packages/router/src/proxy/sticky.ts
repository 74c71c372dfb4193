import type { IncomingMessage } from 'node:http';
import { type Stickiness, WHOLE } from '@holdfast/core/traffic/traffic.ts';

/** A user's bucket: from the cookie, from a header by hash, or drawn now and set as a cookie. */
export interface Bucket {
  readonly bucket: number | null;
  readonly setCookie: string | null;
}

const COOKIE = 'holdfast_bucket';
const NONE: Bucket = { bucket: null, setCookie: null };

export function bucketFor(request: IncomingMessage, sticky: Stickiness, random: () => number): Bucket {
  if (sticky.kind === 'none') return NONE;
  if (sticky.kind === 'header') {
    const value = request.headers[sticky.name.toLowerCase()];
    return typeof value === 'string' && value !== '' ? { bucket: hashBucket(value), setCookie: null } : NONE;
  }
  const known = cookieOf(request, COOKIE);
  if (known !== null && /^\d{1,4}$/.test(known)) return { bucket: Number(known), setCookie: null };
  const drawn = Math.floor(random() * WHOLE);
  return { bucket: drawn, setCookie: `${COOKIE}=${drawn}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000` };
}

/** FNV-1a, 32 bit: the same bucket for the same value on every router. */
function hashBucket(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % WHOLE;
}

/** The first cookie of that name, as it was sent; null: none. */
export function cookieOf(request: IncomingMessage, name: string): string | null {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return null;
}
