import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { compileCache, programPath } from '@holdfast/supervisor/programs.ts';
import type { Processes } from '../../chaos/cluster/processes.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { until } from '../../chaos/until.ts';
import { freePorts } from './ports.ts';

/** Two controllers at one database URL and two agents, without a supervisor that would mend them. */
const READY_LIMIT_MS = 60_000;
const AGENTS = [1, 2];
/** Steps run as somebody else, an account for each agent. */
const FIRST_STEP_USER = 61_200;

export class Installation {
  readonly scene: Scene;
  readonly addresses: readonly string[];
  private readonly processes: Processes;

  private constructor(scene: Scene, processes: Processes, addresses: readonly string[]) {
    this.scene = scene;
    this.processes = processes;
    this.addresses = addresses;
  }

  static async start(scene: Scene, processes: Processes, databaseUrl: string): Promise<Installation> {
    const addresses = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
    const installation = new Installation(scene, processes, addresses);
    await installation.begin(databaseUrl);
    return installation;
  }

  get token(): string {
    return readFileSync(this.file('admin.token'), 'utf8').trim();
  }

  get controllerNames(): readonly string[] {
    return this.addresses.map((_, index) => `controller-${index + 1}`);
  }

  logOf(name: string): string {
    return readFileSync(join(this.scene.logs, `${name}.log`), 'utf8');
  }

  client(): Client {
    return createClient({ controllers: this.addresses, token: this.token, timeoutMs: 5_000 });
  }

  /** Every controller is ready and every agent is known to be online. */
  async isCalm(): Promise<boolean> {
    for (const address of this.addresses) if (!(await isReady(address))) return false;
    const online = (await this.client()('listAgents')).items.filter(({ state }) => state === 'online');
    return online.length === AGENTS.length;
  }

  private async begin(databaseUrl: string): Promise<void> {
    writeFileSync(this.file('master.key'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    for (const [index, address] of this.addresses.entries()) {
      this.startController(`controller-${index + 1}`, address, databaseUrl);
      await until(`${address} to be ready`, () => isReady(address), { limitMs: READY_LIMIT_MS });
    }
    const made = await this.client()('createToken', { body: { name: 'agents', scopes: ['agent'] } });
    writeFileSync(this.file('agent.token'), `${made.text}\n`, { mode: 0o600 });
    for (const number of AGENTS) this.startAgent(number);
    await until('the agents to be online', () => this.isCalm(), { limitMs: READY_LIMIT_MS });
  }

  private startController(name: string, address: string, databaseUrl: string): void {
    this.processes.start({
      name,
      command: process.execPath,
      args: [
        programPath('controller'),
        ...['--name', name, '--listen', address.slice('http://'.length)],
        ...['--blobs', this.file('blobs'), '--work', this.file(`${name}-work`)],
        ...['--master-key-file', this.file('master.key'), '--admin-token-file', this.file('admin.token')],
      ],
      env: environment({ HOLDFAST_DATABASE: databaseUrl }),
    });
  }

  private startAgent(number: number): void {
    const data = join(this.scene.root, 'agents', String(number));
    mkdirSync(data, { recursive: true, mode: 0o711 });
    this.processes.start({
      name: `agent-${number}`,
      command: process.execPath,
      args: [
        programPath('agent'),
        ...['--name', `agent-${number}`, '--controller', this.addresses.join(','), '--data', data],
        ...['--token-file', this.file('agent.token'), '--slots', '2'],
        ...['--step-user', String(FIRST_STEP_USER + number)],
      ],
      env: environment({}),
    });
  }

  private file(name: string): string {
    return join(this.scene.root, name);
  }
}

function environment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, ...compileCache(), ...own };
}

async function isReady(address: string): Promise<boolean> {
  const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
  await answer?.arrayBuffer();
  return answer?.ok === true;
}
