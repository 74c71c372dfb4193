import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { findToken } from '@holdfast/postgres/access/token-store.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Services } from '../services.ts';
import { parse } from './bind.ts';
import { hashToken } from './caller.ts';

/**
 * The built dashboard, and its log-in: a token is exchanged for a cookie that scripts cannot read.
 * Everything that is not a file is the page itself; the page routes.
 */
const TYPES: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const SECURITY = {
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};
const session = z.object({ token: z.string().min(1).max(200) });

export function dashboardRoutes(app: FastifyInstance, services: Services): void {
  const root = services.config.dashboard;

  app.post('/session', async (request, reply) => {
    const { token } = parse(session, request.body, 'the body');
    if (!(await findToken(services.database, hashToken(token))))
      throw new HoldfastError('tokenInvalid', 'this token is unknown or was revoked');
    return reply
      .header('set-cookie', `holdfast_token=${token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000`)
      .send({ ok: true });
  });

  app.delete('/session', async (_request, reply) =>
    reply
      .header('set-cookie', 'holdfast_token=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0')
      .send({ ok: true }),
  );

  app.get('/*', async (request, reply) => {
    const path = normalize(decodeURIComponent((request.url.split('?')[0] ?? '/').slice(1)));
    if (/^(api|agent|router|hooks|ofrep)\//.test(path))
      throw new HoldfastError('routeUnknown', `there is nothing at GET /${path}`);
    if (!existsSync(join(root, 'index.html'))) {
      return reply
        .type('text/plain')
        .send('The dashboard is not built here. Build it with: npm run build:dashboard\n');
    }
    const file = path.startsWith('..') || path === '.' ? 'index.html' : path;
    return sendFile(
      reply,
      join(root, existsSync(join(root, file)) && extname(file) !== '' ? file : 'index.html'),
    );
  });
}

async function sendFile(reply: FastifyReply, path: string): Promise<FastifyReply> {
  const immutable = /-[A-Za-z0-9_-]{8}\.(js|css|woff2)$/.test(path);
  return reply
    .headers({ ...SECURITY, 'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache' })
    .type(TYPES[extname(path)] ?? 'application/octet-stream')
    .send(await readFile(path));
}
