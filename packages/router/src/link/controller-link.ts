import { setTimeout as sleep } from 'node:timers/promises';
import { errorOf } from '@holdfast/contract/api/client.ts';
import { Favourite } from '@holdfast/contract/api/favourite.ts';
import { type Sync, type SyncAnswer, syncAnswer } from '@holdfast/contract/router/protocol.ts';
import { PROTOCOL } from '@holdfast/contract/versions.ts';
import { compareVersion, type Snapshot, type Version } from '@holdfast/core/traffic/traffic.ts';
import type { Logger } from 'pino';
import type { Counter } from '../proxy/counter.ts';

/**
 * One worker's line to the controllers: it acknowledges, hands over counts, and waits for a newer
 * snapshot. Without any controller the worker routes on as it does. Two requests are in flight at
 * most: the waiting one, and a quick one that carries news (an acknowledgement, the last second).
 */
export interface LinkOptions {
  readonly controllers: readonly string[];
  readonly token: string;
  readonly environment: string;
  readonly routerId: string;
  readonly workerId: string;
  /** Workers that died before this one took their place: said until a controller has heard it. */
  readonly gone: readonly string[];
  readonly counter: Counter;
  readonly inFlight: () => { readonly [instance: string]: number };
  /** false: a newer one was applied meanwhile. */
  readonly apply: (snapshot: Snapshot) => Promise<boolean>;
  /** Puts it on disk; never fails. What is acknowledged is there. */
  readonly keep: (snapshot: Snapshot) => Promise<void>;
  readonly log: Logger;
}

const WAIT_MS = 10_000;
const REPORT_EVERY_MS = 500;
const DRAIN_REPORT_MS = 50;
const BYE_TRIES = 3;
const BYE_AGAIN_MS = 300;

const versionOf = ({ generation, revision }: Snapshot): Version => ({ generation, revision });

export class ControllerLink {
  private readonly options: LinkOptions;
  private heard: Version;
  private acknowledged: Version;
  /** The keeping of the snapshots, one after the other. */
  private kept: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  private readonly favourite: Favourite;
  private loops: Promise<void>[] = [];
  private reporting: Promise<void> | undefined;
  private draining = false;
  private gone: readonly string[];

  /** `start`: what the worker routes by already. */
  constructor(options: LinkOptions, start: Snapshot | null) {
    this.options = options;
    this.gone = options.gone;
    this.favourite = new Favourite(options.controllers);
    this.heard = start ? versionOf(start) : { generation: 0, revision: 0 };
    this.acknowledged = this.heard;
  }

  start(): void {
    this.loops = [this.follow(), this.reportRegularly()];
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.allSettled(this.loops);
    // Who does not say goodbye is waited for before anything is stopped.
    for (let tried = 0; tried < BYE_TRIES; tried += 1) {
      try {
        await this.send({ waitMs: 0, bye: true });
        return;
      } catch {
        await sleep(BYE_AGAIN_MS);
      }
    }
  }

  private async follow(): Promise<void> {
    for (let failures = 0; !this.stopping.signal.aborted; ) {
      try {
        await this.hear(await this.send({ waitMs: WAIT_MS, signal: this.stopping.signal }));
        failures = 0;
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        failures += 1;
        if (failures === this.options.controllers.length + 1)
          this.options.log.warn({ err: error }, 'no controller answers; routing on by the last snapshot');
        await sleep(Math.min(2_000, 50 * 2 ** failures) * (0.5 + Math.random() / 2));
      }
    }
  }

  private async reportRegularly(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await sleep(this.draining ? DRAIN_REPORT_MS : REPORT_EVERY_MS, undefined, {
        signal: this.stopping.signal,
      }).catch(() => {});
      await this.report();
    }
  }

  /** A quick round: what was acknowledged and counted, without waiting for anything new. */
  private async report(): Promise<void> {
    this.reporting ??= this.send({ waitMs: 0 })
      .then((answer) => this.hear(answer))
      .catch(() => {})
      .finally(() => {
        this.reporting = undefined;
      });
    await this.reporting;
  }

  /** A lower version is refused: a late answer of a slower controller must not turn traffic back. */
  private async hear({ snapshot }: SyncAnswer): Promise<void> {
    if (snapshot && compareVersion(snapshot, this.heard) > 0) {
      this.heard = versionOf(snapshot);
      this.kept = this.take(snapshot, this.kept);
    }
    // Whoever asked again before the acknowledgement would be told the same again.
    await this.kept;
  }

  /** Applied without waiting for a former one that is still being applied. */
  private async take(snapshot: Snapshot, former: Promise<void>): Promise<void> {
    const [applied] = await Promise.allSettled([this.options.apply(snapshot), former]);
    if (applied.status === 'rejected') {
      // To be told it again.
      if (compareVersion(snapshot, this.heard) === 0) this.heard = this.acknowledged;
      throw applied.reason;
    }
    if (!applied.value) return;
    await this.options.keep(snapshot);
    this.acknowledged = versionOf(snapshot);
    void this.report();
  }

  private async send(how: {
    readonly waitMs: number;
    readonly bye?: boolean;
    readonly signal?: AbortSignal;
  }): Promise<SyncAnswer> {
    const { environment, routerId, workerId, counter } = this.options;
    const inFlight = this.options.inFlight();
    this.draining = Object.keys(inFlight).length > 0;
    const batch = counter.closed();
    const body: Sync = {
      protocol: PROTOCOL,
      routerId,
      workerId,
      environment,
      acknowledged: this.acknowledged,
      inFlight,
      intervals: batch,
      waitMs: how.waitMs,
      bye: how.bye ?? false,
      gone: [...this.gone],
    };
    const answer = await this.post(body, how);
    counter.forget(batch);
    this.gone = [];
    return answer;
  }

  private async post(
    body: Sync,
    how: { readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<SyncAnswer> {
    const { token } = this.options;
    const controller = this.favourite.current;
    const limit = AbortSignal.timeout(how.waitMs + 5_000);
    try {
      const answer = await fetch(new URL('/router/v1/sync', controller), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: how.signal ? AbortSignal.any([limit, how.signal]) : limit,
      });
      if (!answer.ok) throw await errorOf(answer);
      return syncAnswer.parse(await answer.json());
    } catch (error) {
      this.favourite.failed(controller);
      throw error;
    }
  }
}
