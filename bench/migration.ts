import { DEFAULT_LIMITS } from '@holdfast/core/migration/throttle.ts';
import { atLeast, atMost, type Bound } from './bound.ts';
import { ratio } from './latency.ts';
import type { Place } from './migration/beside-app.ts';
import { makeCustomers } from './migration/customers.ts';
import { DEFAULT_PACE, RESTLESS_PACE } from './migration/holdfast-method.ts';
import { type LockRounds, runLockRounds } from './migration/lock-rounds.ts';
import { type HoldfastRun, runHoldfast } from './migration/run-holdfast.ts';
import { type MethodRun, runTriggerMethod } from './migration/run-trigger-method.ts';
import { SETTINGS, Servers } from './migration/server.ts';
import { holdFigures, printHolds, printTables, printWrites } from './migration/tables.ts';
import type { LockHold } from './migration/watched-session.ts';
import type { Workbench } from './workbench.ts';

/**
 * A column gets a second one beside it, in a table that an app works on: by the method of pgroll and by
 * Holdfast's executor, one after the other on copies of the same table, with the same load and standby.
 */
const ROWS = 5_000_000;
const BEFORE_SECONDS = 20;
const LIMIT_SECONDS = 600;
/** A crawling plan is known after a while. */
const CRAWL_SECONDS = 60;
const FASTER = 1.7;
/** Of what the app waits for before, and of what it waits for beside the other method. */
const P99_GROWTH = 1.2;
const LOCK_MS = 50;

export async function measureMigration(options: { readonly workbench: Workbench; readonly rows?: string }) {
  const rows = Number(options.rows ?? ROWS);
  if (!Number.isInteger(rows) || rows < 1_000) throw new Error('--rows is a whole number, 1000 or more');
  const servers = await Servers.start(options.workbench);
  const template = { template: 'template_customers', rows };
  const place = { workbench: options.workbench, servers, template, beforeSeconds: BEFORE_SECONDS };
  const rounds = await runLockRounds(place);
  process.stderr.write(printHolds('Locks that shut writers out, asked until committed', rounds.holds));
  process.stderr.write(printWrites(rounds.writes));
  await makeCustomers(servers, template);
  const { triggers, holdfast } = await runMethods(place);
  const [plain, [ours]] = [triggers[0] as MethodRun, holdfast];
  process.stderr.write(printTables([...triggers, ...holdfast], holdfast));
  const holds = holdfast.flatMap((run) => run.holds);
  process.stderr.write(printHolds(`The same of ${rows} rows`, holds));
  return {
    bounds: boundsOf({ plain, ours: ours as HoldfastRun, holds, rounds }),
    rows,
    settings: SETTINGS,
    ratios: ratiosOf(triggers, holdfast),
    p99DuringOverBefore: [...triggers, ...holdfast].map(({ name, during, before }) => ({
      name,
      ratio: ratio(during.p99, before.p99),
    })),
    methods: [...triggers, ...holdfast],
    rounds,
  };
}

/** The two that are compared come right after each other: what drifts on the machine meets both. */
async function runMethods(place: Place) {
  const usual = { statistics: 'usual', limitSeconds: LIMIT_SECONDS } as const;
  const plain = await runTriggerMethod(place, { ...usual, name: 'trigger', analyze: false });
  const restless = await runHoldfast(place, {
    name: 'Holdfast without rest',
    pace: RESTLESS_PACE,
    limitSeconds: LIMIT_SECONDS,
  });
  const ours = await runHoldfast(place, {
    name: 'Holdfast',
    pace: DEFAULT_PACE,
    limitSeconds: LIMIT_SECONDS,
  });
  const analysed = await runTriggerMethod(place, { ...usual, name: 'trigger after ANALYZE', analyze: true });
  const fresh = await runTriggerMethod(place, {
    name: 'trigger, table never analysed',
    statistics: 'none',
    analyze: false,
    limitSeconds: CRAWL_SECONDS,
  });
  return { triggers: [plain, analysed, fresh], holdfast: [ours, restless] };
}

function ratiosOf(triggers: readonly MethodRun[], holdfast: readonly HoldfastRun[]) {
  return holdfast.flatMap((ours) =>
    triggers.map((theirs) => ({
      what: `rows/s, ${ours.name} : ${theirs.name}`,
      ratio: ratio(ours.rowsPerSecond, theirs.rowsPerSecond),
    })),
  );
}

function boundsOf({
  plain,
  ours,
  holds,
  rounds,
}: {
  readonly plain: MethodRun;
  readonly ours: HoldfastRun;
  readonly holds: readonly LockHold[];
  readonly rounds: LockRounds;
}): readonly Bound[] {
  const { before, during, lag, rowsPerSecond } = ours;
  const { replicaLagMs = 0, replicaLagBytes = 0 } = DEFAULT_LIMITS;
  const [, , lockP99 = Number.NaN] = holdFigures([...rounds.holds, ...holds]);
  return [
    atLeast('rows/s, Holdfast : the trigger as it is', ratio(rowsPerSecond, plain.rowsPerSecond), FASTER),
    atMost('app p99, during the backfill : before', ratio(during.p99, before.p99), P99_GROWTH),
    atMost('the same, beside Holdfast : beside the trigger', ratio(during.p99, plain.during.p99), P99_GROWTH),
    atMost('lock that shuts writers out, asked until committed or given up, p99 in ms', lockP99, LOCK_MS),
    atMost('replay lag in ms', lag.maxMs, replicaLagMs),
    atMost('replay lag in bytes', lag.maxBytes, replicaLagBytes),
  ];
}
