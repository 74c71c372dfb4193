import { ratio } from '../latency.ts';
import { freePort, say, type Workbench } from '../workbench.ts';
import { drive, type Load } from './load.ts';
import { waitUntilServing } from './measure-proxy.ts';
import { startRouter } from './proxies/holdfast.ts';

/**
 * What users notice of a switch: p99 at about half load, with all traffic moved from one instance to
 * another once a second, beside the same load left alone. Rounds alternate, so that what drifts meets
 * both.
 */
const ROUNDS = 7;
const EVERY_MS = 2_000;
/** Fifty connections that think 4 ms: about half of what one worker does here. */
const THINK_MS = 4;

export interface CutOverFigures {
  readonly cutOvers: number;
  readonly calmP99Ms: readonly number[];
  readonly movingP99Ms: readonly number[];
  /** Median of the rounds' ratios. */
  readonly p99Ratio: number;
  readonly failed: number;
}

export async function measureCutOvers(
  workbench: Workbench,
  { program, seconds }: { readonly program: string; readonly seconds: number },
): Promise<CutOverFigures> {
  const upstreams = [await freePort(), await freePort()];
  for (const port of upstreams)
    await workbench.startNode({ name: 'upstream', path: program, args: [String(port)] }).message(10_000);
  const port = await freePort();
  const router = await startRouter(workbench, {
    name: 'holdfast-cut-overs',
    listen: port,
    sticky: { kind: 'none' },
    flags: [],
    upstreams,
  });
  await waitUntilServing(router.started, port);
  const load = { port, seconds, thinkMs: THINK_MS };
  await drive(workbench, load);
  let cutOvers = 0;
  const rounds: { readonly calm: Load; readonly moving: Load }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    say(`cut-overs: round ${round + 1} of ${ROUNDS}`);
    const calm = await drive(workbench, load);
    const moving = setInterval(() => {
      cutOvers += 1;
      router.cutOver();
    }, EVERY_MS);
    rounds.push({ calm, moving: await drive(workbench, load).finally(() => clearInterval(moving)) });
  }
  await router.started.stop();
  const ratios = rounds.map(({ calm, moving }) => moving.p99Ms / calm.p99Ms).sort((a, b) => a - b);
  return {
    cutOvers,
    calmP99Ms: rounds.map(({ calm }) => calm.p99Ms),
    movingP99Ms: rounds.map(({ moving }) => moving.p99Ms),
    p99Ratio: ratio(ratios[Math.floor(ROUNDS / 2)] as number, 1),
    failed: rounds.reduce((sum, { moving }) => sum + moving.failed, 0),
  };
}
