import type { Evidence, Judgement, Method, MetricVerdict, Rule, Verdict } from './analysis.ts';
import { harmWouldShow } from './harm-would-show.ts';
import { judgeBefore } from './judges/before.ts';
import { judgeMetric } from './judges/custom-metric.ts';
import { judgeErrorRate } from './judges/error-rate.ts';
import { judgeLatency } from './judges/latency.ts';
import { judgePlainErrors, judgePlainLatency } from './judges/plain.ts';
import type { SpecialFunctions } from './ports.ts';

type Judge = (
  evidence: Evidence,
  rule: Rule & { readonly share: number },
  special: SpecialFunctions,
) => MetricVerdict;

interface Member {
  readonly judge: Judge;
  /** Its part of α. Slow answers are many and failures few: errors need nearly all of it. */
  readonly spends: number;
}

/** The part of α that the user's own metrics share. */
const METRICS_SPEND = 0.2;
const LATENCY: Member = { judge: judgeLatency, spends: 0.1 };
const JUDGES: { readonly [method in Method]: readonly Member[] } = {
  sequential: [{ judge: judgeErrorRate, spends: 0.9 }, LATENCY],
  before: [{ judge: judgeBefore, spends: 0.9 }, LATENCY],
  plain: [
    { judge: judgePlainErrors, spends: 0.5 },
    { judge: judgePlainLatency, spends: 0.5 },
  ],
};

/** One judgement from all metrics: any worse is worse; all not worse is not worse. */
export function judge(evidence: Evidence, rule: Rule, special: SpecialFunctions): Judgement {
  const own = rule.metrics.length;
  const rest = own === 0 ? 1 : 1 - METRICS_SPEND;
  const metrics = [
    ...JUDGES[rule.method].map(({ judge: one, spends }) =>
      one(evidence, { ...rule, share: rule.alpha * spends * rest }, special),
    ),
    ...rule.metrics.map((metric) => judgeMetric(evidence, metric, (rule.alpha * METRICS_SPEND) / own)),
  ];
  const verdict = combine(metrics, evidence.candidate.requests < rule.minimumRequests);
  return {
    verdict,
    wouldShow:
      verdict === 'undecided' &&
      rule.method === 'sequential' &&
      harmWouldShow(evidence, rule) &&
      metrics.every((metric) => metric.unit !== 'share' || speaksAgainstHarm(metric)),
    onlySilent:
      verdict === 'undecided' && metrics.every((metric) => metric.verdict === 'notWorse' || isSilent(metric)),
    metrics,
    sentence: sentenceOf(verdict, metrics, { evidence, rule }),
  };
}

function isSilent({ unit, interval }: MetricVerdict): boolean {
  return unit === 'share' && interval === null;
}

/** A metric of the user's own holds a release until its deadline unless it has spoken, and not of harm. */
function speaksAgainstHarm({ verdict, interval, margin }: MetricVerdict): boolean {
  return verdict === 'notWorse' || (interval !== null && Math.abs((interval[0] + interval[1]) / 2) < margin);
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
