import type { FastifyReply } from 'fastify';

/**
 * Aborts when the other side closes its connection before it was answered. By the answer, not by the request:
 * a request is closed as soon as its body was read.
 */
export function hungUp({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}
