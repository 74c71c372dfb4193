import { httpOrigin } from '@holdfast/contract/origin.ts';
import type { Upstream } from '@holdfast/core/traffic/traffic.ts';
import { Connections } from './connections.ts';

/**
 * One instance as a worker sees it. Two sets of connections: idempotent requests may reuse one for as
 * long as it lives; others only one that was idle for less than a second, because the app's side
 * closes first and a POST on a dying connection ends in doubt (measured.md §3).
 */
const FRESH_IDLE_MS = 900;
const REUSED_IDLE_MS = 4_000;
const COOL_DOWN_MS = 1_000;

export interface ConnectionCount {
  readonly reused: number;
  readonly fresh: number;
}

export class Instance {
  readonly upstream: Upstream;
  private count = 0;
  private whenIdle: (() => void)[] = [];
  private readonly reused: Connections;
  private readonly fresh: Connections;
  private coolUntil = 0;

  constructor(upstream: Upstream, options: { readonly headersTimeoutMs: number }) {
    this.upstream = upstream;
    const origin = httpOrigin(upstream);
    const shared = { headersTimeout: options.headersTimeoutMs, bodyTimeout: 0 };
    this.reused = new Connections(origin, {
      ...shared,
      keepAliveTimeout: REUSED_IDLE_MS,
      keepAliveMaxTimeout: REUSED_IDLE_MS,
    });
    this.fresh = new Connections(origin, {
      ...shared,
      keepAliveTimeout: FRESH_IDLE_MS,
      keepAliveMaxTimeout: FRESH_IDLE_MS,
      keepAliveTimeoutThreshold: 100,
    });
  }

  connections(idempotent: boolean): Connections {
    return idempotent ? this.reused : this.fresh;
  }

  /** Connections that its app evidently likes to keep. */
  get kept(): ConnectionCount {
    return { reused: this.reused.kept, fresh: this.fresh.kept };
  }

  async openAhead({ reused, fresh }: ConnectionCount, limitMs: number): Promise<void> {
    await Promise.all([this.reused.openAhead(reused, limitMs), this.fresh.openAhead(fresh, limitMs)]);
  }

  /** A connection was refused: others are tried first for a moment. */
  coolDown(now: number): void {
    this.coolUntil = now + COOL_DOWN_MS;
  }

  isCool(now: number): boolean {
    return now < this.coolUntil;
  }

  get inFlight(): number {
    return this.count;
  }

  begin(): void {
    this.count += 1;
  }

  end(): void {
    this.count -= 1;
    if (this.count > 0) return;
    for (const idle of this.whenIdle.splice(0)) idle();
  }

  /**
   * Closes idle connections at once, so that the app sees them closed before it learns, and
   * resolves when nothing is in flight any more, upgraded connections included.
   */
  async release(): Promise<void> {
    const closing = Promise.allSettled([this.reused.close(), this.fresh.close()]);
    if (this.count > 0) await new Promise<void>((done) => this.whenIdle.push(done));
    await closing;
  }

  async destroy(): Promise<void> {
    await Promise.allSettled([this.reused.destroy(), this.fresh.destroy()]);
  }
}
