import { BROKEN_CELLS, HEALTHY_CELLS } from './judge/grid.ts';
import { promises, surelyOver } from './judge/promises.ts';
import { type CellResult, type Effort, runCell } from './judge/run-cell.ts';
import { SHAPES } from './judge/scenario.ts';
import { printTable, rowsOf } from './judge/table.ts';
import { say } from './workbench.ts';

/**
 * Simulated releases, healthy and broken ones, before Holdfast's judge, the five-minute rule taken literally,
 * Flagger's, Argo's and Kayenta's: who aborts what, and how long a healthy release takes to the whole
 * traffic. Nothing here takes time but arithmetic; a seed replays exactly.
 */
const RELEASES = 10;
const QUICK_RELEASES = 1;
/** Broken ones end early, and their median is what counts. */
const BROKEN_TIMES = 4;

export async function measureJudge(options: {
  readonly seed?: string;
  readonly releases?: string;
  readonly quick?: boolean;
}) {
  const seed = Number(options.seed ?? 1);
  const releases = Number(options.releases ?? (options.quick ? QUICK_RELEASES : RELEASES));
  if (!Number.isInteger(seed) || !(releases >= 1)) throw new Error('--seed and --releases are whole numbers');
  const healthy = SHAPES.flatMap((shape) => {
    const cells = HEALTHY_CELLS.filter(({ scenario }) => scenario.shape === shape);
    say(`${cells.length} cells of ${releases} healthy releases, ${shape}`);
    return run(cells, { seed, releases, lookSeconds: 5 });
  });
  say(`${BROKEN_CELLS.length} cells of ${releases * BROKEN_TIMES} broken releases`);
  const broken = run(BROKEN_CELLS, { seed, releases: releases * BROKEN_TIMES, lookSeconds: 1 });
  const table = rowsOf(healthy, broken);
  process.stderr.write(printTable(table));
  return {
    bounds: promises(healthy, broken),
    seed,
    releases: { ofHealthyCell: releases, ofBrokenCell: releases * BROKEN_TIMES },
    surelyOver: surelyOver(healthy),
    table,
  };
}

function run(cells: typeof HEALTHY_CELLS, effort: Effort): readonly CellResult[] {
  return cells.map((cell, number) => {
    const { shape, extraError, extraMs } = cell.scenario;
    return runCell(
      cell,
      number + 1_000 * SHAPES.indexOf(shape) + (extraError + extraMs > 0 ? 5_000 : 0),
      effort,
    );
  });
}
