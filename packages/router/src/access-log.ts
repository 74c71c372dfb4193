import type { IncomingMessage, ServerResponse } from 'node:http';
import pino, { type Logger } from 'pino';

/**
 * One JSON line a request: when, who, what, how it ended. No header, no body and no query text,
 * where secrets travel. Written in the background; a full disk costs lines, never requests.
 */
export class AccessLog {
  private readonly log: Logger;

  constructor(path: string) {
    const destination = pino.destination({ dest: path === '-' ? 1 : path, mkdir: true, sync: false });
    destination.on('error', () => {});
    this.log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  }

  note(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    // A request that is destroyed has no socket any more.
    const client = request.socket.remoteAddress;
    response.once('close', () =>
      this.log.info({
        client,
        method: request.method,
        path: (request.url ?? '').split('?', 1)[0],
        status: response.headersSent ? response.statusCode : null,
        ms: Math.round((performance.now() - startedAt) * 10) / 10,
        complete: response.writableFinished,
      }),
    );
  }

  close(): void {
    this.log.flush();
  }
}
