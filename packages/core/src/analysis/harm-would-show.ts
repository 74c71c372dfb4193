import type { Evidence, Rule } from './analysis.ts';
import { ERROR_ADDITIONS, ERROR_WEIGHTS, SLOW_WEIGHTS } from './evidence.ts';
import { countOf } from './histogram.ts';
import { logEvidence } from './split-process.ts';

/** The harm that would have to show: errors up by six margins, or twice as many slow answers. */
const TELLING_ADDITION = ERROR_ADDITIONS[1];
const TELLING_SLOWNESS = 2;
/** So many times the evidence that an abort takes is expected under it. */
const SURE = 2;

/**
 * "Nothing bad was seen, and the traffic was enough to see it" (measured.md §2): under such a harm
 * the log evidence would be expected at twice the threshold by now, and it is below zero instead.
 * Not a proof of "not worse" at the margin itself, for which few have the traffic; enough to go on
 * while the evidence is carried along.
 */
export function harmWouldShow(evidence: Evidence, rule: Rule): boolean {
  const { candidate, stable, baseline, logRatios, slowLogRatios } = evidence;
  if (logEvidence(logRatios, ERROR_WEIGHTS) > 0 || logEvidence(slowLogRatios, SLOW_WEIGHTS) > 0) return false;
  const wanted = SURE * Math.log(1 / rule.alpha);
  const rate = (stable.failedUnits + 1) / (stable.units + 200);
  const harmed = Math.min(1, rate + TELLING_ADDITION * rule.errorIncrease) / rate;
  const errors = expectedEvidence({ candidate: candidate.units, other: stable.units }, rate, harmed);
  const answers = { candidate: countOf(candidate.latency), other: countOf(baseline.latency) };
  const slow = expectedEvidence(answers, 1 - rule.latencyQuantile, TELLING_SLOWNESS);
  return errors >= wanted && slow >= wanted;
}

/** Of events at this rate in one arm and `ratio` times it in the candidate: their number × divergence. */
function expectedEvidence(
  { candidate, other }: { readonly candidate: number; readonly other: number },
  rate: number,
  ratio: number,
): number {
  if (candidate === 0 || other === 0) return 0;
  const share = candidate / (candidate + other);
  const shifted = (ratio * share) / (ratio * share + 1 - share);
  const events = candidate * rate * ratio + other * rate;
  return (
    events * (shifted * Math.log(shifted / share) + (1 - shifted) * Math.log((1 - shifted) / (1 - share)))
  );
}
