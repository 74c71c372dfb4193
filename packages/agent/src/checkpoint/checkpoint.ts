import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { compressed, decompressed } from '@holdfast/contract/archive/compression.ts';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { unpackFolder } from '@holdfast/contract/archive/unpack-folder.ts';
import { giveTree, type JobFolder, PORTABLE_PARTS } from '../job/job-folder.ts';
import { type JobState, moveRoot } from '../job/job-state.ts';
import type { ControllerClient } from '../link/controller-client.ts';
import type { StepUser } from '../shim/shim.ts';
import { compareScans, type Scan, scanTree } from './scan.ts';

/**
 * A checkpoint closes a step: a manifest (JSON blob) that names its layers (tar.zst blobs) in
 * order. A layer holds what changed since the one before; the manifest carries the deletions and
 * the job's state. Restoring is unpacking the layers in order.
 */
type BlobClient = Pick<ControllerClient, 'getBlob' | 'putBlob'>;

interface Layer {
  readonly blob: string;
  readonly deleted: readonly string[];
}

interface Manifest {
  readonly version: 1;
  readonly state: JobState;
  readonly layers: readonly Layer[];
}

/** More layers than this are folded into one. */
const LAYERS_MOST = 20;

export class Checkpoints {
  private readonly folder: JobFolder;
  private readonly client: BlobClient;
  private readonly user: StepUser | null;
  private scan: Scan = {};
  private layers: readonly Layer[] = [];

  constructor(folder: JobFolder, client: BlobClient, user: StepUser | null) {
    this.folder = folder;
    this.client = client;
    this.user = user;
  }

  /** Saves what the step changed; returns the manifest's digest. */
  async save(state: JobState): Promise<string> {
    const fold = this.layers.length >= LAYERS_MOST;
    const now = scanTree(this.folder.root, PORTABLE_PARTS);
    const { changed, deleted } = compareScans(fold ? {} : this.scan, now);
    if (changed.size > 0 || deleted.length > 0) {
      const blob = await this.client.putBlob(() =>
        compressed(
          packFolder(this.folder.root, { form: 'faithful', only: changed, skip: new Set(['steps']) }),
        ),
      );
      this.layers = [...(fold ? [] : this.layers), { blob, deleted }];
    }
    this.scan = now;
    const manifest: Manifest = { version: 1, state, layers: this.layers };
    return this.client.putBlob(() => Readable.from([Buffer.from(JSON.stringify(manifest))]));
  }

  /** Brings the folder to the checkpoint's content and returns the state that goes with it. */
  async restore(digest: string): Promise<JobState> {
    const manifest = (await new Response(await this.client.getBlob(digest)).json()) as Manifest;
    for (const part of PORTABLE_PARTS)
      await rm(join(this.folder.root, part), { recursive: true, force: true });
    for (const layer of manifest.layers) {
      for (const path of layer.deleted)
        await rm(join(this.folder.root, path), { recursive: true, force: true });
      const bytes = decompressed(await this.client.getBlob(layer.blob));
      await unpackFolder(bytes, this.folder.root);
    }
    for (const part of PORTABLE_PARTS) await giveTree(join(this.folder.root, part), this.user);
    this.layers = manifest.layers;
    this.scan = scanTree(this.folder.root, PORTABLE_PARTS);
    return moveRoot(manifest.state, this.folder.root);
  }

  /** After a restart of the agent the folder is as it was; the next layer then holds everything once. */
  forget(): void {
    this.scan = {};
    this.layers = [];
  }
}
