import { round } from '../latency.ts';
import { say } from '../workbench.ts';
import { backendOf, besideApp, onFreshCopy, type Place, type Scene } from './beside-app.ts';
import type { Noticed } from './foreground.ts';
import { type Pace, type PhaseRun, renaming, runPhase } from './holdfast-method.ts';
import type { MethodRun } from './run-trigger-method.ts';
import { type LockHold, openWatched, type Watched } from './watched-session.ts';

export interface HoldfastRun extends MethodRun {
  readonly batchMs: number;
  readonly nice: number;
  readonly held: PhaseRun['held'];
  readonly heldShare: number;
  readonly parts: readonly BatchPart[];
  readonly holds: readonly LockHold[];
  /** What the app noticed in the phases that change the table's shape. */
  readonly phases: readonly PhaseNoticed[];
}

interface BatchPart {
  readonly statement: string;
  readonly times: number;
  readonly meanMs: number;
  /** Of the backfill's whole time. */
  readonly share: number;
}

export interface PhaseNoticed extends PhaseRun {
  readonly phase: 'expand' | 'verify' | 'contract';
  readonly app: Noticed;
}

interface Options {
  readonly name: string;
  readonly pace: Pace;
  readonly limitSeconds: number;
}

const PHASE_LIMIT_SECONDS = 120;
const RENAME = { from: 'mail', to: 'email', version: 7 } as const;

export function runHoldfast(place: Place, { name, pace, limitSeconds }: Options): Promise<HoldfastRun> {
  return onFreshCopy(place, { name, statistics: 'usual' }, async (scene) => {
    const watched = await openWatched(scene.url);
    const phase = (of: PhaseNoticed['phase']) => phaseBeside(scene, watched, { phase: of, pace });
    try {
      const before = await scene.app.over(place.beforeSeconds);
      const phases = [await phase('expand')];
      watched.spent.clear();
      const measured = await besideApp(place, scene, {
        backend: await backendOf(watched.session),
        work: () => backfill(watched, { pace, limitSeconds }),
      });
      const parts = partsOf(watched, measured.seconds);
      if (measured.finished) phases.push(await phase('verify'), await phase('contract'));
      const { batchMs, nice } = pace;
      return { name, before, batchMs, nice, ...measured, parts, holds: watched.holds, phases };
    } finally {
      await watched.session.close();
    }
  });
}

async function backfill({ session }: Watched, run: { readonly pace: Pace; readonly limitSeconds: number }) {
  const ran = await runPhase(session, 'backfill', { source: renaming(RENAME), ...run });
  const text = `SELECT coalesce(sum(rows), 0)::float8 AS rows FROM holdfast.step WHERE phase = 'backfill'`;
  const { rows } = await session.query<{ rows: number }>(text);
  return { ...ran, rows: rows[0]?.rows ?? 0 };
}

async function phaseBeside(
  { app }: Scene,
  { session }: Watched,
  { phase, pace }: { readonly phase: PhaseNoticed['phase']; readonly pace: Pace },
): Promise<PhaseNoticed> {
  if (phase === 'contract') await app.speakOf(RENAME.to);
  await app.take();
  const source = renaming(RENAME);
  const run = await runPhase(session, phase, { source, pace, limitSeconds: PHASE_LIMIT_SECONDS });
  const noticed = await app.take();
  say(`${phase}: ${round(run.seconds)} s, ${run.finished ? 'done' : 'not done'}, p99 ${noticed.p99} ms`);
  return { phase, ...run, app: noticed };
}

const PARTS = 10;

function partsOf({ spent }: Watched, seconds: number): readonly BatchPart[] {
  return [...spent]
    .map(([statement, { ms, times }]) => ({
      statement,
      times,
      meanMs: round(ms / times),
      share: round(ms / 1_000 / seconds),
    }))
    .sort((one, other) => other.share - one.share)
    .slice(0, PARTS);
}
