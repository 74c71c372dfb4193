import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RouterLimits } from '../config.ts';
import type { Counter } from './counter.ts';
import { forward, type Outcome } from './forward.ts';
import { matchesRoute } from './match-route.ts';
import { Mirror } from './mirror.ts';
import { hasBody, NO_BODY, type RequestBody, readBody } from './request-body.ts';
import { RetryBudget } from './retry-budget.ts';
import type { Claim, RoutingTable } from './routing-table.ts';
import { type Bucket, bucketFor } from './sticky.ts';

/**
 * A request from a user: claim an instance, forward, count; on a failure that lost nothing, try
 * another one. Methods that may not be repeated are repeated only when nothing was written.
 */
export interface ProxyOptions {
  readonly table: RoutingTable;
  readonly counter: Counter;
  readonly limits: RouterLimits;
  readonly now: () => number;
  readonly random: () => number;
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
const TRIES = 3;
const NOBODY: ReadonlySet<string> = new Set();
const NOTHING: readonly string[] = [];
/** A client that leaves after waiting this long left because of the instance. */
const PATIENT_CLIENT_MS = 5_000;

/** What is asked for, and by whom. */
interface Asked {
  readonly user: Bucket;
  readonly body: RequestBody;
  readonly toCandidate: boolean;
}

export class ReverseProxy {
  private readonly options: ProxyOptions;
  private readonly budget: RetryBudget;
  private readonly mirror: Mirror;

  constructor(options: ProxyOptions) {
    this.options = options;
    this.budget = new RetryBudget(options.limits.retryShare);
    this.mirror = new Mirror(options);
  }

  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    { preview }: { readonly preview: boolean } = { preview: false },
  ): Promise<void> {
    const { table, now, random } = this.options;
    const sticky = table.current?.sticky ?? { kind: 'none' };
    this.budget.noteRequest(now());
    const user = bucketFor(request, sticky, random);
    const toCandidate = preview || matchesRoute(request, table.current?.access.routes ?? []);
    // Most requests have no body: their instance is asked at once, without a turn of waiting.
    await (hasBody(request)
      ? this.readThenTry(request, response, { user, toCandidate })
      : this.tryInstances(request, response, { user, toCandidate, body: NO_BODY }));
  }

  private async readThenTry(
    request: IncomingMessage,
    response: ServerResponse,
    asked: Omit<Asked, 'body'>,
  ): Promise<void> {
    const body = await readBody(request).catch(() => null);
    // A client that broke off while sending is owed nothing; one that sends too slowly is told.
    if (body === null) return void response.destroy();
    if (body === 'tooSlow') return refuse(response, 408, 'the request body came too slowly');
    await this.tryInstances(request, response, { ...asked, body });
  }

  private async tryInstances(
    request: IncomingMessage,
    response: ServerResponse,
    { user, body, toCandidate }: Asked,
  ): Promise<void> {
    const { table, counter, limits, now } = this.options;
    const idempotent = IDEMPOTENT.has(request.method ?? 'GET');
    let exclude = NOBODY;
    for (let tried = 1; ; tried += 1) {
      // With nobody else to try, the same instance may be tried again.
      const claim =
        table.claim({ bucket: user.bucket, toCandidate, exclude }, now()) ??
        (tried > 1 ? table.claim({ bucket: user.bucket, toCandidate, exclude: NOBODY }, now()) : null);
      if (!claim) return refuse(response, 503, 'no instance of this application is ready');
      if (claim.instance.inFlight > limits.inFlightPerInstance) {
        claim.instance.end();
        // Nobody else hears of an instance that hangs until it is full.
        counter.count(claim.group, { failed: true, ms: 0, bucket: user.bucket });
        return refuse(response, 503, 'the application is overloaded');
      }
      if (tried === 1 && claim.group.name !== 'candidate') this.mirror.offer(request, user.bucket);
      const startedAt = now();
      const extraHeaders = user.setCookie ? ['set-cookie', user.setCookie] : NOTHING;
      const outcome = await forward({ request, response, body, idempotent, extraHeaders }, claim.instance);
      claim.instance.end();
      const again = this.mayRetry(outcome, { tried, idempotent, body });
      if (outcome.kind === 'nothingWritten') claim.instance.coolDown(now());
      if (outcome.kind === 'badRequest') return refuse(response, 400, 'the request is malformed');
      // A retry hides a failure from the user, not from the judge.
      if (again) counter.count(claim.group, { failed: true, ms: now() - startedAt, bucket: user.bucket });
      if (!again) return this.conclude({ response, claim, outcome, user, startedAt, counter });
      exclude = new Set([...exclude, claim.instance.upstream.id]);
    }
  }

  private mayRetry(
    outcome: Outcome,
    at: { readonly tried: number; readonly idempotent: boolean; readonly body: RequestBody },
  ): boolean {
    if (at.tried >= TRIES || !at.body.replayable) return false;
    if (isTimeout(outcome)) return false;
    const harmless = outcome.kind === 'nothingWritten' || (outcome.kind === 'noAnswer' && at.idempotent);
    return harmless && this.budget.take(this.options.now());
  }

  private conclude(end: {
    readonly response: ServerResponse;
    readonly claim: Claim;
    readonly outcome: Outcome;
    readonly user: Bucket;
    readonly startedAt: number;
    readonly counter: Counter;
  }): void {
    const { response, claim, outcome, user, startedAt, counter } = end;
    // One that left before all of its body was here waited for nobody but itself.
    const isImpatient = !response.req.complete || this.options.now() - startedAt < PATIENT_CLIENT_MS;
    if (outcome.kind === 'clientGone' && isImpatient) return;
    const answered = outcome.kind === 'answered';
    const ms = answered ? outcome.firstByteMs : this.options.now() - startedAt;
    counter.count(claim.group, { failed: !answered || outcome.status >= 500, ms, bucket: user.bucket });
    if (outcome.kind === 'nothingWritten' || outcome.kind === 'noAnswer')
      refuse(response, 502, 'the instance did not answer');
  }
}

/** An instance that takes its full time to say nothing is not made to do the work three times. */
function isTimeout(outcome: Outcome): boolean {
  return 'error' in outcome && (outcome.error as { code?: string }).code === 'UND_ERR_HEADERS_TIMEOUT';
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  if (response.headersSent || response.destroyed) return;
  const text = `${sentence}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain',
    'content-length': Buffer.byteLength(text),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    ...(status === 408 ? { connection: 'close' } : {}),
  });
  response.end(text);
}
