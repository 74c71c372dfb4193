import type { ArmTotals, Evidence, MetricVerdict, Rule, Verdict } from '../analysis.ts';
import { proportionInterval, RARE } from '../confidence-sequence.ts';
import { ERROR_WEIGHTS } from '../evidence.ts';
import type { SpecialFunctions } from '../ports.ts';
import { logEvidence } from '../split-process.ts';

/**
 * Worse: the e-process rejects equality at α *and* the observed difference exceeds the user's
 * margin. Not worse: the candidate's upper bound lies below stable's lower bound plus the margin.
 */
export function judgeErrorRate(
  evidence: Evidence,
  rule: Rule & { readonly share: number },
  special: SpecialFunctions,
): MetricVerdict {
  const { candidate, stable } = evidence;
  const alpha = rule.share;
  const interval = (arm: ArmTotals) =>
    proportionInterval({ n: arm.units, bad: arm.failedUnits }, alpha / 2, { special, prior: RARE });
  const [lowC, highC] = interval(candidate);
  const rateC = rate(candidate);
  // Stable at the candidate's own hours: what it failed in the intervals in which the candidate served.
  const rateS =
    candidate.units === 0 || stable.units === 0 ? null : evidence.expectedFailures / candidate.units;
  const [lowS, highS] = interval({ ...stable, failedUnits: Math.round((rateS ?? 0) * stable.units) });
  const estimate = rateC === null || rateS === null ? null : rateC - rateS;
  const strength = logEvidence(evidence.logRatios, ERROR_WEIGHTS);
  const worse = estimate !== null && estimate > rule.errorIncrease && strength >= Math.log(1 / alpha);
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
    alpha,
    sentence: errorSentence(verdict, { rateC, rateS, estimate, rule }),
  };
}

function rate(arm: { readonly units: number; readonly failedUnits: number }): number | null {
  return arm.units === 0 ? null : arm.failedUnits / arm.units;
}

export interface ErrorWords {
  readonly rateC: number | null;
  readonly rateS: number | null;
  readonly estimate: number | null;
  readonly rule: Rule;
}

export function errorSentence(verdict: Verdict, { rateC, rateS, estimate, rule }: ErrorWords): string {
  if (rateC === null || rateS === null || estimate === null) return 'no requests on both sides yet';
  const seen = `${percent(rateC)} of the candidate's requests failed, ${percent(rateS)} of stable's`;
  const margin = `${(rule.errorIncrease * 100).toFixed(2)} percentage points`;
  if (verdict === 'worse') return `${seen}: more than the allowed ${margin}, and not by chance`;
  if (verdict === 'notWorse') return `${seen}: certainly less than ${margin} apart`;
  return `${seen}: neither harm nor its absence is certain at ${margin}`;
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}
