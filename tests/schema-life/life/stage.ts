import { underlying } from '@holdfast/core/migration/migration.ts';
import type { Journal } from '../../chaos/journal.ts';
import type { Random } from '../../chaos/random.ts';
import type { LifePlan } from '../changes/catalogue.ts';
import type { Side } from '../changes/change.ts';
import { compareRows } from '../check/compare-rows.ts';
import { Expected } from '../check/expected.ts';
import { campaign, stageOf } from '../nemesis/campaign.ts';
import { Nemesis } from '../nemesis/nemesis.ts';
import { Release } from '../release/release-process.ts';
import type { Scene } from '../scene.ts';
import type { LaneServer } from '../server/lane-server.ts';
import { Crew } from '../worker/crew.ts';
import { sourceOf } from '../worker/source.ts';
import { Account } from './account.ts';
import { buildDatabase } from './build-database.ts';
import { StateKeeper } from './state-keeper.ts';

/** The database, the workers and the releases of one life, and what is done with all of them at once. */
export interface Props {
  readonly scene: Scene;
  readonly journal: Journal;
  readonly server: LaneServer;
  readonly random: Random;
  readonly points: number;
}

export class Stage {
  readonly props: Props;
  readonly keeper: StateKeeper;
  readonly nemesis: Nemesis;
  readonly account = new Account();
  /** Rejects when a process died that nobody has killed. */
  readonly failure: Promise<never>;
  private readonly plan: LifePlan;
  private readonly expected = new Expected();
  private readonly fail: (sentence: string) => void;
  private readonly releases = new Map<Side, Release>();
  private crew: Crew | null = null;

  constructor(plan: LifePlan, props: Props) {
    this.plan = plan;
    this.props = props;
    this.keeper = new StateKeeper(sourceOf(plan.change.yaml));
    const strikes =
      plan.withoutTrigger || plan.quiet ? [] : campaign(props.points, plan.end, props.random.branch());
    this.nemesis = new Nemesis(strikes, props.server);
    const { promise, reject } = Promise.withResolvers<never>();
    this.failure = promise;
    promise.catch(() => {});
    this.fail = (sentence) => reject(new Error(sentence));
    this.nemesis.onFailure = reject;
    this.keeper.onChange = (sentence) => props.journal.tell(`${plan.name} is ${sentence}`);
  }

  get url(): string {
    return this.props.server.url(this.database);
  }

  /** The old release serves; then the first worker begins. */
  async build(): Promise<void> {
    const { scene, server } = this.props;
    await server.createDatabase(this.database);
    await buildDatabase(this.url, this.plan.change);
    if (this.plan.quiet) this.crashAfterBackfill();
    else await this.begin('old');
    const stage = () => stageOf(underlying(this.keeper.migration));
    this.crew = new Crew({
      scene,
      name: `${this.plan.name}-worker`,
      url: this.url,
      yaml: this.plan.change.yaml,
      keeper: this.keeper,
      armFor: (crew) => this.nemesis.armFor(stage(), crew),
      struck: (id, crew) => this.nemesis.struck(id, crew),
      died: this.fail,
    });
    this.crew.start();
  }

  private crashAfterBackfill(): void {
    const crashed = this.keeper.reached('verifying').then(() => this.props.server.crash(0, () => {}));
    crashed.then(
      () => {
        this.nemesis.counts.crash += 1;
      },
      (error: Error) => this.fail(error.message),
    );
  }

  async begin(side: Side): Promise<void> {
    const { scene, random } = this.props;
    const seed = Math.floor(random.next() * 1e9);
    const name = `${this.plan.name}-${side}`;
    const settings = { name, change: this.plan.change.name, side, url: this.url, seed };
    const release = await Release.start(scene, settings, this.fail);
    this.releases.set(side, release);
    release.go();
  }

  async end(side: Side): Promise<void> {
    const release = this.releases.get(side);
    if (!release) return;
    await this.hear(release);
    this.releases.delete(side);
    release.end();
  }

  /** While nobody writes. */
  async compare(where: string, sides: readonly Side[]): Promise<void> {
    const { change } = this.plan;
    await Promise.all([...this.releases.values()].map((release) => this.hear(release)));
    const shapes = sides.map((side) => change[side]);
    this.account.differing(where, await compareRows(this.url, { change, shapes }, this.expected));
    for (const release of this.releases.values()) release.go();
  }

  /** What is there in the state that it was left in. */
  async lastLook(): Promise<void> {
    const state = underlying(this.keeper.migration);
    if (['backfilling', 'verifying', 'ready'].includes(state)) return this.compare(state, ['old', 'new']);
    await this.compare(state, [state === 'contracting' || state === 'done' ? 'new' : 'old']);
  }

  /** Whoever slept wakes up and ends, while the releases go on: what comes late must change nothing. */
  async rest(): Promise<void> {
    await this.nemesis.stop();
    await this.crew?.end();
  }

  /** Everything goes; the next life finds the server as this one did. */
  async strike(): Promise<void> {
    await this.rest();
    for (const release of this.releases.values()) release.end();
    await this.props.server.dropDatabase(this.database).catch(() => {});
  }

  private async hear(release: Release): Promise<void> {
    const tally = await release.halt();
    this.account.add(release.side, tally, this.props.server.outages);
    this.expected.learn(tally);
  }

  private get database(): string {
    return `life_${this.plan.name.replaceAll('-', '_')}`;
  }
}
