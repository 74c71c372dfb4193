import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Processes } from '../../chaos/cluster/processes.ts';
import { PASSWORD, PLAIN_ENVIRONMENT, postgresAccount } from './accounts.ts';
import { dataFolder, type NodePlace, patroniConfig } from './patroni-config.ts';
import { treeOf } from './process-table.ts';
import { ownedFolder } from './scene.ts';

/** One host of the cluster: a Patroni and its PostgreSQL, struck together. */
export class PatroniNode {
  readonly place: NodePlace;
  private readonly processes: Processes;
  private patroniPid = 0;

  constructor(place: NodePlace, processes: Processes) {
    this.place = place;
    this.processes = processes;
    ownedFolder(place.root);
    writeFileSync(this.configFile, patroniConfig(place), { mode: 0o644 });
  }

  get configFile(): string {
    return join(this.place.root, 'patroni.yml');
  }

  start(): void {
    this.patroniPid = this.processes.start({
      name: this.place.name,
      command: '/usr/bin/patroni',
      args: [this.configFile],
      env: PLAIN_ENVIRONMENT,
      cwd: this.place.root,
      ...postgresAccount(),
    });
  }

  isRunning(): boolean {
    return this.processes.isRunning(this.place.name);
  }

  /** All its processes at once. The postmaster is no child of Patroni's, which must survive a restart of Patroni. */
  signal(signal: NodeJS.Signals): void {
    const tree = [...treeOf(this.patroniPid), ...this.serverProcesses()];
    if (signal === 'SIGKILL') this.processes.expectEnd(this.place.name);
    for (const pid of tree) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended in between.
      }
    }
  }

  async connect(database = 'holdfast', answerWithinMs = 5_000): Promise<pg.Client> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.place.port,
      user: 'postgres',
      password: PASSWORD,
      database,
      connectionTimeoutMillis: 1_000,
      query_timeout: answerWithinMs,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async query<Row extends pg.QueryResultRow>(text: string, database = 'holdfast'): Promise<readonly Row[]> {
    const client = await this.connect(database);
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  private serverProcesses(): readonly number[] {
    try {
      const file = join(dataFolder(this.place), 'postmaster.pid');
      return treeOf(Number.parseInt(readFileSync(file, 'utf8'), 10));
    } catch {
      return [];
    }
  }
}
