import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { allows, type Scope } from '@holdfast/core/access/access.ts';
import { findToken, type TokenRow } from '@holdfast/postgres/access/token-store.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import type { FastifyRequest } from 'fastify';

/** Who calls. Tokens are looked up by their SHA-256, so nothing about the text can be timed. */
export async function requireCaller(
  database: Database,
  request: FastifyRequest,
  scope: Scope,
): Promise<TokenRow> {
  const text = bearerOf(request);
  if (text === null) throw new HoldfastError('tokenInvalid', 'the request carries no bearer token');
  const token = await findToken(database, hashToken(text));
  if (!token) throw new HoldfastError('tokenInvalid', 'this token is unknown or was revoked');
  if (!allows(token.scopes, scope))
    throw new HoldfastError(
      'scopeMissing',
      `this needs the scope ${scope}; the token ${token.name} has ${token.scopes.join(', ')}`,
    );
  return token;
}

export function hashToken(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** From the header; from the cookie of a dashboard session, whose changes need a matching origin. */
function bearerOf(request: FastifyRequest): string | null {
  const header = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (header) return header;
  const cookie = /(?:^|;\s*)holdfast_token=([A-Za-z0-9_-]+)/.exec(request.headers.cookie ?? '')?.[1];
  if (!cookie) return null;
  if (request.method !== 'GET' && !sameOrigin(request))
    throw new HoldfastError('tokenInvalid', 'a change by a browser session must come from this address');
  return cookie;
}

function sameOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).host === host;
}
