import type { Logger } from 'pino';

/**
 * The only loop a controller needs: it runs its work when notified, when ticked, and not at all
 * when stopped. Work never overlaps itself; a notification during work runs it once more after.
 */
export interface LoopOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly log: Logger;
  /** Returns true to be run again at once: there was more than it took. */
  readonly work: () => Promise<unknown>;
}

const SAID_AGAIN = 100;

export class Loop {
  private readonly options: LoopOptions;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private failures = 0;
  private stopped = false;

  constructor(options: LoopOptions) {
    this.options = options;
  }

  start(): this {
    this.schedule(0);
    return this;
  }

  notify(): void {
    if (this.stopped) return;
    if (this.running) this.again = true;
    else this.schedule(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(inMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        this.running = undefined;
        if (!this.stopped) this.schedule(this.again ? 0 : this.options.everyMs);
        this.again = false;
      });
    }, inMs);
  }

  private async run(): Promise<void> {
    try {
      if ((await this.options.work()) === true) this.again = true;
      if (this.failures > 1)
        this.options.log.info({ loop: this.options.name, failures: this.failures }, 'loop works again');
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      // An outage is one line and not one a quarter of a second.
      if (this.failures === 1 || this.failures % SAID_AGAIN === 0)
        this.options.log.error(
          { err: error, loop: this.options.name, failures: this.failures },
          'loop failed; it will be tried again',
        );
    }
  }
}
