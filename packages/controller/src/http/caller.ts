import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { allows, type Scope } from '@holdfast/core/access/access.ts';
import { findToken, type TokenRow } from '@holdfast/postgres/access/token-store.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import type { FastifyRequest } from 'fastify';

const RECENT_MS = 5_000;
const RECENT_MOST = 10_000;

/**
 * Callers that come many times a second: a token that was good is taken as good for five seconds, so
 * that a revocation takes at most that long to reach agents on every replica.
 */
export class RecentCallers {
  private readonly database: Database;
  private readonly known = new Map<string, { readonly token: TokenRow; readonly until: number }>();

  constructor(database: Database) {
    this.database = database;
  }

  async require(request: FastifyRequest, scope: Scope): Promise<TokenRow> {
    const key = hashToken(request.headers.authorization ?? '').toString('base64');
    const known = this.known.get(key);
    if (known && known.until > performance.now() && allows(known.token.scopes, scope)) return known.token;
    const token = await requireCaller(this.database, request, scope);
    if (this.known.size >= RECENT_MOST) this.known.clear();
    if (request.headers.authorization) this.known.set(key, { token, until: performance.now() + RECENT_MS });
    return token;
  }
}

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
