import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../chaos/random.ts';
import { until } from '../../chaos/until.ts';
import type { LifePlan } from '../changes/catalogue.ts';
import { fingerprint, leftBehind, scaffolding } from '../check/fingerprint.ts';
import { READY } from '../nemesis/campaign.ts';
import type { Account } from './account.ts';
import { dropTriggers } from './drop-triggers.ts';
import { type Props, Stage } from './stage.ts';

/**
 * One change from its plan to its end, as a rollout would drive it:
 *
 *   old writes ─▶ expanded ─▶ ready ─▶ new writes as well ─▶ old stops ─▶ contract ─▶ done
 *                     └──────────┴─▶ abort at some moment, old goes on ─▶ aborted
 */
export interface Lived {
  readonly plan: LifePlan;
  readonly counts: { readonly kill: number; readonly pause: number; readonly crash: number };
  readonly account: Account;
  readonly seconds: number;
}

/** Both releases write for at least so long before the old shape goes. */
const JOINT_MS = 2_500;
/** What goes wrong after the last statement of a change shows within this. */
const TAIL_MS = 600;
/** For whoever looks into a failure. */
const LAST_LOOK_MS = 10_000;
const LIMIT_MS = { base: 60_000, aStrike: 4_000 };

export class Life {
  private readonly plan: LifePlan;
  private readonly props: Props;
  private readonly random: Random;

  constructor(plan: LifePlan, props: Props) {
    this.plan = plan;
    this.props = props;
    this.random = props.random.branch();
  }

  async perform(): Promise<Lived> {
    const { plan, props } = this;
    const [startedAt, limitMs] = [performance.now(), LIMIT_MS.base + LIMIT_MS.aStrike * props.points];
    props.journal.tell(`${plan.name} begins`);
    const stage = new Stage(plan, props);
    const { account, nemesis } = stage;
    try {
      await Promise.race([this.live(stage), stage.failure, tooLong(limitMs, stage)]);
    } catch (error) {
      account.wrong.push((error as Error).message);
      await Promise.race([stage.lastLook().catch(() => {}), sleep(LAST_LOOK_MS, null, { ref: false })]);
    } finally {
      await stage.strike();
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    props.journal.tell(
      `${plan.name} ended after ${seconds.toFixed(1)} s: ${account.failed} failed, ${account.differ} differ${account.wrong.map((one) => `; ${one}`).join('')}`,
    );
    return { plan, counts: nemesis.counts, account, seconds };
  }

  private async live(stage: Stage): Promise<void> {
    await stage.build();
    if (this.plan.withoutTrigger) return this.withoutTrigger(stage);
    return this.plan.end === 'done' ? this.toTheEnd(stage) : this.toTheAbort(stage);
  }

  private async toTheEnd(stage: Stage): Promise<void> {
    const { keeper } = stage;
    await keeper.reached('expanded');
    await stage.compare('expanded', ['old']);
    await keeper.reached('verifying');
    await stage.compare('backfilled', ['old']);
    await this.writeTogether(stage);
    await stage.end('old');
    keeper.wish = { to: 'contract', hindrance: null };
    await keeper.reached('done');
    await sleep(TAIL_MS);
    await stage.rest();
    await stage.compare('done', ['new']);
    stage.account.wrong.push(...scaffolding(await fingerprint(stage.url)));
  }

  private async toTheAbort(stage: Stage): Promise<void> {
    const { keeper, account } = stage;
    const before = await fingerprint(stage.url);
    // Drawn before anything runs, so that the seed decides.
    const at = this.random.pick(['expanding', 'backfilling', 'backfilling', 'verifying', 'ready'] as const);
    const ms = this.random.between(0, at === 'backfilling' ? 2_000 : 150);
    stage.props.journal.tell(`${this.plan.name}: abort ${Math.round(ms)} ms after ${at}`);
    await keeper.reached(at);
    if (at === 'ready') await this.writeTogether(stage);
    await stage.end('new');
    await sleep(ms);
    keeper.abort();
    keeper.wish = { to: 'nothing', hindrance: 'no release that is kept needs it' };
    await keeper.reached('aborted');
    await sleep(TAIL_MS);
    await stage.rest();
    await stage.compare('aborted', ['old']);
    account.wrong.push(...leftBehind(before, await fingerprint(stage.url), this.plan.change.nullable));
  }

  /** From `ready` on, with what is still to be struck there; ends with both shapes compared. */
  private async writeTogether(stage: Stage): Promise<void> {
    await stage.keeper.reached('ready');
    await stage.compare('ready', ['old', 'new']);
    await stage.begin('new');
    const joint = sleep(JOINT_MS);
    await until('the strikes of ready', () => stage.nemesis.isThrough(READY), { limitMs: 60_000 });
    await joint;
    await stage.compare('written by both', ['old', 'new']);
  }

  private async withoutTrigger(stage: Stage): Promise<void> {
    await stage.keeper.reached('expanded');
    await dropTriggers(stage.url);
    // What the old release wrote behind the backfill; verification would send it back for ever.
    await stage.keeper.reached('verifying');
    await stage.compare('backfilled', ['old', 'new']);
  }
}

async function tooLong(limitMs: number, { keeper }: Stage): Promise<never> {
  await sleep(limitMs, null, { ref: false });
  const { state, reason } = keeper.migration;
  throw new Error(
    `it did not end within ${Math.round(limitMs / 1_000)} s: ${state}${reason ? `: ${reason}` : ''}`,
  );
}
