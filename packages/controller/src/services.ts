import type { Expressions } from '@holdfast/core/pipeline/ports.ts';
import type { Copies } from '@holdfast/migration/mysql/run-copy.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import type { PostgresPipeline } from '@holdfast/postgres/pipeline-store.ts';
import type { Logger } from 'pino';
import type { BlobStore } from './blob/blob-store.ts';
import type { ControllerConfig } from './config.ts';
import type { GitMirrors } from './git/mirrors.ts';
import type { Hints } from './loop/hints.ts';
import type { Vault } from './vault/vault.ts';

/** What every part of a controller may use; made once in main. */
export interface Services {
  readonly config: ControllerConfig;
  readonly database: Database;
  /** Connections for agents' news alone. */
  readonly newsLane: Database;
  /** The pipeline's port on the same database. */
  readonly pipeline: PostgresPipeline;
  /** As the database had it when this replica last connected. */
  readonly generation: number;
  readonly newId: () => string;
  readonly blobs: BlobStore;
  readonly vault: Vault;
  readonly hints: Hints;
  readonly mirrors: GitMirrors;
  readonly expressions: Expressions;
  /** Copies of users' tables that this replica runs. */
  readonly copies: Copies;
  /** Why no lease is given now, in a sentence: the database's disk is nearly full. */
  readonly leasesStopped: () => Promise<string | null>;
  readonly log: Logger;
}
