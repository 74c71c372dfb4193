import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Scope } from '@holdfast/core/access/access.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import {
  type ServerPlace,
  SOCKET_PORT,
  serverUrl,
  startServer,
  stopServer,
} from '@holdfast/postgres/embedded/server.ts';
import type { Logger } from 'pino';
import { ensureAccount } from './accounts.ts';
import { type Layout, layoutOf } from './layout.ts';
import { ProcessTable } from './process-table.ts';
import { programPath } from './programs.ts';

/**
 * One machine's Holdfast: database, controllers, agents, and a router for each environment that
 * names a port. `ensure` is level-triggered: it starts what is missing and adopts what runs.
 */
export interface InstallationOptions {
  readonly data: string;
  readonly port: number;
  readonly controllers: number;
  readonly agents: readonly AgentOptions[];
  readonly databaseUrlFile: string | null;
  /** A directory, or s3://BUCKET/PREFIX. */
  readonly blobs: string;
}

export interface AgentOptions {
  readonly name: string;
  readonly host: boolean;
  readonly slots: number;
  readonly stepUser: string | null;
  readonly data: string | null;
}

const READY_LIMIT_MS = 60_000;

export class Installation {
  readonly layout: Layout;
  readonly processes: ProcessTable;
  private readonly options: InstallationOptions;
  private readonly log: Logger;
  private readonly place: ServerPlace;
  private routers: readonly { readonly environment: string; readonly port: number }[];
  private readonly restarts = new Map<string, { failures: number; notBefore: number }>();

  constructor(options: InstallationOptions, log: Logger) {
    this.options = options;
    this.log = log;
    this.layout = layoutOf(options.data);
    this.processes = new ProcessTable(this.layout.processes, this.layout.logs);
    this.routers = existsSync(this.layout.routersFile)
      ? JSON.parse(readFileSync(this.layout.routersFile, 'utf8'))
      : [];
    const isRoot = process.getuid?.() === 0;
    const account = ensureAccount('holdfast-pg');
    this.place = {
      root: this.layout.postgres,
      cache: this.layout.cache,
      owner: account ?? pickOwner(isRoot),
      port: SOCKET_PORT,
    };
  }

  get controllers(): readonly string[] {
    return Array.from(
      { length: this.options.controllers },
      (_, index) => `http://127.0.0.1:${this.options.port + index}`,
    );
  }

  client(): Client {
    return createClient({
      controllers: this.controllers,
      token: readFileSync(this.layout.adminToken, 'utf8').trim(),
    });
  }

  /** Everything up, in the order of what needs what. */
  async start(): Promise<void> {
    this.ensureMasterKey();
    await this.checkPorts();
    await this.ensureDatabase();
    await this.ensureControllers();
    await this.ensureTokens();
    this.ensureAgents();
    await this.ensureRouters();
  }

  /**
   * One look: what died is started again, with a growing pause. Each part apart from the others:
   * users' requests need a router also while the database is down.
   */
  async ensure(): Promise<void> {
    this.startRouters();
    await this.ensureDatabase().catch((error: Error) =>
      this.log.error({ err: error }, 'PostgreSQL does not start; trying again'),
    );
    for (let index = 0; index < this.options.controllers; index += 1) this.ensureController(index);
    this.ensureAgents();
    await this.ensureRouters().catch((error: Error) => this.log.warn(error.message));
  }

  /** Routers last: whoever still has a request gets an answer. */
  async stop(): Promise<void> {
    const names = this.processes.names();
    const of = (prefix: string) => names.filter((name) => name.startsWith(prefix));
    await Promise.all(of('router').map((name) => this.processes.stop(name)));
    // With goodbye: nobody comes to go on with their steps.
    await Promise.all(of('agent').map((name) => this.processes.stop(name, 'SIGINT')));
    await this.stopInstances();
    await Promise.all(of('controller').map((name) => this.processes.stop(name)));
    if (!this.options.databaseUrlFile) await stopServer(this.place);
  }

  private async stopInstances(): Promise<void> {
    await Promise.all(
      this.options.agents.map((agent) => {
        const child = this.processes.start({
          name: `stop-${agent.name}`,
          program: programPath('agent'),
          args: [
            '--stop-instances',
            '--controller',
            'none',
            '--token',
            'none',
            '--data',
            agent.data ?? this.layout.agent(agent.name),
          ],
          env: {},
        });
        child.ref();
        return new Promise((done) => child.once('exit', done));
      }),
    );
  }

  private ensureMasterKey(): void {
    const { masterKey } = this.layout;
    if (!existsSync(masterKey))
      writeFileSync(masterKey, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  }

  private async checkPorts(): Promise<void> {
    for (let index = 0; index < this.options.controllers; index += 1) {
      const port = this.options.port + index;
      if (this.processes.isRunning(`controller-${index + 1}`) || (await isFree(port))) continue;
      throw new HoldfastError(
        'portTaken',
        `port ${port} is in use by another process; choose another with --port`,
      );
    }
  }

  private async ensureDatabase(): Promise<void> {
    if (this.options.databaseUrlFile) return;
    const running = await startServer(this.place);
    if (!running.adopted) this.log.info({ pid: running.pid }, 'PostgreSQL is up');
  }

  private async ensureControllers(): Promise<void> {
    for (let index = 0; index < this.options.controllers; index += 1) this.ensureController(index);
    await Promise.all(this.controllers.map((address) => this.waitUntilReady(address)));
  }

  private ensureController(index: number): void {
    const { layout, options } = this;
    const url: Record<string, string> = options.databaseUrlFile
      ? { HOLDFAST_DATABASE_FILE: options.databaseUrlFile }
      : {
          HOLDFAST_DATABASE: serverUrl(this.place),
          HOLDFAST_DATABASE_DIRECTORY: layout.postgres,
        };
    this.keepRunning(`controller-${index + 1}`, {
      program: programPath('controller'),
      args: [
        '--name',
        `controller-${index + 1}`,
        '--listen',
        `127.0.0.1:${options.port + index}`,
        '--blobs',
        options.blobs,
        '--work',
        layout.work(options.port + index),
        '--master-key-file',
        layout.masterKey,
        '--admin-token-file',
        layout.adminToken,
      ],
      env: url,
    });
  }

  private async waitUntilReady(address: string): Promise<void> {
    const deadline = performance.now() + READY_LIMIT_MS;
    while (performance.now() < deadline) {
      const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(
        () => null,
      );
      if (answer?.ok) return;
      await sleep(50);
    }
    throw new HoldfastError(
      'controllerUnreachable',
      `${address} did not become ready within ${READY_LIMIT_MS / 1000} s; see ${this.layout.logs}`,
    );
  }

  /** Agents and routers get tokens that can do their work and nothing else. */
  private async ensureTokens(): Promise<void> {
    for (const scope of ['agent', 'router'] as const satisfies readonly Scope[]) {
      const file = this.layout.tokenFile(scope);
      if (existsSync(file)) continue;
      const made = await this.client()('createToken', {
        body: { name: `${scope} of holdfast up`, scopes: [scope] },
      });
      writeFileSync(file, `${made.text}\n`, { mode: 0o600 });
    }
  }

  private ensureAgents(): void {
    for (const agent of this.options.agents) {
      const data = agent.data ?? this.layout.agent(agent.name);
      mkdirSync(data, { recursive: true, mode: 0o711 });
      const user = agent.stepUser ?? stepAccount();
      this.keepRunning(agent.name, {
        program: programPath('agent'),
        args: [
          '--name',
          agent.name,
          '--controller',
          this.controllers.join(','),
          '--token-file',
          this.layout.tokenFile('agent'),
          '--data',
          data,
          '--slots',
          String(agent.slots),
          ...(agent.host ? ['--host'] : []),
          ...(user ? ['--step-user', user] : []),
        ],
        env: {},
      });
    }
  }

  private async ensureRouters(): Promise<void> {
    const { items } = await this.client()('listEnvironments');
    const wanted = items.flatMap((item) =>
      item.listen === null ? [] : [{ environment: item.name, port: item.listen }],
    );
    if (JSON.stringify(wanted) !== JSON.stringify(this.routers)) {
      this.routers = wanted;
      writeFileSync(this.layout.routersFile, JSON.stringify(wanted), { mode: 0o600 });
    }
    this.startRouters();
  }

  private startRouters(): void {
    for (const { environment, port } of this.routers) {
      const data = this.layout.router(environment);
      mkdirSync(data, { recursive: true, mode: 0o700 });
      this.keepRunning(`router ${environment}`, {
        program: programPath('router'),
        args: [
          '--environment',
          environment,
          '--controller',
          this.controllers.join(','),
          '--token-file',
          this.layout.tokenFile('router'),
          '--listen',
          `0.0.0.0:${port}`,
          '--data',
          data,
        ],
        env: {},
      });
    }
  }

  private keepRunning(
    name: string,
    spec: {
      readonly program: string;
      readonly args: readonly string[];
      readonly env: Record<string, string>;
    },
  ): void {
    if (this.processes.isRunning(name)) return;
    const past = this.restarts.get(name) ?? { failures: 0, notBefore: 0 };
    const now = performance.now();
    if (now < past.notBefore) return;
    const calm = now - past.notBefore > 60_000;
    const failures = calm ? 1 : past.failures + 1;
    this.restarts.set(name, { failures, notBefore: now + Math.min(10_000, 250 * 2 ** (failures - 1)) });
    this.processes.start({ name, ...spec });
    this.log.info({ name }, 'started');
  }
}

function stepAccount(): string | null {
  const account = ensureAccount('holdfast-job');
  return account ? `${account.uid}:${account.gid}` : null;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
