import { join } from 'node:path';
import { PASSWORD, POSTGRES_BINARIES } from './accounts.ts';

/**
 * The configuration of one Patroni node; JSON is YAML. The timers are the shortest that Patroni 3.0.2
 * takes with ttl 20: a lost leader is replaced after at most ttl + loop_wait, plus the promotion.
 */
/**
 * By etcd's v2 API Patroni renews its lock only where it still holds it. By v3 its version 3.0.2 puts the
 * lock back without looking (`take_leader`), so that a leader who was paused overthrows his successor and
 * commits that the successor acknowledged are lost: no fault of Holdfast's, to be seen with --etcd3.
 */
export type Dcs = 'etcd' | 'etcd3';

export interface NodePlace {
  readonly name: string;
  readonly root: string;
  readonly port: number;
  readonly restPort: number;
  readonly etcdPort: number;
  readonly scope: string;
  readonly dcs: Dcs;
}

export const TIMERS = { ttl: 20, loop_wait: 3, retry_timeout: 3 };

export function patroniConfig(place: NodePlace): string {
  const address = `127.0.0.1:${place.port}`;
  const rest = `127.0.0.1:${place.restPort}`;
  const password = PASSWORD;
  return JSON.stringify({
    scope: place.scope,
    name: place.name,
    restapi: { listen: rest, connect_address: rest },
    [place.dcs]: { host: `127.0.0.1:${place.etcdPort}` },
    bootstrap: {
      dcs: {
        ...TIMERS,
        maximum_lag_on_failover: 1_048_576,
        synchronous_mode: true,
        synchronous_mode_strict: true,
        postgresql: { use_pg_rewind: true, use_slots: true, parameters: serverSettings(place) },
      },
      initdb: ['no-sync', { encoding: 'UTF8' }, { locale: 'C' }],
    },
    postgresql: {
      listen: address,
      connect_address: address,
      data_dir: dataFolder(place),
      bin_dir: POSTGRES_BINARIES,
      pgpass: join(place.root, 'pgpass'),
      authentication: {
        superuser: { username: 'postgres', password },
        replication: { username: 'replicator', password },
        rewind: { username: 'rewinder', password },
      },
      pg_hba: [
        'local all all trust',
        'host replication replicator 127.0.0.1/32 scram-sha-256',
        'host all all 127.0.0.1/32 scram-sha-256',
      ],
      parameters: { unix_socket_directories: place.root, cluster_name: place.scope },
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
    },
    watchdog: { mode: 'off' },
  });
}

export function dataFolder(place: NodePlace): string {
  return join(place.root, 'data');
}

function serverSettings({ scope }: NodePlace) {
  return {
    cluster_name: scope,
    max_connections: 100,
    shared_buffers: '64MB',
    wal_log_hints: 'on',
    wal_keep_size: '256MB',
    wal_retrieve_retry_interval: '500ms',
    password_encryption: 'scram-sha-256',
  };
}
