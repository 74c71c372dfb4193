import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { Placer, unpackFolder } from '@holdfast/contract/archive/unpack-folder.ts';
import { type JobFolder, PORTABLE_PARTS } from '../job/job-folder.ts';
import { type JobState, moveRoot } from '../job/job-state.ts';
import type { ControllerClient } from '../link/controller-client.ts';
import { giveTree } from '../shim/give-tree.ts';
import type { StepUser } from '../shim/shim.ts';
import { type ChunkClient, ChunkStore } from './chunk-store.ts';
import { ChunkKey } from './chunks.ts';
import { compareScans, type Delta, type Scan, scanTree } from './scan.ts';

/**
 * A checkpoint closes a step: a manifest that names its layers in order. A layer is a tar of what
 * changed since the one before, as sealed chunks; the manifest carries the deletions and the job's
 * state. Restoring is unpacking the layers in order.
 */
export type CheckpointClient = ChunkClient & Pick<ControllerClient, 'keepCheckpoint'>;

export interface CheckpointParts {
  readonly folder: JobFolder;
  readonly client: CheckpointClient;
  /** Of the job's repository: without it nobody can read or make its checkpoints. */
  readonly key: Buffer;
  readonly user: StepUser | null;
}

interface Layer {
  readonly chunks: readonly string[];
  readonly deleted: readonly string[];
}

interface Manifest {
  readonly version: 2;
  readonly state: JobState;
  readonly layers: readonly Layer[];
}

/** More layers than this are folded into one. */
const LAYERS_MOST = 20;
/** A guess until the first checkpoint was measured. */
const BYTES_A_MS = 50_000;
/** What is cheaper than this is never skipped. */
const ALWAYS_WORTH_MS = 1_000;

export class Checkpoints {
  private readonly parts: CheckpointParts;
  private readonly store: ChunkStore;
  private scan: Scan = new Map();
  private layers: readonly Layer[] = [];
  private bytesAMs = BYTES_A_MS;

  constructor(parts: CheckpointParts) {
    this.parts = parts;
    this.store = new ChunkStore(parts.client, new ChunkKey(parts.key));
  }

  /**
   * Saves what changed; returns the manifest's digest, or null when saving would cost more than what
   * is at risk: running again everything since the last checkpoint.
   */
  async save(state: JobState, atRiskMs = Number.POSITIVE_INFINITY): Promise<string | null> {
    const fold = this.layers.length >= LAYERS_MOST;
    const now = scanTree(this.parts.folder.root, PORTABLE_PARTS);
    const delta = compareScans(fold ? new Map() : this.scan, now);
    const costMs = delta.bytes / this.bytesAMs;
    if (costMs > ALWAYS_WORTH_MS && costMs > atRiskMs) return null;
    const layers = fold ? [] : this.layers;
    const next =
      delta.changed.size > 0 || delta.deleted.length > 0 ? [...layers, await this.layer(delta)] : layers;
    const manifest: Manifest = { version: 2, state, layers: next };
    const [digest = '', ...more] = await this.store.write(
      Readable.from([Buffer.from(JSON.stringify(manifest))]),
    );
    // A manifest of more than one chunk names itself by its first, and the rest after it.
    const name = [digest, ...more].join('+');
    await this.parts.client.keepCheckpoint(name, [digest, ...more, ...next.flatMap((layer) => layer.chunks)]);
    this.layers = next;
    this.scan = now;
    return name;
  }

  /** Brings the folder to the checkpoint's content and returns the state that goes with it. */
  async restore(name: string): Promise<JobState> {
    const { folder, user } = this.parts;
    const manifest = (await new Response(
      Readable.toWeb(this.store.read(name.split('+'))) as never,
    ).json()) as Manifest;
    // Nobody else looks in before everything belongs to whom it should.
    await chmod(folder.root, 0o700);
    for (const part of PORTABLE_PARTS) await rm(join(folder.root, part), { recursive: true, force: true });
    for (const layer of manifest.layers) {
      const place = new Placer(folder.root);
      for (const path of layer.deleted) await rm(place.of(path), { recursive: true, force: true });
      if (layer.chunks.length > 0) await unpackFolder(this.store.read(layer.chunks), folder.root);
    }
    for (const part of PORTABLE_PARTS) await giveTree(join(folder.root, part), user);
    await chmod(folder.root, 0o711);
    this.layers = manifest.layers;
    this.scan = scanTree(folder.root, PORTABLE_PARTS);
    return moveRoot(manifest.state, folder.root);
  }

  /** After a restart of the agent the folder is as it was; the next layer then holds everything once. */
  forget(): void {
    this.scan = new Map();
    this.layers = [];
  }

  private async layer({ changed, deleted, bytes }: Delta): Promise<Layer> {
    const startedAt = performance.now();
    const tar = packFolder(this.parts.folder.root, { form: 'faithful', only: changed });
    const chunks = changed.size > 0 ? await this.store.write(tar) : [];
    if (bytes > 1024 * 1024) this.bytesAMs = bytes / (performance.now() - startedAt);
    return { chunks, deleted };
  }
}
