import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@holdfast/contract/id.ts';

/**
 * Asks for a run as a careful caller does: one Idempotency-Key, tried at one controller after the
 * other until somebody acknowledges. Every try's outcome is kept: `unknown` means that the run may
 * or may not have been asked for, and only the key settles it.
 *
 * The plain HTTP call is used, not the typed client, which hides which try was answered how.
 */
export interface Try {
  readonly at: number;
  readonly outcome: 'acknowledged' | 'refused' | 'unknown';
  readonly detail: string;
}

export interface Ask {
  /** Its own name for the run, found again in the run's inputs. */
  readonly trigger: string;
  readonly repository: string;
  readonly inputs: { readonly [name: string]: string };
}

export interface SentTrigger {
  readonly ask: Ask;
  readonly tries: readonly Try[];
  /** The id it was acknowledged with; null: never. */
  readonly id: string | null;
}

export interface TriggerTarget {
  readonly addresses: readonly string[];
  readonly token: string;
  /** How long is asked until it is given up, when that is not PATIENCE_MS. */
  readonly patienceMs?: number;
}

const TRY_MS = 5_000;
const PAUSE_MS = 150;
export const PATIENCE_MS = 120_000;

export async function sendTrigger(target: TriggerTarget, ask: Ask): Promise<SentTrigger> {
  const key = newId();
  const tries: Try[] = [];
  for (
    const deadline = performance.now() + (target.patienceMs ?? PATIENCE_MS);
    performance.now() < deadline;
    await sleep(PAUSE_MS)
  ) {
    const address = target.addresses[tries.length % target.addresses.length] as string;
    const { id, ...made } = await tryOnce(`${address}/api/v1/runs`, { token: target.token, key, ask });
    tries.push(made);
    if (id !== null) return { ask, tries, id };
  }
  return { ask, tries, id: null };
}

async function tryOnce(
  url: string,
  { token, key, ask }: { readonly token: string; readonly key: string; readonly ask: Ask },
): Promise<Try & { readonly id: string | null }> {
  const at = Date.now();
  const inputs = { trigger: ask.trigger, ...ask.inputs };
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify({ repository: ask.repository, inputs }),
      signal: AbortSignal.timeout(TRY_MS),
    });
    const body = (await answer.json()) as { trigger?: string; code?: string };
    if (answer.ok && body.trigger)
      return { at, outcome: 'acknowledged', detail: String(answer.status), id: body.trigger };
    // A refusal with 5xx may come from a controller that had committed already.
    const outcome = answer.status >= 500 ? 'unknown' : 'refused';
    return { at, outcome, detail: `${answer.status} ${body.code}`, id: null };
  } catch (error) {
    return { at, outcome: 'unknown', detail: (error as Error).message, id: null };
  }
}
