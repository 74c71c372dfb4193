import { appendFileSync } from 'node:fs';

/** What happened when: told on stderr, kept beside the processes' logs. */
export class Journal {
  private readonly file: string;
  private readonly startedAt = performance.now();
  private closed = false;
  /** What must not be; a suite with one of these has failed. */
  readonly misses: string[] = [];

  constructor(file: string) {
    this.file = file;
  }

  /** From now on nothing is news: everything is being ended. */
  close(): void {
    this.closed = true;
  }

  tell(text: string): void {
    if (this.closed) return;
    const seconds = ((performance.now() - this.startedAt) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`[${seconds} s] ${text}\n`);
    appendFileSync(this.file, `${new Date().toISOString()} ${text}\n`);
  }

  miss(text: string): void {
    if (this.closed) return;
    this.misses.push(text);
    this.tell(`MISS ${text}`);
  }
}
