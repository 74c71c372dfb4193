import { setTimeout as sleep } from 'node:timers/promises';
import type { LogAppend } from '@holdfast/contract/agent/protocol.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';

/**
 * A step's log on its way to a controller: numbered by byte offset, sent in order, tried until it
 * is taken. Text waits in memory only up to a bound; the spool on disk is the source.
 */
export type SendChunk = (chunk: Pick<LogAppend, 'offset' | 'text'>) => Promise<void>;

const FLUSH_MS = 200;
const TAIL_BYTES = 64 * 1024;
const CHUNK_CHARACTERS = 256 * 1024;
const LOOK_MS = 50;

export class LogStream {
  private readonly send: SendChunk;
  private parts: string[] = [];
  private sent = 0;
  private total = 0;
  private closed = false;
  /** On its way, and not taken yet. */
  private carried: string | null = null;
  /** At the last try nobody answered. */
  private away = false;
  private readonly pump: Promise<void>;

  constructor(send: SendChunk) {
    this.send = send;
    this.pump = this.run();
  }

  write(text: string): void {
    if (this.total > LIMITS.stepLogBytes) return;
    this.parts.push(text);
    this.total += Buffer.byteLength(text);
    if (this.total > LIMITS.stepLogBytes)
      this.parts.push('the log is longer than its limit; the rest is not kept\n');
  }

  get bytes(): number {
    return this.total;
  }

  /** How much is not taken yet: whoever reads the spool waits while it is too much. */
  get backlog(): number {
    return this.total - this.sent;
  }

  /**
   * The step is over: what no controller has taken goes with the report of its end once that is
   * little, so that a result is never known without its log. Waits while nobody answers, when nobody
   * would hear the result either, and for `patienceMs` while they answer and do not take it.
   */
  async end(patienceMs: number): Promise<Pick<LogAppend, 'offset' | 'text'> | null> {
    this.closed = true;
    for (let waited = 0; this.backlog > TAIL_BYTES && waited < patienceMs; ) {
      await Promise.race([this.pump, sleep(LOOK_MS, undefined, { ref: false })]);
      if (!this.away) waited += LOOK_MS;
    }
    return this.takeTail();
  }

  /** A chunk that is on its way is said again: the longer one at an offset is kept. */
  private takeTail(): Pick<LogAppend, 'offset' | 'text'> | null {
    const waiting = this.backlog;
    if (waiting === 0 || waiting > TAIL_BYTES) return null;
    const tail = { offset: this.sent, text: (this.carried ?? '') + this.parts.splice(0).join('') };
    this.carried = null;
    this.sent = this.total;
    return tail;
  }

  /** Resolves when everything is taken, or after `patienceMs`. */
  async close(patienceMs: number): Promise<void> {
    this.closed = true;
    if (this.backlog === 0) return;
    await Promise.race([this.pump, sleep(patienceMs, undefined, { ref: false })]);
  }

  private async run(): Promise<void> {
    while (!this.closed || this.parts.length > 0) {
      const text = this.takeChunk();
      if (text !== '') await this.deliver(text);
      if (this.parts.length === 0 && !this.closed) await sleep(FLUSH_MS);
    }
  }

  /** Whole parts up to about a chunk: a character is never cut in two. */
  private takeChunk(): string {
    let size = 0;
    let count = 0;
    while (count < this.parts.length && size < CHUNK_CHARACTERS) {
      size += (this.parts[count] as string).length;
      count += 1;
    }
    return this.parts.splice(0, count).join('');
  }

  private async deliver(text: string): Promise<void> {
    this.carried = text;
    for (let failures = 0; this.carried === text; failures += 1) {
      const problem = await this.send({ offset: this.sent, text }).then(
        () => null,
        (error: unknown) => error,
      );
      this.away = problem instanceof HoldfastError && problem.kind === 'unavailable';
      // The tail took it along.
      if (this.carried !== text) return;
      if (problem === null) {
        this.sent += Buffer.byteLength(text);
        this.carried = null;
      } else if (isRefused(problem)) {
        this.parts = [];
        this.sent = this.total;
        this.carried = null;
      } else await sleep(Math.min(1_000, 100 * 2 ** failures));
    }
  }
}

/** For good (fenced, over a limit): the spool is the record, nobody waits for more. */
function isRefused(error: unknown): boolean {
  return error instanceof HoldfastError && error.kind !== 'unavailable' && error.kind !== 'internal';
}
