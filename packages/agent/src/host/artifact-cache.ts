import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { promisify } from 'node:util';
import { unpackFolder } from '@holdfast/contract/archive/unpack-folder.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { ControllerClient } from '../link/controller-client.ts';

/**
 * Unpacked artifacts by digest. The bytes are hashed while they arrive and the folder gets its name
 * only when they are what they should be, so a named folder can be started from without a store.
 */
export class ArtifactCache {
  private readonly root: string;
  private readonly client: Pick<ControllerClient, 'getBlob'>;
  private readonly fetching = new Map<string, Promise<string>>();

  constructor(root: string, client: Pick<ControllerClient, 'getBlob'>) {
    this.root = root;
    this.client = client;
  }

  folder(digest: string): Promise<string> {
    const path = join(this.root, digest.replace('sha256:', ''));
    if (existsSync(path)) return Promise.resolve(path);
    const running =
      this.fetching.get(digest) ?? this.fetch(digest, path).finally(() => this.fetching.delete(digest));
    this.fetching.set(digest, running);
    return running;
  }

  private async fetch(digest: string, path: string): Promise<string> {
    await mkdir(this.root, { recursive: true, mode: 0o711 });
    const draft = await mkdtemp(join(this.root, 'draft-'));
    try {
      const hash = createHash('sha256');
      const meter = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      const bytes = Readable.fromWeb((await this.client.getBlob(digest)) as never);
      bytes.on('error', (error) => meter.destroy(error));
      await unpackFolder(bytes.pipe(meter), draft);
      const actual = `sha256:${hash.digest('hex')}`;
      if (actual !== digest)
        throw new HoldfastError(
          'artifactTampered',
          `the bytes of ${digest} arrived as ${actual}; nothing was started from them`,
        );
      // Instances share it: what was verified stays as it is.
      await promisify(execFile)('chmod', ['-R', 'a-w,a+rX', '--', draft]);
      await chmod(draft, 0o755);
      await rename(draft, path);
      return path;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
}
