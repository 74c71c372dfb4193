import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compressed } from '@holdfast/contract/archive/compression.ts';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import type { BlobStore, StoredBlob } from '../blob/blob-store.ts';
import { checkRef, checkUrl, git } from './git.ts';
import { Remembered } from './remembered.ts';

/**
 * Bare mirrors of watched repositories on this controller's disk: a cache, filled again from the
 * host when it is gone. What a run needs leaves it for the blob store at once.
 */
export interface Repository {
  readonly id: string;
  readonly url: string;
}

export interface Commit {
  readonly sha: string;
  readonly author: string;
  readonly subject: string;
}

const DRAFT = 'source-';
const ACTIONS_MOST = 1_000;
const READS_AT_ONCE = 8;
/** A list of refs is a page of text: a host that takes longer has hung, and is asked again. */
const LIST_MS = 20_000;
/** Many runs of one commit come in a burst; what a commit holds does not change. */
const READS = { most: 500, forMs: 60_000 };
const CAPTURES = { most: 50, forMs: 60_000 };

export class GitMirrors {
  private readonly root: string;
  private readonly queues = new Map<string, Promise<unknown>>();
  private readonly fetchedAt = new Map<string, number>();
  private readonly reads = new Remembered<string>(READS);
  private readonly captures = new Remembered<StoredBlob>(CAPTURES);

  constructor(root: string) {
    this.root = root;
    // Left by a life that ended in the middle; this folder is one controller's alone.
    for (const name of existsSync(root) ? readdirSync(root) : [])
      if (name.startsWith(DRAFT)) rmSync(join(root, name), { recursive: true, force: true });
  }

  /** Ref → commit at the host, branches and tags. */
  async refs(repository: Repository): Promise<Record<string, string>> {
    checkUrl(repository.url);
    const listed = await git(null, ['ls-remote', '--heads', '--tags', '--', repository.url], LIST_MS);
    const refs: Record<string, string> = {};
    for (const line of listed.split('\n')) {
      const [commit, ref] = line.split('\t');
      if (!commit || !ref) continue;
      // An annotated tag is listed twice; the peeled line names its commit.
      refs[ref.replace(/\^\{\}$/, '')] = commit;
    }
    return refs;
  }

  /** The mirror with this commit in it: fetched only when it is not there yet, because a commit does not change. */
  async holding(repository: Repository, commit: string): Promise<string> {
    const folder = this.folderOf(repository);
    const there = await git(folder, ['cat-file', '-e', `${commit}^{commit}`]).then(
      () => true,
      () => false,
    );
    return there ? folder : this.fetch(repository);
  }

  /**
   * Brings the mirror up to date and returns its folder. One fetch a repository at a time; one that
   * began after `since` (performance.now) is fresh enough for whoever asks.
   */
  fetch(repository: Repository, since = performance.now()): Promise<string> {
    if ((this.fetchedAt.get(repository.id) ?? Number.NEGATIVE_INFINITY) >= since)
      return Promise.resolve(this.folderOf(repository));
    const before = this.queues.get(repository.id) ?? Promise.resolve();
    const next = before.catch(() => {}).then(() => this.fetchNow(repository));
    this.queues.set(repository.id, next);
    return next;
  }

  private folderOf(repository: Repository): string {
    return join(this.root, `${repository.id}.git`);
  }

  private async fetchNow(repository: Repository): Promise<string> {
    checkUrl(repository.url);
    const startedAt = performance.now();
    const folder = this.folderOf(repository);
    if (!existsSync(join(folder, 'HEAD'))) {
      await mkdir(this.root, { recursive: true, mode: 0o700 });
      await git(null, ['init', '--quiet', '--bare', '--', folder]);
      await git(folder, ['config', 'uploadpack.allowAnySHA1InWant', 'true']);
    }
    await git(folder, [
      'fetch',
      '--quiet',
      '--prune',
      '--force',
      '--',
      repository.url,
      '+refs/heads/*:refs/heads/*',
      '+refs/tags/*:refs/tags/*',
    ]);
    this.fetchedAt.set(repository.id, startedAt);
    return folder;
  }

  async resolve(mirror: string, ref: string): Promise<{ readonly ref: string; readonly commit: string }> {
    const name = checkRef(ref);
    for (const full of [name.startsWith('refs/') ? name : null, `refs/heads/${name}`, `refs/tags/${name}`]) {
      const commit = full
        ? await git(mirror, [
            'rev-parse',
            '--verify',
            '--quiet',
            '--end-of-options',
            `${full}^{commit}`,
          ]).catch(() => '')
        : '';
      if (full && commit) return { ref: full, commit: commit.trim() };
    }
    if (/^[0-9a-f]{40}$/.test(name)) return { ref: name, commit: name };
    throw new HoldfastError('gitFailed', `the repository has no branch, tag or commit ${name}`);
  }

  async defaultBranch(repository: Repository): Promise<string> {
    const listed = await git(null, ['ls-remote', '--symref', '--', repository.url, 'HEAD']);
    return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(listed)?.[1] ?? 'main';
  }

  async readFile(mirror: string, commit: string, path: string): Promise<string | null> {
    return this.read(mirror, ['cat-file', 'blob', `${commit}:${path}`]).catch(() => null);
  }

  listFolder(mirror: string, commit: string, folder: string): Promise<readonly string[]> {
    return this.list(mirror, [commit, '--', `${folder}/`]).catch(() => []);
  }

  /** Every file below a folder, in order. */
  listBelow(mirror: string, commit: string, folder: string): Promise<readonly string[]> {
    return this.list(mirror, ['-r', commit, '--', `${folder}/`]).catch(() => []);
  }

  private async list(mirror: string, words: readonly string[]): Promise<readonly string[]> {
    const listed = await this.read(mirror, ['ls-tree', '--name-only', '-z', ...words]);
    return listed.split('\0').filter((name) => name !== '');
  }

  /** Every action.yml of the commit at once, because the parser asks for them synchronously. */
  async readActions(mirror: string, commit: string): Promise<ReadonlyMap<string, string>> {
    const paths = (await this.list(mirror, ['-r', commit])).filter((path) =>
      /(^|\/)action\.ya?ml$/.test(path),
    );
    if (paths.length > ACTIONS_MOST)
      throw new HoldfastError('limitExceeded', `the commit holds more than ${ACTIONS_MOST} action.yml files`);
    const texts = new Map<string, string>();
    // Each is a process of its own.
    for (let at = 0; at < paths.length; at += READS_AT_ONCE)
      await Promise.all(
        paths.slice(at, at + READS_AT_ONCE).map(async (path) => {
          texts.set(path, (await this.readFile(mirror, commit, path)) ?? '');
        }),
      );
    return texts;
  }

  async log(mirror: string, from: string | null, to: string, limit: number): Promise<readonly Commit[]> {
    const range = from ? `${from}..${to}` : to;
    const text = await this.read(mirror, [
      'log',
      `--max-count=${limit}`,
      '--format=%H%x1f%an%x1f%s',
      range,
      '--',
    ]).catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [sha = '', author = '', subject = ''] = line.split('\x1f');
        return { sha, author, subject };
      });
  }

  /** Of a commit by its full name, so the answer is always the same. */
  private read(mirror: string, words: readonly string[]): Promise<string> {
    return this.reads.get([mirror, ...words].join('\0'), () => git(mirror, words));
  }

  /** The commit with `depth` of its history (0: all), as a packed `.git` that a checkout unpacks. */
  async capture(
    mirror: string,
    what: { readonly commit: string; readonly depth: number },
    blobs: BlobStore,
  ): Promise<StoredBlob> {
    const find = () => this.captureNow(mirror, what, blobs);
    const known = await this.captures.get(`${mirror} ${what.commit} ${what.depth}`, find);
    // Asked each time: the store may be away, or have lost it.
    return (await blobs.has(known.digest)) ? known : find();
  }

  private async captureNow(
    mirror: string,
    what: { readonly commit: string; readonly depth: number },
    blobs: BlobStore,
  ): Promise<StoredBlob> {
    const draft = await mkdtemp(join(this.root, DRAFT));
    try {
      await git(null, ['init', '--quiet', '--', draft]);
      const depth = what.depth > 0 ? [`--depth=${what.depth}`] : [];
      await git(draft, ['fetch', '--quiet', '--no-tags', ...depth, '--', `file://${mirror}`, what.commit]);
      await git(draft, ['update-ref', '--no-deref', 'HEAD', what.commit]);
      await rm(join(draft, '.git', 'FETCH_HEAD'), { force: true });
      return await blobs.put(
        compressed(packFolder(join(draft, '.git'), { form: 'canonical' })),
        LIMITS.artifactBytes,
      );
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
}
