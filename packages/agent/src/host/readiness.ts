import type { Order } from '@holdfast/contract/agent/protocol.ts';
import { z } from 'zod';

/**
 * The readiness contract, asked once: a good answer is quick, says that it is this release, that
 * what it depends on is connected and warm; then the business probes. A plain 2xx without JSON is
 * believed and called shallow.
 */
export type Readiness =
  | { readonly ready: true; readonly shallow: boolean }
  | { readonly ready: false; readonly reason: string };

const report = z.object({
  release: z.string().optional(),
  ready: z.boolean().optional(),
  checks: z.record(z.string(), z.string()).default({}),
  schemaVersion: z.union([z.string(), z.number()]).optional(),
});
const GOOD = new Set(['ok', 'warm']);

export async function askReadiness(
  port: number,
  order: Pick<Order, 'readiness' | 'releaseDigest' | 'env'>,
): Promise<Readiness> {
  const { readiness } = order;
  const startedAt = performance.now();
  const answer = await ask(port, readiness.path, readiness);
  if (typeof answer === 'string') return no(`${readiness.path}: ${answer}`);
  const elapsed = performance.now() - startedAt;
  if (answer.status < 200 || answer.status > 299) return no(`${readiness.path} answered ${answer.status}`);
  if (elapsed > readiness.latencyMs)
    return no(
      `${readiness.path} took ${Math.round(elapsed)} ms, more than its budget of ${readiness.latencyMs} ms`,
    );
  const checked = checkReport(answer, order);
  if (!checked.ready) return checked;
  for (const probe of readiness.probes) {
    const failure = await askProbe(port, probe, readiness);
    if (failure) return no(`it says it is ready, but its probe ${probe.path} ${failure}`);
  }
  return checked;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
  /** As a client would send them back. */
  readonly cookies: string;
}

function ask(
  port: number,
  path: string,
  { timeoutMs, headers = {} }: { readonly timeoutMs: number; readonly headers?: Record<string, string> },
): Promise<Answer | string> {
  return request(`http://127.0.0.1:${port}${path}`, timeoutMs, { headers });
}

export async function request(url: string, timeoutMs: number, how: RequestInit): Promise<Answer | string> {
  try {
    const answer = await fetch(url, {
      ...how,
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'manual',
    });
    const text = await answer.text();
    const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]);
    return { status: answer.status, json: parseJson(text), cookies: cookies.join('; ') };
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    return cause === 'ECONNREFUSED'
      ? 'nothing listens yet'
      : (error as Error).name === 'TimeoutError'
        ? `no answer within ${timeoutMs} ms`
        : (cause ?? (error as Error).message);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkReport(answer: Answer, order: Pick<Order, 'releaseDigest' | 'env'>): Readiness {
  const parsed = report.safeParse(answer.json);
  const speaks =
    typeof answer.json === 'object' &&
    answer.json !== null &&
    ['release', 'ready', 'checks', 'schemaVersion'].some((name) => name in (answer.json as object));
  if (!speaks) return { ready: true, shallow: true };
  if (!parsed.success)
    return no(
      `its readiness report is malformed: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`,
    );
  const { release, ready, checks, schemaVersion } = parsed.data;
  if (release !== undefined && release !== order.releaseDigest)
    return no(`it reports release ${release}, expected ${order.releaseDigest}`);
  const bad = Object.entries(checks).find(([, state]) => !GOOD.has(state));
  if (bad) return no(`its check ${bad[0]} is ${bad[1]}`);
  if (ready === false) return no('it reports ready: false');
  // A number of the app's own making, such as a commit, says nothing beside ours.
  const wanted = Number(order.env.HOLDFAST_SCHEMA_VERSION ?? 0);
  if (Number(schemaVersion) < wanted)
    return no(`it sees schema version ${schemaVersion}, expected ${wanted} or later`);
  return { ready: true, shallow: release === undefined };
}

/** What is wrong with its answer; null: nothing. */
export async function askProbe(
  port: number,
  probe: Order['readiness']['probes'][number],
  how: Parameters<typeof ask>[2],
): Promise<string | null> {
  const answer = await ask(port, probe.path, how);
  if (typeof answer === 'string') return `failed: ${answer}`;
  if (answer.status !== probe.status) return `answered ${answer.status}, expected ${probe.status}`;
  const wrong = Object.entries(probe.json ?? {}).find(
    ([name, value]) =>
      JSON.stringify((answer.json as Record<string, unknown> | undefined)?.[name]) !== JSON.stringify(value),
  );
  return wrong ? `answered without ${wrong[0]}: ${JSON.stringify(wrong[1])}` : null;
}

function no(reason: string): Readiness {
  return { ready: false, reason };
}
