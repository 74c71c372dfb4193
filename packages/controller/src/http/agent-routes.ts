import * as protocol from '@holdfast/contract/agent/protocol.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { PROTOCOL } from '@holdfast/contract/versions.ts';
import { greetAgent } from '@holdfast/postgres/agent/agent-store.ts';
import { jobHeldBy } from '@holdfast/postgres/agent/lease-store.ts';
import { appendLog } from '@holdfast/postgres/run/log-store.ts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { answerExchange } from '../agents/answer-exchange.ts';
import { publish } from '../releases/publish.ts';
import { parse } from './bind.ts';
import { blobRoutes, bodyStream } from './blob-routes.ts';
import { RecentCallers } from './caller.ts';
import { hungUp } from './hung-up.ts';
import type { ServerParts } from './server.ts';

/** /agent/v1: two lanes (exchange, offers), logs, and bytes in and out (docs/protocol.md §2). */
const OFFER_WAIT_MS = 20_000;
/**
 * Signs are written once a second. So three seconds after a poll broke off, what a dead agent said last was written
 * two seconds ago or more; a live one polled again after one second, and that was written since.
 */
const HUNG_UP_MS = 3_000;
const UNSEEN_MS = 1_950;
const offers = z.object({
  agentId: z.uuid(),
  /** Absent: an agent of the version before. */
  sessionId: z.uuid().optional(),
  number: protocol.signNumber,
});
const publication = z.object({
  agentId: z.uuid(),
  jobId: z.uuid(),
  epoch: z.coerce.number().int(),
  name: z.string(),
});

/** Whoever is no agent is told so before a byte of what he sends is kept. */
export function agentRoutes(app: FastifyInstance, parts: ServerParts): void {
  const callers = new RecentCallers(parts.services.database);
  void app.register(async (agents) => {
    agents.addHook('onRequest', async (request) => void (await callers.require(request, 'agent')));
    declareRoutes(agents, parts);
  });
}

function declareRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { services, signs, stopping } = parts;
  const { database, hints, config } = services;
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  /** Its process or its machine may be gone: nothing new for it until it says something. */
  const doubt = (agentId: string) =>
    setTimeout(() => {
      if (!stopping.aborted) void services.pipeline.suspectSilent(agentId, UNSEEN_MS).catch(() => {});
    }, HUNG_UP_MS).unref();

  app.post('/agent/v1/hello', async (request): Promise<protocol.HelloAnswer> => {
    const hello = parse(protocol.hello, request.body, 'hello');
    checkProtocol(hello.protocol);
    const { agentId: id, protocol: _, ...described } = hello;
    await greetAgent(database, { id, ...described });
    return {
      protocol: PROTOCOL,
      timers: { heartbeatMs: Math.min(3_000, config.timers.suspectMs / 2), lostMs: config.timers.lostMs },
    };
  });

  app.post('/agent/v1/exchange', async (request) => {
    const message = parse(protocol.exchange, request.body, 'the exchange');
    signs.note(message);
    return answerExchange(parts, message);
  });

  app.post('/agent/v1/offers', async (request, reply) => {
    const { agentId, sessionId = agentId, number } = parse(offers, request.body, 'the poll');
    signs.note({ agentId, sessionId, number });
    const gone = hungUp(reply);
    gone.addEventListener('abort', () => doubt(agentId));
    await hints.wait(['jobs', 'orders'], OFFER_WAIT_MS, AbortSignal.any([stopping, gone]));
    return {};
  });

  app.post('/agent/v1/logs', async (request) => {
    const chunk = parse(protocol.logAppend, request.body, 'the log');
    if (chunk.offset > LIMITS.stepLogBytes)
      throw new HoldfastError('limitExceeded', `the log of a step is at most ${LIMITS.stepLogBytes} bytes`);
    await appendLog(database, chunk);
    hints.send('run');
    return {};
  });

  blobRoutes(app, services);
  app.put('/agent/v1/artifacts', async (request) => {
    const asked = parse(publication, request.query, 'the query');
    // Asked before the bytes are taken, so that a fenced job does not fill the disk.
    if (!(await jobHeldBy(database, asked)))
      throw new HoldfastError('fenceStale', 'the job that wants to publish is held by somebody else now');
    const artifact = await publish(services, asked, bodyStream(request));
    hints.send('events');
    return { id: artifact.id, name: artifact.name, digest: artifact.digest };
  });
}

export function checkProtocol(theirs: { readonly version: number; readonly min: number }): void {
  if (theirs.version >= PROTOCOL.min && theirs.min <= PROTOCOL.version) return;
  throw new HoldfastError(
    'protocolUnsupported',
    `this controller speaks protocol ${PROTOCOL.min} to ${PROTOCOL.version}, the other side ${theirs.min} to ${theirs.version}`,
  );
}
