import { openApi } from '@holdfast/contract/api/openapi.ts';
import { problemOf } from '@holdfast/contract/api/problem.ts';
import { ERRORS, HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { ExchangeParts } from '../agents/exchange.ts';
import type { SignsOfLife } from '../agents/signs.ts';
import type { Services } from '../services.ts';
import { VERSION } from '../version.ts';
import { agentRoutes } from './agent-routes.ts';
import { apiHandlers } from './api/handlers.ts';
import { bindAll } from './bind.ts';
import { dashboardRoutes } from './dashboard-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { hookRoutes } from './hook-routes.ts';
import { routerRoutes } from './router-routes.ts';

const REQUEST_MS = 600_000;

/** The HTTP face of a controller. Every error leaves here as problem+json. */
export interface ServerParts {
  readonly services: Services;
  readonly signs: SignsOfLife;
  readonly agents: ExchangeParts;
  readonly stopping: AbortSignal;
}

export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { services } = parts;
  const app = fastify({
    loggerInstance: services.log.child({ part: 'http' }, { level: 'warn' }) as FastifyBaseLogger,
    bodyLimit: LIMITS.requestBytes,
    // As long as an agent tries to send a part of a workspace.
    requestTimeout: REQUEST_MS,
    forceCloseConnections: true,
    trustProxy: false,
  });
  app.setErrorHandler((error, request, reply) => {
    const known = asHoldfastError(error);
    if (known.kind === 'internal')
      services.log.error({ err: error, requestId: request.id }, 'request failed');
    const document = problemOf(known, String(request.id));
    void reply.code(document.status).type('application/problem+json');
    if (known.kind === 'unavailable') void reply.header('retry-after', '1');
    // Answered before its body was read: what comes next on this connection would wait for the rest of it.
    if (!request.raw.complete) void reply.header('connection', 'close');
    return reply.send(document);
  });
  app.setNotFoundHandler((request) => {
    throw new HoldfastError(
      'routeUnknown',
      `there is nothing at ${request.method} ${request.url.split('?')[0]}`,
    );
  });
  app.get('/api/v1/openapi.json', () => openApi(VERSION));
  bindAll(app, services, apiHandlers);
  eventRoutes(app, parts);
  agentRoutes(app, parts);
  routerRoutes(app, parts);
  hookRoutes(app, services);
  healthRoutes(app, parts);
  dashboardRoutes(app, services);
  return app;
}

function asHoldfastError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const status = (error as { statusCode?: number }).statusCode;
  const message = error instanceof Error ? error.message : String(error);
  if (systemCode(error) === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new HoldfastError('limitExceeded', `the body is larger than ${LIMITS.requestBytes} bytes`);
  if (status !== undefined && status < 500) return new HoldfastError('requestInvalid', message);
  return new HoldfastError('internal', ERRORS.internal.meaning, { cause: error });
}
