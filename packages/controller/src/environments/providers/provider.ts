import type { StrategyConfig } from '@holdfast/contract/config/strategy-yaml.ts';

/**
 * Where a metric's values come from. A provider answers or throws `ProviderProblem` with a sentence; what it
 * throws is shown and is never a failure of the release.
 */
export type MetricConfig = StrategyConfig['analysis']['metrics'][number] & { readonly url: string };

export interface MetricProvider {
  /** The value now, for this release where the query names it. */
  now(metric: MetricConfig, release: NamedRelease | null): Promise<number>;
  /** Values of the time before, oldest first; empty where the provider keeps no past. */
  past(
    metric: MetricConfig,
    span: { readonly until: number; readonly seconds: number },
  ): Promise<readonly number[]>;
}

export interface NamedRelease {
  /** As the app sees it in HOLDFAST_RELEASE and HOLDFAST_RELEASE_NUMBER. */
  readonly digest: string;
  readonly number: number;
}

export class ProviderProblem extends Error {}

const TIMEOUT_MS = 5_000;
const LARGEST_BYTES = 1_048_576;

/** Whether the arms of a rollout can be told apart. */
export function namesRelease({ url, query }: Pick<MetricConfig, 'url' | 'query'>): boolean {
  return /\{\{release(Number)?\}\}/.test(decodeURI(url) + query);
}

export function fillRelease(text: string, release: NamedRelease | null): string {
  if (!release) return text;
  return text
    .replaceAll('{{release}}', release.digest)
    .replaceAll('{{releaseNumber}}', String(release.number));
}

/** No redirects: the address was allowed, where it points to was not. */
export async function askJson(url: string, token: string | undefined): Promise<unknown> {
  try {
    const answer = await fetch(url, {
      headers: { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new ProviderProblem(`it answered ${answer.status}`);
    return parse(await readLimited(answer));
  } catch (error) {
    if (error instanceof ProviderProblem) throw error;
    const late = (error as Error).name === 'TimeoutError';
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    throw new ProviderProblem(late ? `no answer within ${TIMEOUT_MS / 1_000} s` : (cause ?? 'no answer'));
  }
}

async function readLimited(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > LARGEST_BYTES) throw new ProviderProblem('its answer is larger than 1 MiB');
  }
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProviderProblem('its answer is not JSON');
  }
}

export function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new ProviderProblem(`expected a number, found ${JSON.stringify(value)?.slice(0, 60) ?? 'nothing'}`);
}
