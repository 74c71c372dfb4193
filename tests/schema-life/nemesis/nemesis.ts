import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneServer } from '../server/lane-server.ts';
import type { Crew } from '../worker/crew.ts';
import type { Arm } from '../worker/question.ts';
import { isLong, READY, type Strike, statementsLate } from './campaign.ts';

/** Performs a campaign, one strike after the other, as the life comes to their stages. */
interface Current {
  readonly id: number;
  readonly strike: Strike;
  /** In which it was begun. */
  readonly stage: number;
  /** The worker does it to itself; else a timer does. */
  readonly arm: Arm | null;
}

/** A worker sleeps through a crash that strikes at its statement, or it would have sent the next ones. */
const DOES = { kill: 'kill', pause: 'pause', crash: 'pause' } as const;

export class Nemesis {
  readonly counts = { kill: 0, pause: 0, crash: 0 };
  private readonly left: Strike[];
  private readonly server: LaneServer;
  private current: Current | null = null;
  private performing: Promise<void> = Promise.resolve();
  private stopped = false;
  private begun = 0;
  onFailure: (error: Error) => void = () => {};

  constructor(strikes: readonly Strike[], server: LaneServer) {
    this.left = [...strikes];
    this.server = server;
  }

  /** Nothing is planned any more for this stage or an earlier one. */
  isThrough(stage: number): boolean {
    return this.current === null && !this.isDue(stage);
  }

  /** Asked at each look of the newest worker; what it should do to itself. */
  armFor(stage: number, crew: Crew): Arm | null {
    if (this.stopped) return null;
    if (this.current === null && this.isDue(stage)) this.begin(stage, crew);
    else if (this.current?.arm && this.current.stage !== stage) this.takeAlong(this.current, stage, crew);
    return this.current?.arm ?? null;
  }

  /** The worker has said that it does what it was told. */
  struck(id: number, crew: Crew): void {
    if (this.current?.id === id && this.current.arm) this.strike(this.current, crew, true);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.performing;
    await this.server.settled();
  }

  private isDue(stage: number): boolean {
    const [next] = this.left;
    return next !== undefined && next.stage <= stage;
  }

  private begin(stage: number, crew: Crew): void {
    const strike = this.left.shift() as Strike;
    this.begun += 1;
    const arm = armOf(strike, stage, this.begun);
    const current = { id: this.begun, strike, stage, arm };
    this.current = current;
    if (arm === null) this.performing = this.later(current, crew, 'ms' in strike.at ? strike.at.ms : 100);
  }

  /** Its stage was over before it came to it; counted anew, for the next one may be short. */
  private takeAlong({ strike }: Current, stage: number, crew: Crew): void {
    this.begun += 1;
    const current = { id: this.begun, strike, stage, arm: armOf(strike, stage, this.begun) };
    this.current = current;
    if (current.arm === null) this.strike(current, crew, false);
  }

  private async later(current: Current, crew: Crew, ms: number): Promise<void> {
    await sleep(ms);
    if (!this.stopped) await this.perform(current, crew, false);
  }

  private strike(current: Current, crew: Crew, byItself: boolean): void {
    this.current = { ...current, arm: null };
    this.performing = this.perform(current, crew, byItself);
  }

  private async perform({ strike }: Current, crew: Crew, byItself: boolean): Promise<void> {
    const { kind, gapMs, asleepMs } = strike;
    this.counts[kind] += 1;
    if (kind === 'crash') {
      // Not awaited: the next strike must be armed before the database answers again.
      this.server.crash(gapMs, () => crew.goOn()).catch((error: Error) => this.onFailure(error));
    } else {
      if (kind === 'kill') crew.kill(byItself);
      else crew.pause(byItself, asleepMs);
      await sleep(gapMs);
      if (!this.stopped) crew.start();
    }
    this.current = null;
  }
}

/** null: by a timer. A worker that has nothing to do sends no statement that could be counted. */
function armOf(strike: Strike, stage: number, id: number): Arm | null {
  const { at, kind, stage: meant } = strike;
  if (stage === READY || (isLong(stage) && 'ms' in at)) return null;
  const inTime = stage === meant && 'statements' in at;
  return { id, does: DOES[kind], after: inTime ? at.statements : statementsLate(strike) };
}
