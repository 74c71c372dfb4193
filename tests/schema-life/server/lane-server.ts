import { setTimeout as sleep } from 'node:timers/promises';
import { runningPid, type ServerPlace, startServer, stopServer } from '@holdfast/postgres/embedded/server.ts';
import pg from 'pg';
import { treeOf } from '../../patroni/cluster/process-table.ts';
import { signal } from '../scene.ts';

/** When nobody could reach it, in ms since 1970. */
export interface Outage {
  readonly from: number;
  to: number;
}

/**
 * A PostgreSQL that is killed again and again. Without fsync: a killed process loses what it holds
 * in its own memory, such as the WAL of commits that did not wait, and nothing that was written.
 */
export class LaneServer {
  readonly place: ServerPlace;
  readonly outages: Outage[] = [];
  private starting: Promise<unknown> = Promise.resolve();
  private crashed: Promise<void> = Promise.resolve();
  private base = '';
  private closed = false;

  constructor(place: ServerPlace) {
    this.place = place;
  }

  async start(): Promise<void> {
    const started = startServer(this.place);
    this.starting = started.catch(() => {});
    this.base = (await started).url;
    // Vacuum every second keeps the share of dead rows below the limit at which a backfill rests.
    for (const setting of [
      "fsync = 'off'",
      "autovacuum_naptime = '1s'",
      "autovacuum_vacuum_cost_delay = '0'",
    ])
      await this.admin(`ALTER SYSTEM SET ${setting}`);
    await this.admin('SELECT pg_reload_conf()');
  }

  url(database: string): string {
    return this.base.replace('/holdfast?', `/${database}?`);
  }

  async createDatabase(name: string): Promise<string> {
    await this.admin(`CREATE DATABASE ${name}`);
    return this.url(name);
  }

  async dropDatabase(name: string): Promise<void> {
    await this.admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  /**
   * kill -9 of the postmaster and at once of all its children (each leads a group of its own, so a
   * group's kill does not reach them); resolves when it answers again.
   */
  crash(downMs: number, killed: () => void): Promise<void> {
    this.crashed = this.crashed.then(() => this.crashNow(downMs, killed));
    return this.crashed;
  }

  /** No crash is under way. */
  settled(): Promise<void> {
    return this.crashed.catch(() => {});
  }

  private async crashNow(downMs: number, killed: () => void): Promise<void> {
    const pid = runningPid(this.place);
    if (pid === undefined || this.closed) return killed();
    const tree = treeOf(pid);
    const outage: Outage = { from: Date.now(), to: Number.POSITIVE_INFINITY };
    this.outages.push(outage);
    for (const one of tree) signal(one, 'SIGKILL');
    killed();
    await sleep(downMs);
    if (this.closed) return;
    const started = startServer(this.place);
    this.starting = started.catch(() => {});
    await started;
    outage.to = Date.now();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.starting;
    await stopServer(this.place);
  }

  private async admin(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres') });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }
}
