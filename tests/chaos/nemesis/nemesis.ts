import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentHost, Installation } from '../cluster/installation.ts';
import type { Journal } from '../journal.ts';
import type { Random } from '../random.ts';
import type { Records } from '../records.ts';
import { until } from '../until.ts';
import { CATALOGUE } from './catalogue.ts';
import type { ExchangeProbe } from './exchange-probe.ts';
import { type AgentTimers, type Blow, type Fault, type FaultKind, type Sample, TTL_MS } from './fault.ts';

/**
 * One fault after another, every kind once a round in an order of chance, as long as there are runs
 * to disturb. After each everything is mended and left alone until it is calm: what is measured
 * belongs to one fault.
 *
 *   wait for a busy agent → strike (at most its time to live) → mend → wait for calm ─┐
 *   ▲─────────────────────────────────────────────────────────────────────────────────┘
 */
export interface Injury {
  readonly kind: FaultKind;
  /** Runs whose job was there are in its reach; null: all of them. */
  readonly agent: string | null;
  readonly from: number;
  /** When everything was calm again. */
  readonly to: number;
  readonly samples: readonly Sample[];
}

export interface NemesisOptions {
  readonly installation: Installation;
  readonly records: Records;
  readonly probe: ExchangeProbe;
  readonly random: Random;
  readonly journal: Journal;
  readonly kinds: readonly FaultKind[];
  readonly timers: AgentTimers;
  readonly downMs: number;
  readonly isNeeded: () => boolean;
}

const CALM_LIMIT_MS = 45_000;
const BUSY_LIMIT_MS = 60_000;
const BREATH_MS = 500;

export class Nemesis {
  readonly injuries: Injury[] = [];
  /** Every kind had its turn. */
  roundDone = false;
  /** A fault waits for what runs do: there must be some. */
  isStriking = false;
  private readonly options: NemesisOptions;

  constructor(options: NemesisOptions) {
    this.options = options;
  }

  async perform(): Promise<void> {
    const { kinds, random, isNeeded } = this.options;
    while (isNeeded()) {
      for (const kind of random.shuffled(kinds)) if (isNeeded()) await this.injure(CATALOGUE[kind]);
      this.roundDone = true;
    }
  }

  private async injure(fault: Fault): Promise<void> {
    const { installation, random, journal } = this.options;
    this.isStriking = true;
    const agent = await this.busyAgent();
    const controller = random.pick(installation.controllers);
    const target = fault.aim === 'agent' ? ` ${agent.name}` : '';
    journal.tell(`${fault.kind}${target}`);
    const from = Date.now();
    const samples = await this.strike(fault, {
      ...this.options,
      agent,
      controller,
      tell: (text) => journal.tell(`  ${text}`),
    });
    await this.mend(fault.kind);
    const to = Date.now();
    this.judge(fault.kind, samples);
    this.injuries.push({
      kind: fault.kind,
      agent: fault.aim === 'agent' ? agent.name : null,
      from,
      to,
      samples,
    });
    this.isStriking = false;
    await sleep(BREATH_MS);
  }

  private busyAgent(): Promise<AgentHost> {
    const { installation, records, random } = this.options;
    const look = async () => {
      const names = new Set((await records.running()).map(({ agent }) => agent));
      const busy = installation.agents.filter(({ name }) => names.has(name));
      return busy.length > 0 ? random.pick(busy) : null;
    };
    return until('an agent to be busy', look, { limitMs: BUSY_LIMIT_MS });
  }

  private async strike(fault: Fault, blow: Blow): Promise<readonly Sample[]> {
    const timer = new AbortController();
    const ttlMs = fault.ttlMs?.(blow) ?? TTL_MS;
    const overdue = sleep(ttlMs, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`it outlived its time to live of ${ttlMs / 1000} s`);
    });
    overdue.catch(() => {});
    try {
      return await Promise.race([fault.strike(blow), overdue]);
    } catch (error) {
      this.options.journal.miss(`${fault.kind}: ${(error as Error).message}`);
      return [];
    } finally {
      timer.abort();
    }
  }

  private async mend(kind: FaultKind): Promise<void> {
    const { installation, journal } = this.options;
    try {
      await installation.heal();
      await until('everything to be calm', () => installation.isCalm(), { limitMs: CALM_LIMIT_MS });
    } catch (error) {
      journal.miss(`after ${kind}: ${(error as Error).message}`);
    }
  }

  private judge(kind: FaultKind, samples: readonly Sample[]): void {
    for (const { what, seconds, boundSeconds } of samples) {
      const sentence = `${kind}: ${what} after ${seconds.toFixed(2)} s`;
      if (boundSeconds !== null && seconds > boundSeconds)
        this.options.journal.miss(`${sentence}, bound ${boundSeconds} s`);
      else this.options.journal.tell(`  ${sentence}`);
    }
  }
}
