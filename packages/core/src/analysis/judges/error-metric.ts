import type { MetricVerdict, Rule, Verdict } from '../analysis.ts';

/** Two error rates as they were seen, each with its interval: what every judge of errors says, in one form. */
export interface ErrorRates {
  readonly candidate: {
    readonly rate: number | null;
    readonly interval: readonly [number, number];
    readonly n: number;
  };
  readonly stable: {
    readonly rate: number | null;
    readonly interval: readonly [number, number];
    readonly n: number;
  };
}

/** Candidate less stable; null: one of them has said nothing. */
export function estimateOf({ candidate, stable }: ErrorRates): number | null {
  return candidate.rate === null || stable.rate === null ? null : candidate.rate - stable.rate;
}

/** Not worse: the candidate's upper bound lies below stable's lower bound plus the margin. */
export function verdictOf(rates: ErrorRates, worse: boolean, { errorIncrease }: Rule): Verdict {
  if (estimateOf(rates) === null) return 'undecided';
  if (worse) return 'worse';
  return rates.candidate.interval[1] < rates.stable.interval[0] + errorIncrease ? 'notWorse' : 'undecided';
}

export function errorMetric(
  rates: ErrorRates,
  verdict: Verdict,
  rule: Rule & { readonly share: number },
): MetricVerdict {
  const { candidate, stable } = rates;
  const estimate = estimateOf(rates);
  return {
    metric: 'errorRate',
    unit: 'rate',
    verdict,
    candidate: candidate.rate,
    baseline: stable.rate,
    estimate,
    interval:
      estimate === null
        ? null
        : [candidate.interval[0] - stable.interval[1], candidate.interval[1] - stable.interval[0]],
    margin: rule.errorIncrease,
    n: { candidate: candidate.n, baseline: stable.n },
    alpha: rule.share,
    sentence: sentenceOf(rates, verdict, rule),
  };
}

function sentenceOf({ candidate, stable }: ErrorRates, verdict: Verdict, rule: Rule): string {
  if (candidate.rate === null || stable.rate === null) return 'no requests on both sides yet';
  const seen = `${percent(candidate.rate)} of the candidate's requests failed, ${percent(stable.rate)} of stable's`;
  const margin = `${(rule.errorIncrease * 100).toFixed(2)} percentage points`;
  if (verdict === 'worse') return `${seen}: more than the allowed ${margin}, and not by chance`;
  if (verdict === 'notWorse') return `${seen}: certainly less than ${margin} apart`;
  return `${seen}: neither harm nor its absence is certain at ${margin}`;
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}
