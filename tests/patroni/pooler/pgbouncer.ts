import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '@holdfast/postgres/embedded/owner.ts';
import type { Processes } from '../../chaos/cluster/processes.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { PLAIN_ENVIRONMENT } from '../cluster/accounts.ts';
import { freePorts } from '../cluster/ports.ts';

/**
 * PgBouncer in transaction mode as Debian ships it (1.18), with nothing set that would help: start-up
 * parameters are refused (no ignore_startup_parameters), prepared statements are not tracked.
 */
export interface Pooled {
  /** The PostgreSQL's socket directory. */
  readonly socket: string;
  readonly owner: Owner;
  readonly database: string;
}

export async function startPooler(
  scene: Scene,
  processes: Processes,
  { socket, owner, database }: Pooled,
): Promise<string> {
  const [port = 0] = await freePorts(1);
  const file = (name: string, text: string): string => {
    const path = join(scene.root, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (owner.uid !== undefined) chownSync(path, owner.uid, owner.gid ?? owner.uid);
    return path;
  };
  const users = file('pgbouncer-users.txt', '"holdfast" "pw"\n');
  const config = file(
    'pgbouncer.ini',
    `[databases]
${database} = host=${socket} port=5432 dbname=${database} user=holdfast

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
`,
  );
  processes.start({
    name: 'pgbouncer',
    command: '/usr/sbin/pgbouncer',
    args: [config],
    env: PLAIN_ENVIRONMENT,
    ...owner,
  });
  return `postgresql://holdfast:pw@127.0.0.1:${port}/${database}`;
}
