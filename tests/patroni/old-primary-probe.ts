import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { PatroniCluster } from './cluster/patroni-cluster.ts';
import type { PatroniNode } from './cluster/patroni-node.ts';

/**
 * A client that knows only the old primary. It writes through a connection that was open before the
 * pause, and tries new ones in the seconds after. Whatever the old primary acknowledges is lost when it
 * follows the new one, so it must acknowledge nothing; and nothing it took may be there afterwards.
 */
const WRITE_FOR_MS = 6_000;
const EVERY_MS = 100;
/** Longer than the pause: the statement waits in the socket until the server wakes. */
const ANSWER_WITHIN_MS = 120_000;

export class OldPrimaryProbe {
  private readonly node: PatroniNode;
  private readonly client: pg.Client;
  private readonly began = Date.now();
  private readonly words: string[] = [];
  private readonly acked: string[] = [];
  private readonly refusals = new Map<string, number>();

  private constructor(node: PatroniNode, client: pg.Client) {
    this.node = node;
    this.client = client;
  }

  static async open(node: PatroniNode): Promise<OldPrimaryProbe> {
    return new OldPrimaryProbe(node, await node.connect('holdfast', ANSWER_WITHIN_MS));
  }

  get summary(): string {
    const refused = [...this.refusals].map(([text, count]) => `${count} × ${text}`).join(', ');
    return `${this.words.length} asked, ${this.acked.length} acknowledged (${refused})`;
  }

  /** Not waited for: the answer comes, or not, when the server wakes. */
  write(word: string, client: pg.Client = this.client): void {
    const unique = `${this.began} ${word}`;
    this.words.push(unique);
    client.query('INSERT INTO public.old_primary_probe VALUES ($1)', [unique]).then(
      () => this.acked.push(unique),
      (error: Error) => this.refuse(error),
    );
  }

  private refuse({ message }: Error): null {
    const text = message.replace(/:\d+$/, '');
    this.refusals.set(text, (this.refusals.get(text) ?? 0) + 1);
    return null;
  }

  /** New connections, as an application without any memory would make. Ends before the node is followed up as a standby. */
  async writeNow(): Promise<void> {
    const clients: pg.Client[] = [];
    for (const end = Date.now() + WRITE_FOR_MS; Date.now() < end; await sleep(EVERY_MS)) {
      const client = await this.node.connect().catch((error: Error) => this.refuse(error));
      if (!client) continue;
      clients.push(client);
      this.write(`new ${clients.length}`, client);
    }
    await sleep(EVERY_MS);
    for (const client of [this.client, ...clients]) void client.end().catch(() => {});
  }

  async findings(cluster: PatroniCluster): Promise<readonly string[]> {
    const leader = await cluster.leader();
    if (!leader) return ['there is no leader to look for the old primary’s writes'];
    const rows = await leader.query<{ word: string }>('SELECT word FROM public.old_primary_probe');
    const survived = this.words.filter((word) => rows.some((row) => row.word === word));
    // It took its lock back: its writes are the cluster's again, and its successor's are lost.
    if (leader === this.node) return [];
    return [
      ...this.acked.map((word) => `the old primary acknowledged a write after the pause: ${word}`),
      ...survived.map((word) => `a write of the old primary survived: ${word}`),
    ];
  }
}
