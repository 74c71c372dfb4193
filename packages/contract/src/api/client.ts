import type { z } from 'zod';
import { HoldfastError, isErrorCode } from '../errors.ts';
import { newId } from '../id.ts';
import { problem } from './problem.ts';
import type { Route } from './route.ts';
import { type RouteName, type Routes, routes } from './routes.ts';

/** The typed client of the public API; tries the next controller when one does not answer. */
export interface ClientOptions {
  readonly controllers: readonly string[];
  readonly token: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly timeoutMs?: number;
  /** Of every change that is asked for without a key of its own. */
  readonly idempotencyKey?: string | undefined;
}

type In<T> = T extends z.ZodType ? z.input<T> : never;
export interface Call<R extends Route> {
  readonly params?: In<R['params']>;
  readonly query?: In<R['query']>;
  readonly body?: In<R['body']>;
  readonly idempotencyKey?: string;
}

export type Client = <Name extends RouteName>(
  name: Name,
  call?: Call<Routes[Name] & Route>,
) => Promise<z.output<Routes[Name]['answer']>>;

export function createClient(options: ClientOptions): Client {
  return async (name, call = {}) => {
    const declared = routes[name] as Route;
    const request = {
      method: declared.method,
      path:
        fillPath(declared.path, (call.params ?? {}) as Record<string, unknown>) +
        queryText(call.query as Record<string, unknown>),
      body: call.body,
      idempotencyKey: call.idempotencyKey ?? options.idempotencyKey ?? newId(),
    };
    return (await send(options, request)) as never;
  };
}

interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly idempotencyKey: string;
}

async function send(options: ClientOptions, request: Outgoing): Promise<unknown> {
  let last: unknown;
  for (const controller of options.controllers) {
    try {
      return await sendTo(controller, options, request);
    } catch (error) {
      if (error instanceof HoldfastError && error.kind !== 'unavailable') throw error;
      last = error;
    }
  }
  if (last instanceof HoldfastError) throw last;
  throw new HoldfastError(
    'controllerUnreachable',
    `no controller answers at ${options.controllers.join(', ') || '(none given)'}`,
    { cause: last },
  );
}

async function sendTo(controller: string, options: ClientOptions, request: Outgoing): Promise<unknown> {
  const { fetch = globalThis.fetch, token, timeoutMs = 30_000 } = options;
  const answer = await fetch(new URL(request.path, controller), {
    method: request.method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(request.method === 'GET' ? {} : { 'idempotency-key': request.idempotencyKey }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (answer.ok) return answer.json();
  throw await errorOf(answer);
}

/** Turns a problem+json answer back into the error it was made from. */
export async function errorOf(answer: Response): Promise<HoldfastError> {
  const parsed = problem.safeParse(await answer.json().catch(() => null));
  if (!parsed.success || !isErrorCode(parsed.data.code)) {
    const code = answer.status >= 502 ? 'controllerUnreachable' : 'internal';
    return new HoldfastError(code, `the controller answered ${answer.status} without a problem document`);
  }
  const { code, detail, place } = parsed.data;
  return new HoldfastError(code, detail, place ? { place } : {});
}

function fillPath(path: string, params: Record<string, unknown>): string {
  return path.replace(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

function queryText(query: Record<string, unknown> | undefined): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)]))}`;
}
