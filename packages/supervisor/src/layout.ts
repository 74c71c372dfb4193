import { join } from 'node:path';

/** What lies where in a data directory of `holdfast up`. */
export interface Layout {
  readonly root: string;
  readonly lock: string;
  readonly processes: string;
  readonly masterKey: string;
  readonly adminToken: string;
  readonly postgres: string;
  readonly blobs: string;
  readonly logs: string;
  readonly cache: string;
  tokenFile(name: string): string;
  agent(name: string): string;
  router(environment: string): string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    lock: join(root, 'lock'),
    processes: join(root, 'processes.json'),
    masterKey: join(root, 'master.key'),
    adminToken: join(root, 'admin.token'),
    postgres: join(root, 'postgres'),
    blobs: join(root, 'blobs'),
    logs: join(root, 'logs'),
    cache: join(root, 'cache'),
    tokenFile: (name) => join(root, `${name}.token`),
    agent: (name) => join(root, name),
    router: (environment) => join(root, 'routers', environment.replace('/', '-')),
  };
}
