import { errorOf } from '@holdfast/contract/api/client.ts';
import { newId } from '@holdfast/contract/id.ts';
import { type GroupCounts, type SyncAnswer, syncAnswer } from '@holdfast/contract/router/protocol.ts';
import { PROTOCOL } from '@holdfast/contract/versions.ts';

/**
 * A router worker that says what it is told to say: it follows snapshots as a real one does, and
 * reports counts that were made up, so that the moment of the deciding sample is known exactly.
 */
type Snapshot = NonNullable<SyncAnswer['snapshot']>;

const LIMIT_MS = 60_000;

export class ToldRouter {
  snapshot: Snapshot | null = null;
  private readonly controller: string;
  private readonly token: string;
  private readonly ids = { routerId: newId(), workerId: newId() };
  private readonly stopping = new AbortController();
  private readonly following: Promise<void>;
  private listeners: (() => void)[] = [];

  constructor(controller: string, token: string) {
    this.controller = controller;
    this.token = token;
    this.following = this.follow();
  }

  /** The share of a group now, and the release behind it. */
  group(name: string): { readonly share: number; readonly release: string } | null {
    return this.snapshot?.groups.find((group) => group.name === name) ?? null;
  }

  /** Resolves with performance.now() as soon as a snapshot satisfies this. */
  async until(holds: () => boolean): Promise<number> {
    const limit = AbortSignal.timeout(LIMIT_MS);
    while (!holds()) {
      limit.throwIfAborted();
      await new Promise<void>((done) => {
        this.listeners.push(done);
        limit.addEventListener('abort', () => done(), { once: true });
      });
    }
    return performance.now();
  }

  report(groups: readonly GroupCounts[], second: number): Promise<void> {
    return this.sync(0, [{ second, groups: [...groups] }]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
  }

  private async follow(): Promise<void> {
    while (!this.stopping.signal.aborted) await this.sync(10_000, []).catch(() => {});
  }

  private async sync(waitMs: number, intervals: readonly object[]): Promise<void> {
    const { generation = 0, revision = 0 } = this.snapshot ?? {};
    const answer = await fetch(new URL('/router/v1/sync', this.controller), {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        protocol: PROTOCOL,
        ...this.ids,
        environment: 'app/production',
        acknowledged: { generation, revision },
        inFlight: {},
        intervals,
        waitMs,
      }),
      signal: this.stopping.signal,
    });
    if (!answer.ok) throw await errorOf(answer);
    this.take(syncAnswer.parse(await answer.json()).snapshot);
  }

  private take(snapshot: Snapshot | null): void {
    if (!snapshot || snapshot.revision <= (this.snapshot?.revision ?? 0)) return;
    this.snapshot = snapshot;
    // The acknowledgement goes out with the next round, at once.
    void this.sync(0, []).catch(() => {});
    for (const told of this.listeners.splice(0)) told();
  }
}
