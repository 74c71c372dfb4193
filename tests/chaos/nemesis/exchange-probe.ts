import { setTimeout as sleep } from 'node:timers/promises';
import { ControllerClient } from '@holdfast/agent/link/controller-client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { PROTOCOL } from '@holdfast/contract/versions.ts';
import { until } from '../until.ts';

/**
 * An agent without slots, made of the agent's own client, that does nothing but exchange ten times
 * a second: a real agent's reports come as seldom as its steps end, too seldom to time a change of
 * controllers by.
 */
const EVERY_MS = 100;

export class ExchangeProbe {
  private readonly addresses: readonly string[];
  private readonly token: string;
  private readonly agentId = newId();
  private client: ControllerClient;
  private sessionId: string | undefined;
  private successes: { readonly began: number; readonly ended: number }[] = [];
  private stopped = false;
  private loop: Promise<void> | undefined;

  constructor(addresses: readonly string[], token: string) {
    this.addresses = addresses;
    this.token = token;
    this.client = new ControllerClient(addresses, token);
  }

  start(): this {
    this.loop = this.run();
    return this;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.race([this.loop, sleep(12_000, undefined, { ref: false })]);
  }

  /** Asks this controller first from now on. Resolves when it has answered. */
  async favour(address: string): Promise<void> {
    this.client = new ControllerClient(
      [address, ...this.addresses.filter((other) => other !== address)],
      this.token,
    );
    await this.nextSuccess(Date.now(), 10_000);
  }

  /** Seconds from `after` to the end of the first exchange that began later and succeeded. */
  async nextSuccess(after: number, limitMs: number): Promise<number> {
    const found = await until(
      'an exchange to succeed',
      () => this.successes.find((one) => one.began >= after),
      {
        limitMs,
        everyMs: 10,
      },
    );
    return (found.ended - after) / 1000;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const began = Date.now();
      const ok = await this.exchange();
      if (ok) this.successes = [...this.successes.slice(-2_000), { began, ended: Date.now() }];
      await sleep(EVERY_MS);
    }
  }

  private async exchange(): Promise<boolean> {
    try {
      this.sessionId ??= await this.greet();
      const { agentId, sessionId } = this;
      await this.client.exchange({ agentId, sessionId, freeSlots: 0, reports: [], instances: [] });
      return true;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'agentUnknown') this.sessionId = undefined;
      return false;
    }
  }

  private async greet(): Promise<string> {
    const sessionId = newId();
    await this.client.hello({
      protocol: PROTOCOL,
      agentId: this.agentId,
      sessionId,
      name: 'probe',
      labels: ['probe'],
      zone: '',
      slots: 0,
      host: false,
      address: '127.0.0.1',
    });
    return sessionId;
  }
}
