import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { answerHeaders, forwardedHeaders } from './headers.ts';
import type { Instance } from './instance.ts';
import type { RequestBody } from './request-body.ts';

/**
 * One try of one request on one instance. Streams both ways with back-pressure. Resolves with what
 * happened; never throws. `nothingWritten`: no connection came about, so any request may be tried
 * elsewhere. `noAnswer`: it was sent, but no byte came back.
 */
export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly firstByteMs: number }
  | { readonly kind: 'nothingWritten' | 'noAnswer' | 'brokenAnswer'; readonly error: Error }
  /** It cannot be passed on as it is: the client's fault, not the instance's. */
  | { readonly kind: 'badRequest' }
  | { readonly kind: 'clientGone' };

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: RequestBody;
  readonly idempotent: boolean;
  readonly extraHeaders: readonly string[];
}

/** Node writes a string of this size and the head before it in one piece; for a buffer it gathers pieces (writev). */
const SMALL_BYTES = 8 * 1024;
const MALFORMED = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);
/** For one buffer's worth: whoever stopped reading holds no instance. */
const READ_PATIENCE_MS = 60_000;

/** Nothing was sent: it cannot be passed on as it is. */
export function isMalformed(error: Error): boolean {
  return MALFORMED.has((error as { code?: string }).code ?? '');
}

export function forward(exchange: Exchange, instance: Instance): Promise<Outcome> {
  const { request, response } = exchange;
  return new Promise((resolve) => {
    const handler = new Relay(exchange, resolve);
    instance.connections(exchange.idempotent).dispatch(
      {
        method: (request.method ?? 'GET') as Dispatcher.HttpMethod,
        path: request.url ?? '/',
        headers: forwardedHeaders(request),
        body: exchange.body.open() as Dispatcher.DispatchOptions['body'],
        idempotent: false,
      },
      handler,
    );
    response.once('close', () => handler.clientClosed());
  });
}

/** latin1 has a character for each byte and back: the body is not changed by being a string. */
function endWith(response: ServerResponse, last: Buffer | null): void {
  if (last === null) response.end();
  else if (last.length <= SMALL_BYTES) response.end(last.toString('latin1'), 'latin1');
  else response.end(last);
}

/**
 * Writes the answer. One that came whole is written at the end of this turn of the event loop, with the others of
 * the turn: a write wakes whoever reads at the other end, and writes that follow each other wake them once. (What goes to
 * instances undici itself writes so.)
 */
class Relay implements Dispatcher.DispatchHandler {
  private readonly exchange: Exchange;
  private readonly settle: (outcome: Outcome) => void;
  private readonly startedAt = performance.now();
  private controller: Dispatcher.DispatchController | undefined;
  private firstByteMs = 0;
  private status = 0;
  private settled = false;
  private passed = false;
  /** Of the body's announced length, what has not come yet. */
  private left = -1;
  private last: Buffer | null = null;

  constructor(exchange: Exchange, settle: (outcome: Outcome) => void) {
    this.exchange = exchange;
    this.settle = settle;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.exchange.response.destroyed) controller.abort(new Error('client gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    const { response, extraHeaders } = this.exchange;
    this.status = status;
    this.firstByteMs = performance.now() - this.startedAt;
    const { headers, length } = answerHeaders((controller.rawHeaders ?? []) as Buffer[]);
    headers.push(...extraHeaders);
    response.writeHead(status, headers);
    this.left = length;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.left -= chunk.length;
    // The parser tells of the end in the same breath: node writes the last part together with it.
    if (this.left === 0) this.last = chunk;
    else this.pass(controller, chunk);
  }

  private pass(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.exchange;
    this.passed = true;
    if (response.write(chunk)) return;
    controller.pause();
    const late = setTimeout(() => response.destroy(), READ_PATIENCE_MS).unref();
    response.once('drain', () => {
      clearTimeout(late);
      controller.resume();
    });
  }

  onResponseEnd(): void {
    // Node has corked what was passed in this turn, and writes it and the end in one piece.
    if (this.passed) endWith(this.exchange.response, this.last);
    else setImmediate(endWith, this.exchange.response, this.last);
    this.finish({ kind: 'answered', status: this.status, firstByteMs: this.firstByteMs });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { status, firstByteMs } = this;
    // Whoever closes a stream, or stops a download, had an answer.
    if (this.exchange.response.destroyed)
      return this.finish(status > 0 ? { kind: 'answered', status, firstByteMs } : { kind: 'clientGone' });
    if (status > 0) {
      // Headers are out: the only honest end is a broken one.
      this.exchange.response.destroy();
      return this.finish({ kind: 'brokenAnswer', error });
    }
    if (isMalformed(error)) return this.finish({ kind: 'badRequest' });
    this.finish({ kind: this.controller ? 'noAnswer' : 'nothingWritten', error });
  }

  clientClosed(): void {
    if (this.settled || this.exchange.response.writableFinished) return;
    this.controller?.abort(new Error('client gone'));
  }

  private finish(outcome: Outcome): void {
    if (this.settled) return;
    this.settled = true;
    this.settle(outcome);
  }
}
