import type { ArmTotals, Evidence, MetricVerdict, Rule, Verdict } from '../analysis.ts';
import { proportionInterval, RARE } from '../confidence-sequence.ts';
import type { SpecialFunctions } from '../ports.ts';
import { errorSentence } from './error-rate.ts';

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
  const interval = (arm: ArmTotals) =>
    proportionInterval({ n: arm.units, bad: arm.failedUnits }, rule.share / 2, { special, prior: RARE });
  const [lowC, highC] = interval(candidate);
  const [lowS, highS] = interval(stable);
  const rateC = candidate.units === 0 ? null : candidate.failedUnits / candidate.units;
  const rateS = stable.units === 0 ? null : stable.failedUnits / stable.units;
  const estimate = rateC === null || rateS === null ? null : rateC - rateS;
  const worse = estimate !== null && lowC > highS + rule.errorIncrease;
  const fine = estimate !== null && highC < lowS + rule.errorIncrease;
  const verdict: Verdict = worse ? 'worse' : fine ? 'notWorse' : 'undecided';
  return {
    metric: 'errorRate',
    unit: 'rate',
    verdict,
    candidate: rateC,
    baseline: rateS,
    estimate,
    interval: estimate === null ? null : [lowC - highS, highC - lowS],
    margin: rule.errorIncrease,
    n: { candidate: candidate.units, baseline: stable.units },
    alpha: rule.share,
    sentence: errorSentence(verdict, { rateC, rateS, estimate, rule }),
  };
}
