import type { Evidence, MetricVerdict, Rule, Verdict } from '../analysis.ts';
import { ANYWHERE, type Count, proportionInterval } from '../confidence-sequence.ts';
import { SLOW_WEIGHTS } from '../evidence.ts';
import { countAbove, countOf, quantileMs } from '../histogram.ts';
import type { SpecialFunctions } from '../ports.ts';
import { logEvidence } from '../split-process.ts';

/**
 * "p95 rises by more than 50 ms" as a question about proportions (reference/rollouts.md §2.4 G):
 * let q be the baseline's p95. If the candidate's p95 lies above q + 50 ms, more than 5 % of its
 * requests are slower than q + 50 ms. Beside a concurrent baseline the e-process of slow answers
 * decides; against stable before a switch there is none, and two confidence sequences do.
 */
export function judgeLatency(
  evidence: Evidence,
  rule: Rule & { readonly share: number },
  special: SpecialFunctions,
): MetricVerdict {
  const candidate = evidence.candidate.latency;
  const baseline = evidence.baseline.latency;
  const q = quantileMs(baseline, rule.latencyQuantile);
  const own = quantileMs(candidate, rule.latencyQuantile);
  const n = { candidate: countOf(candidate), baseline: countOf(baseline) };
  const base = {
    metric: 'latency',
    unit: 'ms' as const,
    candidate: own,
    baseline: q,
    estimate: own === null || q === null ? null : own - q,
    margin: rule.latencyIncreaseMs,
    n,
    alpha: rule.share,
  };
  if (q === null || own === null) {
    return { ...base, verdict: 'undecided', interval: null, sentence: 'no latencies on both sides yet' };
  }
  const bound = q + rule.latencyIncreaseMs;
  const share = (count: Count) => proportionInterval(count, rule.share / 2, { special, prior: ANYWHERE });
  const slow = share({ n: n.candidate, bad: countAbove(candidate, bound) });
  const usual = share({ n: n.baseline, bad: countAbove(baseline, q) });
  const allowed = 1 - rule.latencyQuantile;
  const worse =
    rule.method === 'before'
      ? slow[0] > Math.max(usual[1], allowed)
      : own > bound && logEvidence(evidence.slowLogRatios, SLOW_WEIGHTS) >= Math.log(1 / rule.share);
  const verdict: Verdict = worse ? 'worse' : slow[1] < allowed ? 'notWorse' : 'undecided';
  // Where the candidate's own quantile lies: the share above it is known only within an interval.
  const above = share({ n: n.candidate, bad: countAbove(candidate, own) });
  const at = (quantile: number) => (quantileMs(candidate, quantile) ?? own) - q;
  const [low, high] = [at(1 - above[1]), at(1 - above[0])];
  // The process decides, and not this interval: as long as it has not, the margin is not ruled out.
  const { latencyIncreaseMs: margin } = rule;
  const interval: readonly [number, number] =
    verdict === 'undecided' ? [Math.min(low, margin), Math.max(high, margin)] : [low, high];
  return { ...base, verdict, interval, sentence: sentenceOf(verdict, { own, q, rule }) };
}

function sentenceOf(
  verdict: Verdict,
  { own, q, rule }: { readonly own: number; readonly q: number; readonly rule: Rule },
): string {
  const name = `p${Math.round(rule.latencyQuantile * 100)}`;
  const seen = `${name} is ${own.toFixed(0)} ms on the candidate, ${q.toFixed(0)} ms on the baseline`;
  if (verdict === 'worse')
    return `${seen}: more than the allowed ${rule.latencyIncreaseMs} ms apart, and not by chance`;
  if (verdict === 'notWorse') return `${seen}: certainly within ${rule.latencyIncreaseMs} ms`;
  return `${seen}: neither harm nor its absence is certain at ${rule.latencyIncreaseMs} ms`;
}
