import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MysqlPlace } from '@holdfast/migration/mysql/mysql-session.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { selfSigned } from '@holdfast/testkit/self-signed.ts';
import mysql from 'mysql2/promise';

/** A MySQL to be used in MariaDB's place: the path of its `mysqld`. */
const MYSQLD = process.env.HOLDFAST_TEST_MYSQLD;

/** The numbers from 1 to a million at most, as `seq`: MySQL has no storage engine for that. */
export function numbersTo(most: number): string {
  const digit = `(SELECT 0 AS d${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((d) => ` UNION ALL SELECT ${d}`).join('')})`;
  const places = [1, 10, 100, 1_000, 10_000, 100_000].filter((place) => place <= most);
  const sum = places.map((place) => `${place} * t${place}.d`).join(' + ');
  const tables = places.map((place) => `${digit} AS t${place}`).join(', ');
  return `(SELECT * FROM (SELECT 1 + ${sum} AS seq FROM ${tables}) AS counted WHERE seq <= ${most}) AS numbers`;
}

/** A real MariaDB, or MySQL, on a free port, in a directory that is gone afterwards. */
export class MariaDb {
  readonly port: number;
  /** Whoever signed the server's certificate, which is for this machine. */
  readonly authority: string;
  private readonly root: string;
  private readonly words: readonly string[];
  private child: ChildProcess | undefined;

  private constructor(root: string, port: number) {
    this.root = root;
    this.port = port;
    const at = (name: string) => join(root, name);
    this.authority = at('localhost.crt');
    this.words = [
      '--no-defaults',
      `--datadir=${at('data')}`,
      `--tmpdir=${at('tmp')}`,
      `--socket=${at('s')}`,
      `--pid-file=${at('pid')}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--log-bin=${at('data/binlog')}`,
      '--binlog-format=ROW',
      '--server-id=1',
      '--log-bin-trust-function-creators=1',
      `--log-error=${at('errors')}`,
      `--ssl-cert=${at('localhost.crt')}`,
      `--ssl-key=${at('localhost.key')}`,
    ];
  }

  static async start(): Promise<MariaDb> {
    for (const program of [MYSQLD ?? 'mariadbd', 'pt-online-schema-change'])
      if (spawnSync(program, ['--version']).status !== 0)
        throw new Error(`${program} is missing; install it with: sh tools/setup-optional.sh`);
    const root = mkdtempSync(join(tmpdir(), 'holdfast-mariadb-'));
    const owner = pickOwner(process.getuid?.() === 0);
    chmodSync(root, 0o755);
    for (const name of ['data', 'tmp', '']) {
      const path = join(root, name);
      mkdirSync(path, { recursive: true });
      if (owner.uid !== undefined) chownSync(path, owner.uid, owner.gid ?? owner.uid);
    }
    selfSigned(root);
    if (owner.uid !== undefined) chownSync(join(root, 'localhost.key'), owner.uid, owner.gid ?? owner.uid);
    const server = new MariaDb(root, await freePorts(1));
    const places = ['--no-defaults', `--datadir=${join(root, 'data')}`, `--tmpdir=${join(root, 'tmp')}`];
    const [installer, ...words] = MYSQLD
      ? [MYSQLD, ...places, '--initialize-insecure']
      : ['mariadb-install-db', ...places, '--auth-root-authentication-method=normal', '--skip-test-db'];
    execFileSync(installer, words, { stdio: 'pipe', ...owner });
    await server.run(owner);
    return server;
  }

  private async run(owner: ReturnType<typeof pickOwner>): Promise<void> {
    // Far from UTC, as servers are: some of what they tell is in their own time.
    const env = { ...process.env, TZ: 'EST5' };
    this.child = spawn(MYSQLD ?? 'mariadbd', this.words, { stdio: 'ignore', env, ...owner });
    for (let tried = 0; tried < 400; tried += 1) {
      const connection = await this.connect('mysql').catch(() => null);
      await connection?.end();
      if (connection) return;
      await sleep(50);
    }
    throw new Error(`MariaDB did not start; see ${join(this.root, 'errors')}`);
  }

  connect(database: string): Promise<mysql.Connection> {
    return mysql.createConnection({ host: '127.0.0.1', port: this.port, user: 'root', database });
  }

  /** A database and an account with what Holdfast and the tool need of it, and nothing else. */
  async database(name: string): Promise<MysqlPlace> {
    const root = await this.connect('mysql');
    const password = 's3cret,p#w"\\x';
    await root.query(`CREATE DATABASE ${name}`);
    await root.query(`CREATE USER ${name}@'%' IDENTIFIED BY ?`, [password]);
    await root.query(
      `GRANT ALTER, CREATE, DELETE, DROP, INDEX, INSERT, LOCK TABLES, SELECT, TRIGGER, UPDATE ON ${name}.* TO ${name}@'%'`,
    );
    await root.query(`GRANT PROCESS ON *.* TO ${name}@'%'`);
    await root.end();
    return { host: '127.0.0.1', port: this.port, user: name, password, database: name, tls: null };
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}
