import {
  closeSync,
  createWriteStream,
  existsSync,
  fchmodSync,
  futimesSync,
  lstatSync,
  openSync,
  writeSync,
} from 'node:fs';
import { chmod, lstat, mkdir, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { HoldfastError } from '../errors.ts';

const SMALL_BYTES = 1024 * 1024;

/**
 * Unpacks below `folder` and nowhere else: names that are absolute or climb are refused, and a file never follows
 * a link, neither one that the archive itself made (tar's classic escape) nor one that lay there before.
 */
export async function unpackFolder(archive: Readable, folder: string): Promise<void> {
  const unpacking = extract();
  const place = new Placer(folder);
  const folders: { readonly path: string; readonly header: Header }[] = [];
  const fed = pipeline(archive, unpacking);
  fed.catch(() => {});
  for await (const entry of unpacking) {
    const path = place.of(entry.header.name);
    await unpack(path, entry as unknown as Readable & { header: Header });
    if (entry.header.type !== 'directory') place.forget(path);
    else folders.push({ path, header: entry.header });
  }
  await fed;
  // Times and modes of folders last: writing into them changes the one and may need the other.
  for (const { path, header } of folders.reverse()) {
    await chmod(path, plainMode(header, 0o755));
    const time = timeOf(header);
    if (time) await utimes(path, time, time);
  }
}

function timeOf({ pax, mtime }: Header): Date | undefined {
  const seconds = Number((pax as { readonly mtime?: string } | null)?.mtime ?? Number.NaN);
  return Number.isFinite(seconds) ? new Date(seconds * 1_000) : mtime;
}

/** Where names of an archive, or of what is to be deleted, lie below a folder: never through a link. */
export class Placer {
  private readonly folder: string;
  /** Looked at, and no links. */
  private readonly folders = new Set<string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The whole path; throws where the name leads out. Every folder above it is one, or is not there yet. */
  of(name: string): string {
    const path = normalize(name).replace(/\/$/, '');
    const parts = path.split('/');
    const above = parts.slice(0, -1).map((_, index) => join(this.folder, ...parts.slice(0, index + 1)));
    if (
      isAbsolute(path) ||
      parts.includes('..') ||
      path.includes('\0') ||
      !above.every((one) => this.isFolder(one))
    )
      throw new HoldfastError(
        'artifactTampered',
        `the archive holds the path ${JSON.stringify(name)}, which leads out of its folder`,
      );
    return join(this.folder, path);
  }

  /** It may be something else by now. */
  forget(path: string): void {
    this.folders.delete(path);
  }

  private isFolder(path: string): boolean {
    if (this.folders.has(path)) return true;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) this.folders.add(path);
    return !found?.isSymbolicLink();
  }
}

async function unpack(path: string, entry: Readable & { readonly header: Header }): Promise<void> {
  const { header } = entry;
  if (header.type === 'directory') {
    await makeFolder(path);
    return void entry.resume();
  }
  if (!existsSync(dirname(path))) await mkdir(dirname(path), { recursive: true });
  if (header.type === 'symlink') {
    await rm(path, { force: true, recursive: true });
    await symlink(header.linkname ?? '', path);
    return void entry.resume();
  }
  if (lstatSync(path, { throwIfNoEntry: false })) await rm(path, { force: true, recursive: true });
  const mode = plainMode(header, 0o644);
  if ((header.size ?? 0) <= SMALL_BYTES) return placeSmall(path, entry, mode);
  await pipeline(entry, createWriteStream(path, { mode, flags: 'wx' }));
  await chmod(path, mode);
  const time = timeOf(header);
  if (time) await utimes(path, time, time);
}

/** Synchronous on purpose: five waits a file would cost more than the file (fifty thousand of them took a minute). */
async function placeSmall(
  path: string,
  entry: Readable & { readonly header: Header },
  mode: number,
): Promise<void> {
  const bytes = await bodyOf(entry);
  const handle = openSync(path, 'wx', mode);
  try {
    writeSync(handle, bytes);
    fchmodSync(handle, mode);
    const time = timeOf(entry.header);
    if (time) futimesSync(handle, time, time);
  } finally {
    closeSync(handle);
  }
}

function bodyOf(entry: Readable): Promise<Buffer> {
  return new Promise((done, fail) => {
    const pieces: Buffer[] = [];
    entry.on('data', (piece: Buffer) => pieces.push(piece));
    entry.on('end', () => done(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)));
    entry.on('error', fail);
  });
}

/** Whoever unpacks may be root: what comes out must never run as him. */
function plainMode(header: Header, otherwise: number): number {
  return (header.mode ?? otherwise) & 0o777;
}

/** What was a file or a link becomes a folder: nothing is written through an old link. */
async function makeFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found && !found.isDirectory()) await rm(path, { force: true });
  await mkdir(path, { recursive: true });
}
