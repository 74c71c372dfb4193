import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Front } from './front.ts';

/**
 * The candidate's own address while a blue-green rollout has one: opened when a snapshot names its
 * port, closed when none does. A port that is taken is said once and tried again, because workers that
 * leave may still have it.
 */
const CLOSE_LIMIT_MS = 5_000;
const AGAIN_MS = 1_000;

export class PreviewFront {
  private readonly open: () => Front;
  private readonly where: { readonly host: string; readonly log: Logger };
  private current: { readonly port: number; readonly front: Front } | null = null;
  private turn: Promise<void> = Promise.resolve();
  private wanted: number | null = null;
  private leaving = false;

  constructor(open: () => Front, where: { readonly host: string; readonly log: Logger }) {
    this.open = open;
    this.where = where;
  }

  /** One change after the other; snapshots may come faster than ports open. */
  follow(named: number | null): Promise<void> {
    const port = this.leaving ? null : named;
    this.wanted = port;
    this.turn = this.turn.then(() => this.change(port));
    return this.turn;
  }

  /** For good, whatever snapshots still come. */
  close(): Promise<void> {
    this.leaving = true;
    return this.follow(null);
  }

  private async change(port: number | null): Promise<void> {
    if ((this.current?.port ?? null) === port) return;
    const old = this.current;
    this.current = null;
    await old?.front.close(CLOSE_LIMIT_MS);
    if (port === null) return;
    for (let tries = 0; this.wanted === port; tries += 1) {
      let front: Front | null = null;
      try {
        // Throws where the certificate on the disk does not fit just now.
        front = this.open();
        await front.listen({ host: this.where.host, port });
        this.current = { port, front };
        return;
      } catch (error) {
        if (tries === 0)
          this.where.log.warn({ err: error, port }, 'the preview address cannot be opened yet');
        await front?.close(0);
        await sleep(AGAIN_MS);
      }
    }
  }
}
