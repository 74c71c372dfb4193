import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from '../../chaos/journal.ts';
import { until } from '../../chaos/until.ts';
import { AGENTS, CONTROLLERS, type Installation, type Member } from '../cluster/installation.ts';

/**
 * kill -9 at every step: a controller and an agent in turn, first one, then the other of its kind.
 * What was killed is started again as a supervisor would. One whose twin is not back yet is spared
 * where another kind can be struck instead, so that steps go on.
 */
export type Victim = 'controller' | 'agent';

export interface Strike {
  readonly member: Member;
  readonly victim: Victim;
  readonly at: string;
}

const RESTART_MS = 200;
const BACK_LIMIT_MS = 60_000;

export class Nemesis {
  readonly strikes: Strike[] = [];
  /** States at which nobody was left to be killed. */
  readonly spared: string[] = [];
  /** Nobody is struck meanwhile. */
  rests = false;
  private readonly installation: Installation;
  private readonly journal: Journal;
  private readonly away = new Map<Member, Promise<void>>();
  private readonly turns: Record<Victim, number> = { controller: 0, agent: 0 };

  constructor(installation: Installation, journal: Journal) {
    this.installation = installation;
    this.journal = journal;
  }

  strike(at: string, preferred: Victim): void {
    if (this.rests) return;
    const other: Victim = preferred === 'controller' ? 'agent' : 'controller';
    const victim = this.isWhole(preferred) || !this.isWhole(other) ? preferred : other;
    const members: readonly Member[] = victim === 'controller' ? CONTROLLERS : AGENTS;
    const first = members[this.turns[victim] % members.length] as Member;
    const member = this.away.has(first) ? members.find((twin) => !this.away.has(twin)) : first;
    if (!member) return void this.spared.push(at);
    this.turns[victim] += 1;
    this.installation.processes.signal(member, 'SIGKILL');
    this.strikes.push({ member, victim, at });
    this.away.set(
      member,
      this.bringBack(member).finally(() => this.away.delete(member)),
    );
  }

  /** Until everything that was struck is back at work. */
  async mended(): Promise<void> {
    await Promise.all(this.away.values());
  }

  private isWhole(victim: Victim): boolean {
    const members: readonly Member[] = victim === 'controller' ? CONTROLLERS : AGENTS;
    return members.every((member) => !this.away.has(member));
  }

  private async bringBack(member: Member): Promise<void> {
    const { installation } = this;
    const greeted = this.greetings(member);
    await until(`${member} to be dead`, () => !installation.processes.isRunning(member), {
      limitMs: BACK_LIMIT_MS,
      everyMs: 10,
    });
    await sleep(RESTART_MS);
    installation.start(member);
    const isBack = async () =>
      member === 'controller-1' || member === 'controller-2'
        ? (await fetch(`${installation.addressOf(member)}/readyz`)).ok
        : this.greetings(member) > greeted;
    await until(`${member} to be back`, isBack, { limitMs: BACK_LIMIT_MS }).catch((error: Error) =>
      this.journal.miss(error.message),
    );
  }

  /** How often this agent was welcomed by a controller, by its own log. */
  private greetings(member: Member): number {
    const log = join(this.installation.scene.logs, `${member}.log`);
    return existsSync(log) ? readFileSync(log, 'utf8').split('"msg":"connected"').length : 0;
  }
}
