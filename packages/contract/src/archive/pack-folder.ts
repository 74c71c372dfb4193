import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { HoldfastError } from '../errors.ts';

/**
 * A folder as a tar stream. `canonical`: sorted by bytes, no owner, no times, modes reduced to
 * 0644/0755, so that the same bytes in give the same digest out, on any machine. `faithful` keeps
 * modes and times, for checkpoints. Sockets and devices are left out. Whoever packs may be root, and whoever
 * owns the folder may change it meanwhile: a file that lies elsewhere once it is open fails the whole.
 */
export interface PackOptions {
  readonly form: 'canonical' | 'faithful';
  /** Paths relative to the folder; given ones only (files, links and folders), else everything. */
  readonly only?: ReadonlySet<string>;
  /** Folders (relative) that are not entered. */
  readonly skip?: ReadonlySet<string>;
}

const SMALL_BYTES = 1024 * 1024;

export function packFolder(folder: string, options: PackOptions): Readable {
  const archive = pack();
  void addAll(archive, folder, options).then(
    () => void archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  return archive as unknown as Readable;
}

async function addAll(archive: Pack, folder: string, options: PackOptions): Promise<void> {
  // Given paths are not looked for: walking fifty thousand files for one that changed would cost more than it.
  const root = realpathSync(folder);
  const paths = options.only ? [...options.only].sort() : walk(root, '', options);
  for await (const path of paths) await addEntry(archive, root, { path, options });
}

async function* walk(folder: string, below: string, options: PackOptions): AsyncGenerator<string> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (options.skip?.has(path)) continue;
    yield path;
    if (entry.isDirectory()) yield* walk(folder, path, options);
  }
}

async function addEntry(
  archive: Pack,
  folder: string,
  { path, options }: { readonly path: string; readonly options: PackOptions },
): Promise<void> {
  const full = join(folder, path);
  const stats = lstatSync(full);
  const canonical = options.form === 'canonical';
  const executable = (stats.mode & 0o111) !== 0 || stats.isDirectory();
  const header = {
    name: stats.isDirectory() ? `${path}/` : path,
    mode: canonical ? (executable ? 0o755 : 0o644) : stats.mode & 0o7777,
    mtime: canonical ? new Date(0) : stats.mtime,
    // The plain header has whole seconds, and make(1) compares what was built within one.
    ...(!canonical && { pax: { mtime: (stats.mtimeMs / 1_000).toFixed(6) } }),
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
  };
  if (stats.isDirectory()) return write(archive, { ...header, type: 'directory' });
  if (stats.isSymbolicLink())
    return write(archive, { ...header, mode: 0o777, type: 'symlink', linkname: await readlink(full) });
  if (!stats.isFile()) return;
  const handle = openPlain(full);
  // As large as it is now, whatever it was a moment ago.
  const { size } = fstatSync(handle);
  if (size <= SMALL_BYTES) return writeSmall(archive, header, handle);
  const entry = archive.entry({ ...header, type: 'file', size });
  await pipeline(createReadStream('', { fd: handle, start: 0, end: size - 1 }), entry);
}

function openPlain(path: string): number {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const there = process.platform !== 'linux' || readlinkSync(`/proc/self/fd/${handle}`) === path;
  if (there && fstatSync(handle).isFile()) return handle;
  closeSync(handle);
  throw new HoldfastError('artifactTampered', `${path} became something else while it was packed`);
}

/** Read at once, without a wait for each of its parts. */
function writeSmall(archive: Pack, header: Parameters<Pack['entry']>[0], handle: number): Promise<void> {
  try {
    const bytes = readFileSync(handle);
    return new Promise((done, fail) => {
      archive.entry({ ...header, type: 'file', size: bytes.length }, bytes, (error) =>
        error ? fail(error) : done(),
      );
    });
  } finally {
    closeSync(handle);
  }
}

function write(archive: Pack, header: Parameters<Pack['entry']>[0]): Promise<void> {
  return new Promise((done, fail) => {
    archive.entry(header, (error) => (error ? fail(error) : done()));
  });
}
