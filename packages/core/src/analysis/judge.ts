import type { Evidence, Judgement, Method, MetricVerdict, Rule, Verdict } from './analysis.ts';
import { judgeBefore } from './judges/before.ts';
import { judgeErrorRate } from './judges/error-rate.ts';
import { judgeLatency } from './judges/latency.ts';
import { judgePlainErrors, judgePlainLatency } from './judges/plain.ts';
import type { SpecialFunctions } from './ports.ts';

type Judge = (
  evidence: Evidence,
  rule: Rule & { readonly share: number },
  special: SpecialFunctions,
) => MetricVerdict;

const JUDGES: { readonly [method in Method]: readonly Judge[] } = {
  sequential: [judgeErrorRate, judgeLatency],
  before: [judgeBefore, judgeLatency],
  plain: [judgePlainErrors, judgePlainLatency],
};

/** One judgement from all metrics: any worse is worse; all not worse is not worse. */
export function judge(evidence: Evidence, rule: Rule, special: SpecialFunctions): Judgement {
  const judges = JUDGES[rule.method];
  const each = { ...rule, share: rule.alpha / judges.length };
  const metrics = judges.map((one) => one(evidence, each, special));
  const verdict = combine(metrics, evidence.candidate.requests < rule.minimumRequests);
  return { verdict, metrics, sentence: sentenceOf(verdict, metrics, { evidence, rule }) };
}

function combine(metrics: readonly MetricVerdict[], few: boolean): Verdict {
  if (metrics.some((metric) => metric.verdict === 'worse')) return 'worse';
  if (few) return 'insufficientData';
  return metrics.every((metric) => metric.verdict === 'notWorse') ? 'notWorse' : 'undecided';
}

function sentenceOf(
  verdict: Verdict,
  metrics: readonly MetricVerdict[],
  { evidence, rule }: { readonly evidence: Evidence; readonly rule: Rule },
): string {
  if (verdict === 'insufficientData') {
    return `${evidence.candidate.requests} requests reached the candidate, fewer than the ${rule.minimumRequests} it takes to say anything`;
  }
  const telling = metrics.filter((metric) => metric.verdict === verdict);
  return (telling.length > 0 ? telling : metrics).map((metric) => metric.sentence).join('; ');
}
