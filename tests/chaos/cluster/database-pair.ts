import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { serverBinaries } from '@holdfast/postgres/embedded/binaries.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { until } from '../until.ts';
import type { DatabaseEnds } from './network.ts';
import { POSTGRES_USER, PostgresNode } from './postgres-node.ts';
import type { Processes } from './processes.ts';
import { bridgeAddress, type Scene } from './scene.ts';

/** A primary whose commits wait for its standby. After a failover the two have changed places. */
const STREAMING_LIMIT_MS = 30_000;

export class DatabasePair {
  primary: PostgresNode;
  standby: PostgresNode;

  private constructor(primary: PostgresNode, standby: PostgresNode) {
    this.primary = primary;
    this.standby = standby;
  }

  static async start(scene: Scene, processes: Processes): Promise<DatabasePair> {
    const owner = pickOwner(true);
    const binaries = serverBinaries(join(scene.root, 'cache'), owner);
    // The name shows in the title of every process of the server and must be this suite's own.
    const password = randomBytes(12).toString('hex');
    const node = (letter: string, port: number) => {
      const name = `${scene.bridge}-postgres-${letter}`;
      const root = join(scene.root, name);
      return new PostgresNode(
        {
          name,
          root,
          binaries,
          owner,
          host: bridgeAddress(scene),
          port,
          clients: `${scene.network}.0/24`,
          password,
        },
        processes,
      );
    };
    const pair = new DatabasePair(node('a', 5432), node('b', 5433));
    pair.primary.initialise();
    await pair.primary.start();
    await pair.primary.query('CREATE DATABASE holdfast');
    await pair.follow();
    return pair;
  }

  /** The standby is made anew from the primary, which waits for it from then on. */
  async follow(): Promise<void> {
    await this.standby.copyFrom(this.primary);
    await this.standby.start();
    await this.primary.requireStandby(this.standby.place.name);
    await this.waitUntilStreaming();
  }

  async waitUntilStreaming(): Promise<void> {
    await until('the standby to follow synchronously', () => this.isStreaming(), {
      limitMs: STREAMING_LIMIT_MS,
    });
  }

  async isStreaming(): Promise<boolean> {
    const found = await this.primary.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
    return found.rowCount === 1;
  }

  /** The standby becomes the primary and waits for nobody until it has a standby of its own. */
  async failOver(): Promise<void> {
    [this.primary, this.standby] = [this.standby, this.primary];
    await this.primary.promote();
  }

  /** Where both listen, whoever is the primary. */
  get ends(): DatabaseEnds {
    return { host: this.primary.place.host, ports: [this.primary.place.port, this.standby.place.port] };
  }

  /** For one host libpq's and pg's form agree; for both the controllers choose who can be written to. */
  url(hosts: 'primary' | 'both'): string {
    const { password } = this.primary.place;
    const addresses =
      hosts === 'primary' ? this.primary.address : `${this.primary.address},${this.standby.address}`;
    const attributes = hosts === 'primary' ? '' : '?target_session_attrs=read-write';
    return `postgresql://${POSTGRES_USER}:${password}@${addresses}/holdfast${attributes}`;
  }
}
