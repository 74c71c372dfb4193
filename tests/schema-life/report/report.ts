import { describeMachine } from '../../../tools/describe-machine.ts';
import type { Lived } from '../life/life.ts';
import type { Options } from '../options.ts';

/** The closing document: a row a life, and what the figures belong to. */
export interface Row {
  readonly change: string;
  readonly kills: number;
  readonly crashes: number;
  readonly pauses: number;
  readonly statements: { readonly old: number; readonly new: number };
  readonly failed: number;
  readonly differ: number;
  readonly slowestMs: number;
  readonly seconds: number;
  readonly mustFail: boolean;
  readonly wrong: readonly string[];
  readonly examples: readonly string[];
}

export type Report = ReturnType<typeof reportOf>;

export function reportOf(options: Options, lived: readonly Lived[], tookSeconds: number) {
  const rows = lived.map(rowOf);
  return {
    suite: 'schema-life',
    ...describeMachine(),
    seed: options.seed,
    points: options.points,
    tookSeconds: Math.round(tookSeconds),
    rows,
    passed: rows.filter(({ wrong }) => wrong.length === 0).length,
    failed: rows.filter(({ wrong }) => wrong.length > 0).length,
  };
}

function rowOf({ plan, counts, account, seconds }: Lived): Row {
  const { statements, failed, differ, slowestMs, examples } = account;
  const mustFail = plan.withoutTrigger;
  return {
    change: plan.name,
    kills: counts.kill,
    crashes: counts.crash,
    pauses: counts.pause,
    statements,
    failed,
    differ,
    slowestMs: Math.round(slowestMs),
    seconds: Math.round(seconds * 10) / 10,
    mustFail,
    wrong: mustFail ? unproven(differ) : missesOf(account),
    examples,
  };
}

function missesOf({ failed, differ, wrong }: Lived['account']): readonly string[] {
  return [
    ...(failed > 0 ? [`${failed} statements failed`] : []),
    ...(differ > 0 ? [`${differ} times a row differed`] : []),
    ...wrong,
  ];
}

function unproven(differ: number): readonly string[] {
  return differ > 0 ? [] : ['no row differs without the trigger, so this suite proves nothing'];
}
