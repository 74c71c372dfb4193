/**
 * Do events prefer the candidate? Intuition: if both arms are equally good, each event (a failure, a
 * slow answer) lands on the candidate with the chance that equals its share of the traffic in that
 * very second. The product over intervals of likelihood ratios at the interval's *counted* split is
 * an e-process, valid at every look and under load and rates that rise and fall (Lindon & Malek,
 * NeurIPS 2022). We mix over rate ratios > 1, so only "worse" counts; ratios may be chosen anew
 * before each interval from what was seen until then.
 */
export interface Split {
  /** Events of the interval, and how many could have been events. */
  readonly candidate: { readonly events: number; readonly n: number };
  readonly other: { readonly events: number; readonly n: number };
}

/** ln of the likelihood ratio so far, for each member of the mixture. */
export type LogRatios = readonly number[];

export function startLogRatios(members: number): LogRatios {
  return Array.from({ length: members }, () => 0);
}

export function addSplit(
  logRatios: LogRatios,
  { candidate, other }: Split,
  ratios: readonly number[],
): LogRatios {
  if (candidate.events + other.events === 0 || candidate.n === 0 || other.n === 0) return logRatios;
  const share = candidate.n / (candidate.n + other.n);
  return logRatios.map((sum, index) => {
    const ratio = ratios[index] as number;
    const shifted = (ratio * share) / (ratio * share + 1 - share);
    return (
      sum +
      candidate.events * Math.log(shifted / share) +
      other.events * Math.log((1 - shifted) / (1 - share))
    );
  });
}

/** ln of the e-value: the mean over the mixture, by weight. Reject at ln(1/α). */
export function logEvidence(logRatios: LogRatios, weights: readonly number[]): number {
  const most = Math.max(...logRatios);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mixed = logRatios.reduce(
    (sum, value, index) => sum + ((weights[index] as number) / total) * Math.exp(value - most),
    0,
  );
  return most + Math.log(mixed);
}
