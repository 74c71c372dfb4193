/** Doubling pause with a ceiling. `jitter` is 0..1 from the caller, who owns randomness. */
export function backoffMs(
  failures: number,
  jitter: number,
  limits: { readonly firstMs: number; readonly mostMs: number },
): number {
  const grown = limits.firstMs * 2 ** Math.max(0, failures - 1);
  return Math.min(limits.mostMs, grown) * (0.5 + jitter / 2);
}
