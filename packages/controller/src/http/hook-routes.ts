import { createHmac, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { findRepository, type RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Services } from '../services.ts';
import { receivePushes } from '../triggers/poll-repository.ts';
import { requireRoom } from '../triggers/require-room.ts';
import { parse } from './bind.ts';

/**
 * POST /hooks/generic: `{repository, ref, after}` with X-Holdfast-Signature-256, the
 * HMAC-SHA256 of the raw body under the repository's secret. The trigger is written before the
 * answer; a push that is told of twice, or that polling saw first, is one trigger.
 */
/** Anybody may send one: it is kept before its signature can be looked at. */
const PUSH_BYTES = 64 * 1024;
const push = z.object({
  repository: z.string(),
  ref: z.string().regex(/^refs\/(heads|tags)\/.+$/, 'expected refs/heads/… or refs/tags/…'),
  after: z.string().regex(/^[0-9a-f]{40}$/, 'expected a full commit'),
});

export function hookRoutes(app: FastifyInstance, services: Services): void {
  void app.register(async (hooks) => {
    hooks.removeAllContentTypeParsers();
    hooks.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: PUSH_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    hooks.post('/hooks/generic', async (request, reply) => {
      const raw = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
      const body = parse(push, jsonOf(raw), 'the body');
      const repository = await findRepository(services.database, body.repository);
      checkSignature(services, repository, { raw, header: request.headers['x-holdfast-signature-256'] });
      const received = await receive(services, repository as RepositoryRow, body);
      services.hints.send('duty');
      return reply.code(202).send({ received });
    });
  });
}

function jsonOf(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch (cause) {
    throw new HoldfastError('requestInvalid', 'the body is not JSON', { cause });
  }
}

/** The same answer for a wrong signature and for an unknown repository: the hook tells nobody which exist. */
function checkSignature(
  { vault }: Services,
  repository: RepositoryRow | null,
  given: { readonly raw: Buffer; readonly header: unknown },
): void {
  const secret = repository ? vault.open(`webhook ${repository.id}`, repository.webhook_secret) : newId();
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(given.raw).digest('hex')}`);
  const actual = Buffer.from(String(given.header ?? ''));
  const same = actual.length === expected.length && timingSafeEqual(actual, expected);
  if (!same || !repository)
    throw new HoldfastError(
      'signatureInvalid',
      'X-Holdfast-Signature-256 does not match the body for this repository',
    );
}

async function receive(
  services: Services,
  repository: RepositoryRow,
  body: z.output<typeof push>,
): Promise<number> {
  await requireRoom(services.database, repository);
  // A deleted branch has nothing to run; before the first poll everything is old.
  if (/^0+$/.test(body.after)) return 0;
  return receivePushes(services, repository.id, { [body.ref]: body.after }, false);
}
