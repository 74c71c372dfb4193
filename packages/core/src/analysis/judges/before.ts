import type { ArmTotals, Evidence, MetricVerdict, Rule } from '../analysis.ts';
import { proportionInterval, RARE } from '../confidence-sequence.ts';
import type { SpecialFunctions } from '../ports.ts';
import { type ErrorRates, errorMetric, verdictOf } from './error-metric.ts';

/**
 * The error rate after a switch against stable's before it: two confidence sequences and the
 * margin between them (reference/rollouts.md §2.4 A). There is no concurrent arm, so the e-process
 * of the canary has nothing to say here.
 */
export function judgeBefore(
  { candidate, stable }: Evidence,
  rule: Rule & { readonly share: number },
  special: SpecialFunctions,
): MetricVerdict {
  const of = ({ units, failedUnits }: ArmTotals): ErrorRates['candidate'] => ({
    rate: units === 0 ? null : failedUnits / units,
    interval: proportionInterval({ n: units, bad: failedUnits }, rule.share / 2, { special, prior: RARE }),
    n: units,
  });
  const rates: ErrorRates = { candidate: of(candidate), stable: of(stable) };
  const worse = rates.candidate.interval[0] > rates.stable.interval[1] + rule.errorIncrease;
  return errorMetric(rates, verdictOf(rates, worse, rule), rule);
}
