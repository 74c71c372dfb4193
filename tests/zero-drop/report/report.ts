import { describeMachine } from '../../../tools/describe-machine.ts';
import { KINDS, type Kind } from '../load/flight.ts';
import type { Options } from '../options.ts';
import type { Played } from '../suite.ts';

/** The closing document: a row a scenario, what is wrong with it, and what the figures belong to. */
export interface Row {
  readonly scenario: string;
  readonly missing: string | null;
  readonly cutOvers: number;
  readonly kills: { readonly controller: number; readonly agent: number };
  /** Who was killed when the rollout had come to which state. */
  readonly killedAt: Record<string, { controller: number; agent: number }>;
  readonly requests: Record<Kind, number>;
  readonly kept: number;
  readonly fresh: number;
  readonly cameBack: number;
  /** Beside those that went down with what was killed. */
  readonly failed: number;
  readonly hung: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly inFlight: number;
  readonly slowestEndMs: number | null;
  readonly slowestMs: number;
  readonly mustFail: boolean;
  readonly wrong: readonly string[];
  readonly examples: readonly string[];
}

/** A request that goes down with what was killed must not be left hanging for longer. */
const LOST_END_MS = 1_000;
const EXAMPLES = 5;

export type Report = ReturnType<typeof reportOf>;

export function reportOf(options: Options, played: readonly Played[], tookSeconds: number) {
  // Whatever went down with something that was killed is excused, in whichever phase it had begun.
  const excused = new Set(played.flatMap(({ kills }) => kills.flatMap(({ lost }) => lost)));
  const rows = played.map((entry) => rowOf(entry, excused));
  const n = sum(rows.map(({ requests }) => total(requests)));
  return {
    suite: 'zero-drop',
    ...describeMachine(),
    seed: options.seed,
    rate: options.rate,
    n,
    cutOvers: sum(rows.map(({ cutOvers }) => cutOvers)),
    tookSeconds: Math.round(tookSeconds),
    rows,
    passed: rows.filter(({ wrong }) => wrong.length === 0).length,
    failed: rows.filter(({ wrong }) => wrong.length > 0).length,
  };
}

function rowOf(played: Played, excused: ReadonlySet<string>): Row {
  const { scenario, totals, kills, strikes } = played;
  const all = totals?.failures ?? [];
  const failures = all.filter(({ id }) => !excused.has(id));
  const each = (count: (kind: Kind) => number) =>
    Object.fromEntries(KINDS.map((kind) => [kind, count(kind)])) as Record<Kind, number>;
  const row = {
    scenario: scenario.name,
    missing: played.missing,
    cutOvers: played.cutOvers,
    kills: {
      controller: strikes.filter(({ victim }) => victim === 'controller').length,
      agent: strikes.filter(({ victim }) => victim === 'agent').length,
    },
    killedAt: killedAt(played),
    requests: each((kind) => totals?.kinds[kind].ended ?? 0),
    kept: totals?.kept ?? 0,
    fresh: totals?.fresh ?? 0,
    cameBack: totals?.cameBack ?? 0,
    // Of very many failures only the first are kept as examples; all are counted.
    failed: sum(KINDS.map((kind) => totals?.kinds[kind].failed ?? 0)) - (all.length - failures.length),
    hung: sum(KINDS.map((kind) => totals?.kinds[kind].hung ?? 0)),
    duplicated: played.duplicated.length,
    lost: sum(kills.map(({ lost }) => lost.length)),
    inFlight: sum(kills.map(({ inFlight }) => inFlight)),
    slowestEndMs: kills.length > 0 ? Math.round(Math.max(...kills.map((kill) => kill.slowestEndMs))) : null,
    slowestMs: Math.round(totals?.slowestMs ?? 0),
    mustFail: scenario.mustFail ?? false,
    examples: failures
      .slice(0, EXAMPLES)
      .map(
        ({ id, kind, kept, idleMs, problem }) =>
          `${id} ${kind} ${kept ? 'kept' : 'fresh'}${idleMs === null ? '' : `, idle for ${idleMs} ms`}: ${problem}`,
      ),
  };
  return { ...row, wrong: wrongWith(row, played) };
}

function killedAt({ strikes, spared }: Played): Row['killedAt'] {
  const at: Row['killedAt'] = {};
  for (const state of spared) at[state] ??= { controller: 0, agent: 0 };
  for (const strike of strikes) {
    at[strike.at] ??= { controller: 0, agent: 0 };
    (at[strike.at] as { controller: number; agent: number })[strike.victim] += 1;
  }
  return at;
}

function wrongWith(row: Omit<Row, 'wrong'>, { scenario, misses, kills }: Played): readonly string[] {
  if (row.missing !== null) return [`missing: ${row.missing}`];
  const wrong = [...misses];
  if (total(row.requests) === 0 && scenario.rounds.usual > 0) wrong.push('no requests were sent');
  if (row.mustFail) {
    if (row.failed + row.hung === 0) wrong.push('no request failed, so this suite could not have shown one');
    return wrong;
  }
  for (const [state, { controller, agent }] of Object.entries(row.killedAt))
    if (controller + agent === 0) wrong.push(`nobody was ever killed at ${state}`);
  if (row.failed > 0) wrong.push(`${row.failed} failed`);
  if (row.hung > 0) wrong.push(`${row.hung} hung`);
  if (row.duplicated > 0) wrong.push(`${row.duplicated} executed twice`);
  for (const kill of kills) {
    if (kill.inFlight === 0) wrong.push(`nothing was in flight on ${kill.what}: it proves nothing`);
    if (kill.slowestEndMs > LOST_END_MS)
      wrong.push(`a request on ${kill.what} ended after ${Math.round(kill.slowestEndMs)} ms`);
  }
  return wrong;
}

function total(requests: Record<Kind, number>): number {
  return sum(KINDS.map((kind) => requests[kind]));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
