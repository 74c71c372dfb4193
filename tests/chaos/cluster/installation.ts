import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { compileCache, programPath } from '@holdfast/supervisor/programs.ts';
import { until } from '../until.ts';
import { DatabasePair } from './database-pair.ts';
import { healNetwork, Network } from './network.ts';
import { Processes } from './processes.ts';
import type { Scene } from './scene.ts';
import { emptyNamespace } from './sweep.ts';

/**
 * The Holdfast under test, every process on its own: no supervisor, because it would mend what the
 * nemesis has just broken.
 */
export interface Controller {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
}

export interface AgentHost {
  readonly name: string;
  readonly namespace: string;
  readonly number: number;
}

export interface InstallationOptions {
  readonly env: { readonly [name: string]: string };
  readonly failover: boolean;
  /** Where a program lies: of this checkout, or of another version's. */
  readonly program?: (name: 'controller' | 'agent') => string;
}

const READY_LIMIT_MS = 60_000;
const CONTROLLERS = 2;
const AGENTS = 3;
/** Hosts of controllers are numbered behind those of agents. */
const FIRST_CONTROLLER_HOST = 11;
/** Steps run as somebody else, an account for each agent. */
const FIRST_STEP_USER = 61_100;

export class Installation {
  readonly scene: Scene;
  readonly processes: Processes;
  readonly database: DatabasePair;
  readonly controllers: readonly Controller[];
  readonly agents: readonly AgentHost[];
  private readonly options: InstallationOptions;

  private constructor(
    scene: Scene,
    parts: Pick<Installation, 'processes' | 'database' | 'controllers' | 'agents'>,
    options: InstallationOptions,
  ) {
    this.scene = scene;
    this.processes = parts.processes;
    this.database = parts.database;
    this.agents = parts.agents;
    this.controllers = parts.controllers;
    this.options = options;
  }

  static async start(scene: Scene, options: InstallationOptions): Promise<Installation> {
    const processes = new Processes(scene);
    const network = new Network(scene);
    const agents = Array.from({ length: AGENTS }, (_, index) => ({
      name: `agent-${index + 1}`,
      number: index + 1,
      namespace: network.addHost(index + 1),
    }));
    const controllers = Array.from({ length: CONTROLLERS }, (_, index) => ({
      name: `controller-${index + 1}`,
      namespace: network.addHost(FIRST_CONTROLLER_HOST + index),
      address: `http://${network.addressOf(FIRST_CONTROLLER_HOST + index)}:${7071 + index}`,
    }));
    const database = await DatabasePair.start(scene, processes);
    const installation = new Installation(scene, { processes, database, controllers, agents }, options);
    await installation.begin();
    return installation;
  }

  private async begin(): Promise<void> {
    writeFileSync(this.file('master.key'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    for (const controller of this.controllers) {
      this.startController(controller);
      await this.waitUntilReady(controller);
    }
    const made = await this.client()('createToken', { body: { name: 'agents', scopes: ['agent'] } });
    writeFileSync(this.file('agent.token'), `${made.text}\n`, { mode: 0o600 });
    for (const agent of this.agents) this.startAgent(agent);
  }

  client(): Client {
    const token = readFileSync(this.file('admin.token'), 'utf8').trim();
    return createClient({ controllers: this.addresses, token, timeoutMs: 3_000 });
  }

  get addresses(): readonly string[] {
    return this.controllers.map(({ address }) => address);
  }

  /** The token with which agents, and who plays one, speak to controllers. */
  get agentToken(): string {
    return readFileSync(this.file('agent.token'), 'utf8').trim();
  }

  get adminToken(): string {
    return readFileSync(this.file('admin.token'), 'utf8').trim();
  }

  startController({ name, namespace, address }: Controller): void {
    const both = this.options.failover ? 'both' : 'primary';
    this.processes.start({
      name,
      command: 'ip',
      args: [
        ...['netns', 'exec', namespace, process.execPath, this.program('controller')],
        ...['--name', name, '--listen', address.slice('http://'.length)],
        ...['--blobs', this.blobs, '--master-key-file', this.file('master.key')],
        ...['--admin-token-file', this.file('admin.token')],
      ],
      env: this.environment({ HOLDFAST_DATABASE: this.database.url(both) }),
    });
  }

  async waitUntilReady({ name, address }: Controller): Promise<void> {
    await until(`${name} to be ready`, () => isReady(address), { limitMs: READY_LIMIT_MS, everyMs: 20 });
  }

  startAgent({ name, namespace, number }: AgentHost): void {
    const data = this.agentData(name);
    mkdirSync(data, { recursive: true, mode: 0o711 });
    this.processes.start({
      name,
      command: 'ip',
      args: [
        ...['netns', 'exec', namespace, process.execPath, this.program('agent')],
        ...['--name', name, '--controller', this.addresses.join(','), '--data', data],
        ...['--token-file', this.file('agent.token'), '--slots', '2'],
        ...['--step-user', String(FIRST_STEP_USER + number)],
      ],
      env: this.environment({}),
    });
  }

  /** As if the machine had lost its power: the agent, every step, at once. */
  async loseHost(agent: AgentHost, data: 'kept' | 'deleted'): Promise<void> {
    this.processes.expectEnd(agent.name);
    await emptyNamespace(agent.namespace);
    if (data === 'deleted') rmSync(this.agentData(agent.name), { recursive: true, force: true });
  }

  /** The store's mount goes away: what is left says nothing of what was there. */
  takeStore(left: 'emptyFolder' | 'nothingToRead'): void {
    renameSync(this.blobs, `${this.blobs}.away`);
    if (left === 'emptyFolder') mkdirSync(this.blobs, { mode: 0o700 });
    else writeFileSync(this.blobs, '');
  }

  returnStore(): void {
    if (!existsSync(`${this.blobs}.away`)) return;
    rmSync(this.blobs, { recursive: true, force: true });
    renameSync(`${this.blobs}.away`, this.blobs);
  }

  /** False when the store has no such blob. */
  loseBlob(digest: string): boolean {
    const hex = digest.slice('sha256:'.length);
    const path = join(this.blobs, 'sha256', hex.slice(0, 2), hex);
    if (!existsSync(path)) return false;
    rmSync(path);
    return true;
  }

  /** Whatever is broken works again afterwards; does nothing to what works. */
  async heal(): Promise<void> {
    const { primary, standby } = this.database;
    for (const node of [primary, standby]) if (!node.isRunning()) await node.start();
    for (const host of [...this.controllers, ...this.agents]) healNetwork(host.namespace);
    this.returnStore();
    for (const { name } of [...this.controllers, ...this.agents]) this.processes.signal(name, 'SIGCONT');
    for (const controller of this.controllers)
      if (!this.processes.isRunning(controller.name)) this.startController(controller);
    for (const agent of this.agents) if (!this.processes.isRunning(agent.name)) this.startAgent(agent);
  }

  /** Nothing is broken and everybody knows of everybody. */
  async isCalm(): Promise<boolean> {
    for (const { address } of this.controllers) if (!(await isReady(address))) return false;
    if (!(await this.database.isStreaming())) return false;
    const online = (await this.client()('listAgents')).items.filter(({ state }) => state === 'online');
    return this.agents.every(({ name }) => online.some((agent) => agent.name === name));
  }

  private program(name: 'controller' | 'agent'): string {
    return (this.options.program ?? programPath)(name);
  }

  private get blobs(): string {
    return this.file('blobs');
  }

  private agentData(name: string): string {
    return join(this.scene.root, 'agents', name);
  }

  private file(name: string): string {
    return join(this.scene.root, name);
  }

  private environment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const { PATH, HOME } = process.env;
    return { PATH, HOME, ...compileCache(), ...this.options.env, ...own };
  }
}

async function isReady(address: string): Promise<boolean> {
  const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
  await answer?.arrayBuffer();
  return answer?.ok === true;
}
