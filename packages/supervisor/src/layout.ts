import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What lies where in a data directory of `holdfast up`. */
export interface Layout {
  readonly root: string;
  /** Searchable for everybody: other accounts work below it. */
  readonly shared: string;
  readonly lock: string;
  readonly processes: string;
  /** Which routers were wanted last: they are kept running without any controller. */
  readonly routersFile: string;
  readonly masterKey: string;
  readonly adminToken: string;
  readonly postgres: string;
  readonly blobs: string;
  /** Where the blobs are, where `--blobs` said another place. */
  readonly blobsFile: string;
  readonly logs: string;
  readonly cache: string;
  /** Mirrors of repositories, and drafts of blobs, of the controller on this port. */
  work(port: number): string;
  tokenFile(name: string): string;
  agent(name: string): string;
  router(environment: string): string;
}

/** Where an unprivileged account cannot get through (root's 0700 home), its parts lie here instead. */
const ELSEWHERE = '/var/lib/holdfast';

export function layoutOf(root: string): Layout {
  const shared =
    process.getuid?.() !== 0 || isReachable(dirname(root))
      ? root
      : join(ELSEWHERE, createHash('sha256').update(root).digest('hex').slice(0, 12));
  return {
    root,
    shared,
    lock: join(root, 'lock'),
    processes: join(root, 'processes.json'),
    routersFile: join(root, 'routers.json'),
    masterKey: join(root, 'master.key'),
    adminToken: join(root, 'admin.token'),
    postgres: join(shared, 'postgres'),
    blobs: join(root, 'blobs'),
    blobsFile: join(root, 'blobs.place'),
    logs: join(root, 'logs'),
    cache: join(shared, 'cache'),
    work: (port) => join(root, `controller-${port}`),
    tokenFile: (name) => join(root, `${name}.token`),
    agent: (name) => join(shared, name),
    router: (environment) => join(root, 'routers', environment.replace('/', '-')),
  };
}

function isReachable(folder: string): boolean {
  const searchable = !existsSync(folder) || (statSync(folder).mode & 0o001) !== 0;
  return searchable && (folder === dirname(folder) || isReachable(dirname(folder)));
}
