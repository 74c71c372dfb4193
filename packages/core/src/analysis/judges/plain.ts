import type { ArmSample, Evidence, MetricVerdict, Rule, Sample, Slice, Verdict } from '../analysis.ts';
import { mergeSamples, SLICE_SECONDS, WINDOW_SLICES } from '../evidence.ts';
import { quantileMs } from '../histogram.ts';

export function judgePlainErrors(evidence: Evidence, rule: Rule & { readonly share: number }): MetricVerdict {
  const rate = ({ units, failedUnits }: ArmSample) => (units === 0 ? null : failedUnits / units);
  return judgePlain(evidence, rule, {
    metric: 'errorRate',
    unit: 'rate',
    margin: rule.errorIncrease,
    valueOf: rate,
    words: (value) => `${(value * 100).toFixed(2)} % of requests failed`,
  });
}

export function judgePlainLatency(
  evidence: Evidence,
  rule: Rule & { readonly share: number },
): MetricVerdict {
  return judgePlain(evidence, rule, {
    metric: 'latency',
    unit: 'ms',
    margin: rule.latencyIncreaseMs,
    valueOf: ({ latency }) => quantileMs(latency, rule.latencyQuantile),
    words: (value) => `p${Math.round(rule.latencyQuantile * 100)} is ${value.toFixed(0)} ms`,
  });
}

interface Plain {
  readonly metric: MetricVerdict['metric'];
  readonly unit: MetricVerdict['unit'];
  readonly margin: number;
  readonly valueOf: (arm: ArmSample) => number | null;
  readonly words: (value: number) => string;
}

/**
 * "More than the margin for five minutes": every ten seconds the last minute is looked at, and
 * worse means that every look of the duration was over the threshold. A look at fewer requests
 * than the minimum is no look. No statistics: reference/rollouts.md §2.5 says how often it is wrong.
 */
function judgePlain(
  evidence: Evidence,
  rule: Rule & { readonly share: number },
  plain: Plain,
): MetricVerdict {
  const { recent } = evidence;
  const newest = recent.at(-1)?.slice ?? 0;
  const wanted = Math.max(1, Math.ceil(rule.plainForMs / 1_000 / SLICE_SECONDS));
  const looks = Array.from({ length: wanted }, (_, back) => lookAt(recent, newest - back, { rule, plain }));
  const last = looks[0] ?? NO_LOOK;
  const worse = looks.every((look) => look.over === true);
  const verdict: Verdict = worse ? 'worse' : last.over === false ? 'notWorse' : 'undecided';
  const { candidate, baseline } = last;
  return {
    metric: plain.metric,
    unit: plain.unit,
    verdict,
    candidate,
    baseline,
    estimate: candidate === null || baseline === null ? null : candidate - baseline,
    interval: null,
    margin: plain.margin,
    n: { candidate: last.n, baseline: last.baselineN },
    alpha: rule.share,
    sentence: sentenceOf(verdict, last, { rule, plain }),
  };
}

interface Look {
  /** null: too few requests to say. */
  readonly over: boolean | null;
  readonly candidate: number | null;
  readonly baseline: number | null;
  readonly n: number;
  readonly baselineN: number;
}

const NO_LOOK: Look = { over: null, candidate: null, baseline: null, n: 0, baselineN: 0 };

function lookAt(
  recent: readonly Slice[],
  end: number,
  { rule, plain }: { readonly rule: Rule; readonly plain: Plain },
): Look {
  const minute = recent.filter((entry) => entry.slice <= end && entry.slice > end - WINDOW_SLICES);
  const first = minute[0];
  if (!first) return NO_LOOK;
  const seen = minute.slice(1).reduce<Sample>((all, entry) => mergeSamples(all, entry), first);
  const [candidate, baseline] = [plain.valueOf(seen.candidate), plain.valueOf(seen.baseline)];
  const n = seen.candidate.requests;
  const said = candidate !== null && baseline !== null && n >= rule.minimumRequests;
  const over = said ? candidate - baseline > plain.margin : null;
  return { over, candidate, baseline, n, baselineN: seen.baseline.requests };
}

function sentenceOf(
  verdict: Verdict,
  { candidate, baseline }: Look,
  { rule, plain }: { readonly rule: Rule; readonly plain: Plain },
): string {
  if (candidate === null || baseline === null) return 'no requests on both sides yet';
  const seen = `${plain.words(candidate)} on the candidate, ${plain.words(baseline)} on the baseline in the last minute`;
  const long = `${Math.round(rule.plainForMs / 1_000)} s`;
  if (verdict === 'worse') return `${seen}: over the threshold at every look for ${long}`;
  return verdict === 'notWorse' ? `${seen}: within the threshold` : `${seen}: not over it for ${long}`;
}
