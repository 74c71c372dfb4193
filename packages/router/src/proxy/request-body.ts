import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A request's body as often as it may be sent. A small one with a known length is read first and
 * can be sent again; another is streamed once, and counts as untouched until somebody pulls on it.
 */
export interface RequestBody {
  /** Whether sending it (again) is possible. */
  readonly replayable: boolean;
  open(): Buffer | AsyncIterable<Buffer> | null;
}

export const NO_BODY: RequestBody = { replayable: true, open: () => null };
const BUFFERED_BYTES = 64 * 1024;
/** Between two chunks of a body, and for the whole of a small one: slow clients hold no instance. */
const BODY_PATIENCE_MS = 30_000;

export async function readBody(
  request: IncomingMessage,
  patienceMs = BODY_PATIENCE_MS,
): Promise<RequestBody | 'tooSlow'> {
  if (!hasBody(request)) return NO_BODY;
  if (!isChunked(request) && lengthOf(request) <= BUFFERED_BYTES) return readSmall(request, patienceMs);
  return new StreamedBody(request, patienceMs);
}

export function hasBody(request: IncomingMessage): boolean {
  return lengthOf(request) !== 0 || isChunked(request);
}

function lengthOf(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

function isChunked(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined;
}

async function readSmall(request: IncomingMessage, patienceMs: number): Promise<RequestBody | 'tooSlow'> {
  const read = new AbortController();
  const whole = collect(request).finally(() => read.abort());
  const late = sleep(patienceMs, 'tooSlow' as const, { signal: read.signal }).catch(() => whole);
  const first = await Promise.race([whole, late]);
  if (first !== 'tooSlow') return { replayable: true, open: () => first };
  // Nobody waits for the rest: its end, by the connection's, is no news.
  whole.catch(() => {});
  return 'tooSlow';
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

class StreamedBody implements RequestBody {
  private touched = false;
  private readonly request: IncomingMessage;
  private readonly patienceMs: number;

  constructor(request: IncomingMessage, patienceMs: number) {
    this.request = request;
    this.patienceMs = patienceMs;
  }

  get replayable(): boolean {
    return !this.touched;
  }

  open(): AsyncIterable<Buffer> {
    const { request, patienceMs } = this;
    const touch = () => {
      this.touched = true;
    };
    return {
      async *[Symbol.asyncIterator]() {
        touch();
        const stop = () => request.destroy(new Error('the body came too slowly'));
        let late = setTimeout(stop, patienceMs);
        try {
          for await (const chunk of request.iterator({ destroyOnReturn: false })) {
            clearTimeout(late);
            yield chunk as Buffer;
            late = setTimeout(stop, patienceMs);
          }
        } finally {
          clearTimeout(late);
          if (!request.complete) discard(request, patienceMs);
        }
      },
    };
  }
}

/** An answer came before the whole body: a client that reads only when it has sent everything must get there. */
function discard(request: IncomingMessage, patienceMs: number): void {
  const late = setTimeout(() => request.destroy(), patienceMs).unref();
  request.once('close', () => clearTimeout(late)).resume();
}
