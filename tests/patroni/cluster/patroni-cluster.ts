import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Processes } from '../../chaos/cluster/processes.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { until } from '../../chaos/until.ts';
import { PASSWORD, PLAIN_ENVIRONMENT, postgresAccount } from './accounts.ts';
import type { Dcs } from './patroni-config.ts';
import { PatroniNode } from './patroni-node.ts';
import { freePorts } from './ports.ts';
import { ownedFolder } from './scene.ts';

/** Three nodes and their etcd. One etcd is enough: what is measured is the database's failover. */
const START_LIMIT_MS = 90_000;
const WHOLE_LIMIT_MS = 150_000;

interface Member {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

export class PatroniCluster {
  readonly nodes: readonly PatroniNode[];

  private constructor(nodes: readonly PatroniNode[]) {
    this.nodes = nodes;
  }

  static async start(scene: Scene, processes: Processes, dcs: Dcs): Promise<PatroniCluster> {
    const [etcdPort = 0, peerPort = 0, ...ports] = await freePorts(8);
    startEtcd(scene, processes, { etcdPort, peerPort });
    const nodes = ['a', 'b', 'c'].map((letter, index) => {
      const name = `node-${letter}`;
      const [port = 0, restPort = 0] = ports.slice(2 * index);
      // The name shows in the title of every PostgreSQL process and must be this suite's own.
      const place = {
        name,
        root: join(scene.root, name),
        port,
        restPort,
        etcdPort,
        scope: `${scene.bridge}-pg`,
        dcs,
      };
      return new PatroniNode(place, processes);
    });
    const cluster = new PatroniCluster(nodes);
    for (const node of nodes) node.start();
    const leader = await until('Patroni to elect a leader', () => cluster.leader(), {
      limitMs: START_LIMIT_MS,
      everyMs: 200,
    });
    await cluster.waitUntilWhole();
    await prepare(leader);
    return cluster;
  }

  get url(): string {
    const hosts = this.nodes.map(({ place }) => `127.0.0.1:${place.port}`).join(',');
    return `postgresql://holdfast:${PASSWORD}@${hosts}/holdfast?target_session_attrs=read-write`;
  }

  /** By the word of any node that answers. */
  async leader(): Promise<PatroniNode | null> {
    const found = (await this.members()).find(({ role }) => role === 'leader');
    return this.nodes.find(({ place }) => place.name === found?.name) ?? null;
  }

  async standbys(): Promise<readonly PatroniNode[]> {
    const leader = await this.leader();
    return this.nodes.filter((node) => node !== leader);
  }

  /** A leader, both others streaming from it, one of them synchronously. */
  async isWhole(): Promise<boolean> {
    const members = await this.members();
    if (members.length !== 3 || !members.some(({ role }) => role === 'sync_standby')) return false;
    const leader = await this.leader();
    if (!leader || members.some(({ state }) => !['running', 'streaming'].includes(state))) return false;
    const [row] = await leader.query<{ streaming: number; sync: number; writes: boolean }>(
      `SELECT count(*) FILTER (WHERE state = 'streaming')::int AS streaming,
              count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))::int AS sync,
              NOT pg_is_in_recovery() AS writes FROM pg_stat_replication`,
      'postgres',
    );
    return row?.writes === true && row.streaming === 2 && row.sync === 1;
  }

  async waitUntilWhole(): Promise<void> {
    await until('the cluster to be whole', () => this.isWhole(), { limitMs: WHOLE_LIMIT_MS, everyMs: 250 });
  }

  /** `patronictl` leaves the choice of the synchronous standby to Patroni. */
  switchOver(leader: PatroniNode): void {
    const words = ['-c', leader.configFile, 'switchover', '--leader', leader.place.name, '--force'];
    const ran = spawnSync('patronictl', words, {
      ...postgresAccount(),
      env: PLAIN_ENVIRONMENT,
      cwd: leader.place.root,
      encoding: 'utf8',
    });
    if (ran.status !== 0) throw new Error(`patronictl switchover failed: ${ran.stderr}${ran.stdout}`);
  }

  private async members(): Promise<readonly Member[]> {
    const asked = this.nodes.map(async ({ place }) => {
      const answer = await fetch(`http://127.0.0.1:${place.restPort}/cluster`, {
        signal: AbortSignal.timeout(1_000),
      });
      return ((await answer.json()) as { members: Member[] }).members;
    });
    return Promise.any(asked).catch(() => []);
  }
}

function startEtcd(
  scene: Scene,
  processes: Processes,
  { etcdPort, peerPort }: { readonly etcdPort: number; readonly peerPort: number },
): void {
  const [client, peer] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`];
  processes.start({
    name: 'etcd',
    command: '/usr/bin/etcd',
    args: [
      ...['--name', 'one', '--data-dir', join(ownedFolder(join(scene.root, 'etcd')), 'data')],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `one=${peer}`, '--enable-v2=true'],
    ],
    env: PLAIN_ENVIRONMENT,
    ...postgresAccount(),
  });
}

/** Holdfast's role is an ordinary one that owns its database. */
async function prepare(leader: PatroniNode): Promise<void> {
  await leader.query(`CREATE ROLE holdfast LOGIN PASSWORD '${PASSWORD}'`, 'postgres');
  await leader.query('CREATE DATABASE holdfast OWNER holdfast', 'postgres');
  await leader.query('CREATE TABLE public.old_primary_probe (word text PRIMARY KEY)');
}
