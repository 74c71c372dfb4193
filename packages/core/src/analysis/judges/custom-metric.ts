import type { Evidence, MetricEvidence, MetricRule, MetricVerdict, Verdict } from '../analysis.ts';
import { FEWEST, meanRadius } from '../running.ts';

/**
 * A metric of the user's own, sampled once an interval: the relative difference to the baseline at
 * the same moment, or to before the rollout where the query does not tell the arms apart. Worse, not
 * worse: the confidence sequence lies beyond the margin, or within. A provider that does not answer
 * is said and proves nothing.
 */
export function judgeMetric(evidence: Evidence, rule: MetricRule, alpha: number): MetricVerdict {
  const seen = evidence.metrics[rule.name];
  const said = seen ? differenceOf(seen, alpha) : null;
  const base = {
    metric: rule.name,
    unit: 'share' as const,
    margin: rule.margin,
    alpha,
    n: { candidate: seen?.pairs.n || seen?.candidate.n || 0, baseline: seen?.pairs.n || seen?.before.n || 0 },
    candidate: seen && seen.candidate.n > 0 ? seen.candidate.mean : null,
    baseline: seen && seen.before.n > 0 ? seen.before.mean : null,
  };
  if (!said || !Number.isFinite(said.radius)) {
    const why = seen?.problem ? `its provider: ${seen.problem}` : `${base.n.candidate} of ${FEWEST} samples`;
    return {
      ...base,
      verdict: 'undecided',
      estimate: null,
      interval: null,
      sentence: `${rule.name} says nothing yet (${why})`,
    };
  }
  const { mean, radius } = said;
  const interval: readonly [number, number] = [mean - radius, mean + radius];
  const harm = harmIn(interval, rule.direction);
  const verdict: Verdict =
    harm.low > rule.margin ? 'worse' : harm.high < rule.margin ? 'notWorse' : 'undecided';
  return { ...base, verdict, estimate: mean, interval, sentence: sentenceOf(verdict, mean, rule) };
}

/** Values that do not vary at all are rounded, not certain. */
const LEAST_RADIUS = 0.005;

function differenceOf(
  { pairs, candidate, before }: MetricEvidence,
  alpha: number,
): { readonly mean: number; readonly radius: number } | null {
  if (pairs.n > 0) return { mean: pairs.mean, radius: Math.max(meanRadius(pairs, alpha), LEAST_RADIUS) };
  if (candidate.n === 0 || before.n === 0 || before.mean === 0) return null;
  const scale = Math.abs(before.mean);
  const radius = meanRadius(candidate, alpha / 2) + meanRadius(before, alpha / 2);
  return { mean: (candidate.mean - before.mean) / scale, radius: Math.max(radius / scale, LEAST_RADIUS) };
}

/** The least and the most harm in an interval of differences. */
function harmIn(
  [low, high]: readonly [number, number],
  direction: MetricRule['direction'],
): { readonly low: number; readonly high: number } {
  if (direction === 'increase') return { low, high };
  if (direction === 'decrease') return { low: -high, high: -low };
  const crosses = low <= 0 && high >= 0;
  return {
    low: crosses ? 0 : Math.min(Math.abs(low), Math.abs(high)),
    high: Math.max(Math.abs(low), Math.abs(high)),
  };
}

function sentenceOf(verdict: Verdict, mean: number, rule: MetricRule): string {
  const moved = `${rule.name} is ${Math.abs(mean * 100).toFixed(1)} % ${mean < 0 ? 'lower' : 'higher'}`;
  const allowed = `${(rule.margin * 100).toFixed(1)} %`;
  if (verdict === 'worse') return `${moved}: more than the allowed ${allowed}, and not by chance`;
  if (verdict === 'notWorse') return `${moved}: certainly within ${allowed}`;
  return `${moved}: neither harm nor its absence is certain at ${allowed}`;
}
