import type { JsonObject } from '../kernel/json.ts';

/**
 * A release is an artifact plus the frozen configuration of one environment and the versions of
 * the secrets it names. Changing any of the three makes another release.
 */
export interface Release {
  readonly id: string;
  readonly environment: string;
  /** Counts up within the environment: what people say ("release 14"). */
  readonly number: number;
  readonly artifact: { readonly name: string; readonly digest: string };
  readonly config: JsonObject;
  readonly secretVersions: { readonly [name: string]: number };
  readonly commit: string | null;
}

/** Which releases stay returnable: stable, and the `keep` newest ones that once served. */
export function retained<Item extends { readonly id: string; readonly servedAt: number | null }>(
  releases: readonly Item[],
  keep: number,
): readonly Item[] {
  return releases
    .filter((release) => release.servedAt !== null)
    .sort((a, b) => (b.servedAt ?? 0) - (a.servedAt ?? 0))
    .slice(0, keep + 1);
}
