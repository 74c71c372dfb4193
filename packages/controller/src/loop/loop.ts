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

export class Loop {
  private readonly options: LoopOptions;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
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
    } catch (error) {
      this.options.log.error({ err: error, loop: this.options.name }, 'loop failed; it will be tried again');
    }
  }
}
