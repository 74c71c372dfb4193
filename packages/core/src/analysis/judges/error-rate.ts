import type { Evidence, MetricVerdict, Rule } from '../analysis.ts';
import { proportionInterval, RARE } from '../confidence-sequence.ts';
import { ERROR_WEIGHTS } from '../evidence.ts';
import type { SpecialFunctions } from '../ports.ts';
import { logEvidence } from '../split-process.ts';
import { type ErrorRates, errorMetric, estimateOf, verdictOf } from './error-metric.ts';

/** Worse: the e-process rejects equality at α *and* the observed difference exceeds the user's margin. */
export function judgeErrorRate(
  evidence: Evidence,
  rule: Rule & { readonly share: number },
  special: SpecialFunctions,
): MetricVerdict {
  const { candidate, stable, expectedFailures, logRatios } = evidence;
  const interval = (n: number, bad: number) =>
    proportionInterval({ n, bad }, rule.share / 2, { special, prior: RARE });
  // Stable at the candidate's own hours: what it failed in the intervals in which the candidate served.
  const own = candidate.units === 0 || stable.units === 0 ? null : expectedFailures / candidate.units;
  const rates: ErrorRates = {
    candidate: {
      rate: candidate.units === 0 ? null : candidate.failedUnits / candidate.units,
      interval: interval(candidate.units, candidate.failedUnits),
      n: candidate.units,
    },
    stable: {
      rate: own,
      interval: interval(stable.units, Math.round((own ?? 0) * stable.units)),
      n: stable.units,
    },
  };
  const certain = logEvidence(logRatios, ERROR_WEIGHTS) >= Math.log(1 / rule.share);
  const worse = certain && (estimateOf(rates) ?? 0) > rule.errorIncrease;
  const metric = errorMetric(rates, verdictOf(rates, worse, rule), rule);
  return certain ? { ...metric, interval: aboveZero(metric.interval) } : metric;
}

/** Equality is ruled out, by the process and not by the two intervals: both are shown as one. */
function aboveZero(interval: MetricVerdict['interval']): MetricVerdict['interval'] {
  return interval && [Math.max(0, interval[0]), Math.max(0, interval[1])];
}
