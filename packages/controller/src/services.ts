import type { Expressions } from '@holdfast/core/pipeline/ports.ts';
import type { Database } from '@holdfast/postgres/database.ts';
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
  readonly generation: number;
  readonly blobs: BlobStore;
  readonly vault: Vault;
  readonly hints: Hints;
  readonly mirrors: GitMirrors;
  readonly expressions: Expressions;
  readonly log: Logger;
}
