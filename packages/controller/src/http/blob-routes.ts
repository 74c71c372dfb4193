import { Readable } from 'node:stream';
import * as protocol from '@holdfast/contract/agent/protocol.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { forgetBlob, keepCheckpoint, missingBlobs, renewBlob } from '@holdfast/postgres/blob/blob-index.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Services } from '../services.ts';
import { parse } from './bind.ts';

/** Bytes of agents in and out of the blob store, and what keeps them there. */
export function blobRoutes(app: FastifyInstance, services: Services): void {
  const { database } = services;
  app.put('/agent/v1/blobs', async (request) => {
    const stored = await services.blobs.put(bodyStream(request), LIMITS.workspaceBytes);
    await renewBlob(database, stored.digest, stored.bytes);
    // Renewing waited for a collector that had taken the same bytes away; then they come again.
    if (!(await services.blobs.has(stored.digest)))
      throw new HoldfastError(
        'blobStoreUnavailable',
        'the bytes were collected while they arrived; send them again',
      );
    return stored;
  });

  app.post('/agent/v1/blobs/missing', async (request): Promise<{ missing: string[] }> => {
    const { digests } = parse(protocol.missingAsked, request.body, 'the digests');
    return { missing: [...(await missingBlobs(database, digests))] };
  });

  app.post('/agent/v1/checkpoints', async (request) => {
    const kept = parse(protocol.checkpointKept, request.body, 'the checkpoint');
    const missing = await database.transaction((sql) => keepCheckpoint(sql, kept));
    if (missing.length > 0)
      throw new HoldfastError(
        'blobUnknown',
        `${missing.length} parts of the checkpoint are not in the store`,
      );
    return {};
  });

  app.get('/agent/v1/blobs/:digest', async (request, reply) => {
    const { digest } = parse(z.object({ digest: z.string() }), request.params, 'the path');
    const forget = async (error: unknown) => {
      const { code } = error as { readonly code?: string };
      if (code === 'blobUnknown' || code === 'artifactTampered') await forgetBlob(database, digest);
    };
    const { stream, bytes } = await services.blobs.read(digest).catch(async (error: unknown) => {
      await forget(error);
      throw error;
    });
    stream.once('error', (error) => void forget(error).catch(() => {}));
    return reply.type('application/octet-stream').header('content-length', bytes).send(stream);
  });
}

export function bodyStream(request: FastifyRequest): Readable {
  if (request.body instanceof Readable) return request.body;
  throw new HoldfastError('requestInvalid', 'expected a body of type application/octet-stream');
}
