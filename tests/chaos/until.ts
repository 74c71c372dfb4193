import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again until the answer is there. A look that fails is a look that found nothing. */
export interface Patience {
  readonly limitMs: number;
  readonly everyMs?: number;
}

export async function until<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false> | Value | null | undefined | false,
  { limitMs, everyMs = 50 }: Patience,
): Promise<Value> {
  const deadline = performance.now() + limitMs;
  for (let failure = ''; ; await sleep(everyMs)) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      failure = ` (${(error as Error).message})`;
    }
    if (performance.now() > deadline)
      throw new Error(`waited ${Math.round(limitMs / 1000)} s for ${what}${failure}`);
  }
}
