import type { IncomingMessage } from 'node:http';

/**
 * A request's body as often as it may be sent. A small one with a known length is read first and
 * can be sent again; another is streamed once, and counts as untouched until somebody pulls on it.
 */
export interface RequestBody {
  /** Whether sending it (again) is possible. */
  readonly replayable: boolean;
  open(): Buffer | AsyncIterable<Buffer> | null;
}

const BUFFERED_BYTES = 64 * 1024;

export async function readBody(request: IncomingMessage): Promise<RequestBody> {
  const length = Number(request.headers['content-length'] ?? 0);
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (length === 0 && !chunked) return { replayable: true, open: () => null };
  if (!chunked && length <= BUFFERED_BYTES) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const whole = Buffer.concat(chunks);
    return { replayable: true, open: () => whole };
  }
  return new StreamedBody(request);
}

class StreamedBody implements RequestBody {
  private touched = false;
  private readonly request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.request = request;
  }

  get replayable(): boolean {
    return !this.touched;
  }

  open(): AsyncIterable<Buffer> {
    const self = this;
    return {
      async *[Symbol.asyncIterator]() {
        self.touched = true;
        for await (const chunk of self.request) yield chunk as Buffer;
      },
    };
  }
}
