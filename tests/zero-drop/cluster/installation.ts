import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { startServer } from '@holdfast/postgres/embedded/server.ts';
import { compileCache, programPath } from '@holdfast/supervisor/programs.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { Processes } from '../../chaos/cluster/processes.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { until } from '../../chaos/until.ts';
import { agentFolder, databasePlace } from './scene.ts';

/**
 * The Holdfast under test: PostgreSQL, two controllers, two agents that host and one router with two
 * workers, each a process that the suite starts again when it has killed it.
 */
export const CONTROLLERS = ['controller-1', 'controller-2'] as const;
export const AGENTS = ['agent-1', 'agent-2'] as const;
export const ENVIRONMENT = { app: 'zero', environment: 'production' } as const;
export type Member = (typeof CONTROLLERS)[number] | (typeof AGENTS)[number];

const ROUTER = 'router';
const WORKERS = 2;
const READY_LIMIT_MS = 60_000;
const ASKED_LIMIT_MS = 30_000;

export class Installation {
  readonly scene: Scene;
  readonly processes: Processes;
  /** Where users' requests go. */
  readonly port: number;
  readonly previewPort: number;
  readonly client: Client;
  private readonly database: string;
  private readonly firstPort: number;

  private constructor(scene: Scene, parts: { readonly database: string; readonly firstPort: number }) {
    this.scene = scene;
    this.processes = new Processes(scene);
    this.database = parts.database;
    this.firstPort = parts.firstPort;
    this.port = parts.firstPort + CONTROLLERS.length;
    this.previewPort = this.port + 1;
    this.client = (...call) => this.connected()(...call);
  }

  static async start(scene: Scene): Promise<Installation> {
    const firstPort = await portsToKeep(CONTROLLERS.length + 2);
    const { url } = await startServer(databasePlace(scene.root));
    const installation = new Installation(scene, { database: url, firstPort });
    await installation.begin();
    return installation;
  }

  private async begin(): Promise<void> {
    writeFileSync(this.file('master.key'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    for (const name of CONTROLLERS) {
      this.start(name);
      await until(`${name} to be ready`, () => isReady(this.addressOf(name)), { limitMs: READY_LIMIT_MS });
    }
    for (const scope of ['agent', 'router'] as const) {
      const made = await this.client('createToken', { body: { name: scope, scopes: [scope] } });
      writeFileSync(this.file(`${scope}.token`), `${made.text}\n`, { mode: 0o600 });
    }
    for (const name of AGENTS) this.start(name);
    this.startRouter();
  }

  start(name: Member): void {
    if (name === 'controller-1' || name === 'controller-2') this.startController(name);
    else this.startAgent(name);
  }

  get routerPid(): number {
    const line = readFileSync(this.scene.processFile, 'utf8')
      .split('\n')
      .findLast((entry) => entry.endsWith(` ${ROUTER}`));
    return Number(line?.split(' ')[0]);
  }

  /** Everybody is there and knows of everybody. */
  async isCalm(): Promise<boolean> {
    for (const name of CONTROLLERS) if (!(await isReady(this.addressOf(name)))) return false;
    const online = (await this.client('listAgents')).items.filter(({ state }) => state === 'online');
    return AGENTS.every((name) => online.some((agent) => agent.name === name));
  }

  addressOf(name: (typeof CONTROLLERS)[number]): string {
    return `http://127.0.0.1:${this.firstPort + CONTROLLERS.indexOf(name)}`;
  }

  private get addresses(): readonly string[] {
    return CONTROLLERS.map((name) => this.addressOf(name));
  }

  /** Asks again where the controllers that were asked had just been killed; what is asked must bear that. */
  patiently<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
    const tried = async () => {
      try {
        return { answer: await ask() };
      } catch (error) {
        if (error instanceof HoldfastError && error.kind === 'unavailable') throw error;
        return { error };
      }
    };
    return until(what, tried, { limitMs: ASKED_LIMIT_MS }).then((came) => {
      if ('error' in came) throw came.error;
      return came.answer;
    });
  }

  private connected(): Client {
    const token = readFileSync(this.file('admin.token'), 'utf8').trim();
    return createClient({ controllers: this.addresses, token, timeoutMs: 3_000 });
  }

  private startController(name: (typeof CONTROLLERS)[number]): void {
    this.run(name, 'controller', [
      ...['--name', name, '--listen', this.addressOf(name).slice('http://'.length)],
      ...['--blobs', this.file('blobs'), '--master-key-file', this.file('master.key')],
      ...['--admin-token-file', this.file('admin.token')],
    ]);
  }

  private startAgent(name: (typeof AGENTS)[number]): void {
    const data = agentFolder(this.scene.root, name);
    mkdirSync(data, { recursive: true, mode: 0o711 });
    this.run(name, 'agent', [
      ...['--name', name, '--controller', this.addresses.join(','), '--data', data],
      ...['--token-file', this.file('agent.token'), '--slots', '1', '--host'],
    ]);
  }

  private startRouter(): void {
    this.run(ROUTER, 'router', [
      ...['--environment', `${ENVIRONMENT.app}/${ENVIRONMENT.environment}`],
      ...['--controller', this.addresses.join(','), '--token-file', this.file('router.token')],
      ...['--listen', `127.0.0.1:${this.port}`, '--workers', String(WORKERS)],
      ...['--data', this.file('router-data')],
    ]);
  }

  private run(name: string, program: Parameters<typeof programPath>[0], args: readonly string[]): void {
    const { PATH, HOME } = process.env;
    this.processes.start({
      name,
      command: process.execPath,
      args: [programPath(program), ...args],
      env: { PATH, HOME, ...compileCache(), HOLDFAST_DATABASE: this.database },
    });
  }

  private file(name: string): string {
    return join(this.scene.root, name);
  }
}

/** Not of those that connections are given: a controller must get its own again after a restart. */
async function portsToKeep(count: number): Promise<number> {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
  const [first = 32_768, last = 60_999] = range.map(Number);
  for (let tried = 0; tried < 200; tried += 1) {
    const port = await freePorts(count);
    if (port + count <= first || port > last) return port;
  }
  throw new Error(`no free ports outside of ${first} to ${last}`);
}

async function isReady(address: string): Promise<boolean> {
  const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
  await answer?.arrayBuffer();
  return answer?.ok === true;
}
