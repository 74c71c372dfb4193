import { createHash } from 'node:crypto';
import type { Route } from '@holdfast/contract/api/route.ts';
import { type RouteName, type Routes, routes } from '@holdfast/contract/api/routes.ts';
import { HoldfastError, isUnavailable } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import {
  claimKey,
  leaveKey,
  releaseKey,
  rememberAnswer,
} from '@holdfast/postgres/access/idempotency-store.ts';
import type { TokenRow } from '@holdfast/postgres/access/token-store.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Services } from '../services.ts';
import { requireCaller } from './caller.ts';

/** Joins a declared route to its handler: who may call, what came in, and one answer a key. */
type Out<T> = T extends z.ZodType ? z.output<T> : never;
type In<T> = T extends z.ZodType ? z.input<T> : never;

export interface Given<R extends Route> {
  readonly params: Out<R['params']>;
  readonly query: Out<R['query']>;
  readonly body: Out<R['body']>;
  readonly caller: TokenRow;
  /** For what this request makes: the same whenever the request is made again under its Idempotency-Key. */
  readonly id: string;
}

export type Handlers = {
  readonly [Name in RouteName]?: (
    services: Services,
    given: Given<Routes[Name]>,
  ) => Promise<In<Routes[Name]['answer']>>;
};

export function bindAll(app: FastifyInstance, services: Services, handlers: Handlers): void {
  for (const [name, handler] of Object.entries(handlers))
    bind(app, services, { name: name as RouteName, handler: handler as AnyHandler });
}

type AnyHandler = (services: Services, given: Given<Route>) => Promise<unknown>;

function bind(
  app: FastifyInstance,
  services: Services,
  { name, handler }: { readonly name: RouteName; readonly handler: AnyHandler },
): void {
  const declared: Route = routes[name];
  const callers = new WeakMap<FastifyRequest, TokenRow>();
  app.route({
    method: declared.method,
    url: declared.path,
    // Before a byte of the body is kept.
    onRequest: async (request) => {
      callers.set(request, await requireCaller(services.database, request, declared.scope));
    },
    handler: async (request) => {
      const caller = callers.get(request) as TokenRow;
      const given = {
        caller,
        params: parse(declared.params, request.params, 'the path'),
        query: parse(declared.query, request.query, 'the query'),
        body: parse(declared.body, request.body ?? undefined, 'the body'),
      } as Given<Route>;
      return once(services, { name, request, caller }, (id) => handler(services, { ...given, id }));
    },
  });
}

export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue && issue.path.length > 0 ? ` at ${issue.path.join('.')}` : '';
  throw new HoldfastError('requestInvalid', `${where} is not valid${path}: ${issue?.message}`);
}

interface Asked {
  readonly name: RouteName;
  readonly request: FastifyRequest;
  readonly caller: TokenRow;
}

/** Idempotency-Key: the same key with the same body gets the first answer again, for 24 hours. */
async function once(
  services: Services,
  { name, request, caller }: Asked,
  perform: (id: string) => Promise<unknown>,
): Promise<unknown> {
  const given = request.headers['idempotency-key'];
  if (typeof given !== 'string' || given === '' || request.method === 'GET') return perform(newId());
  const bodyHash = createHash('sha256')
    .update(JSON.stringify([request.url, request.body ?? null]))
    .digest();
  const key = { token: caller.id, route: name, key: given.slice(0, 200), bodyHash };
  const claimed = await claimKey(services.database, key, newId());
  if (!claimed.mine) {
    if (!claimed.same)
      throw new HoldfastError('idempotencyConflict', 'this Idempotency-Key was used with another body');
    if (claimed.answer === null)
      throw new HoldfastError(
        'idempotencyConflict',
        'the first request with this Idempotency-Key is still being worked on; ask again',
      );
    return claimed.answer;
  }
  try {
    const answer = await perform(claimed.madeId);
    await rememberAnswer(services.database, key, withoutSecrets(name, answer));
    return answer;
  } catch (error) {
    await (isUnavailable(error) ? leaveKey : releaseKey)(services.database, key).catch(() => {});
    throw error;
  }
}

/** What is shown once is not kept to be shown again. */
function withoutSecrets(name: RouteName, answer: unknown): unknown {
  if (name !== 'createToken' && name !== 'addRepository') return answer;
  return { ...(answer as object), text: undefined, webhookSecret: undefined };
}
