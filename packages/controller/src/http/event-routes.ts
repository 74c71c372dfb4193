import type { EventView } from '@holdfast/contract/api/resources.ts';
import { lastPosition, readEvents } from '@holdfast/postgres/events/event-store.ts';
import type { FastifyInstance } from 'fastify';
import { requireCaller } from './caller.ts';
import { hungUp } from './hung-up.ts';
import type { ServerParts } from './server.ts';

/**
 * GET /api/v1/events: server-sent events in the sequencer's order. `Last-Event-ID` (or ?after=)
 * goes on where a reader stopped; without it, from now.
 */
const IDLE_MS = 10_000;
const PAGE = 200;

export function eventRoutes(app: FastifyInstance, { services, stopping }: ServerParts): void {
  app.get('/api/v1/events', async (request, reply) => {
    await requireCaller(services.database, request, 'read');
    const asked = request.headers['last-event-id'] ?? (request.query as { after?: string }).after;
    let position = asked === undefined ? await lastPosition(services.database) : Number(asked) || 0;
    const ended = AbortSignal.any([hungUp(reply), stopping]);
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.write(`retry: 1000\n: from ${position}\n\n`);
    try {
      while (!ended.aborted) {
        const rows = await readEvents(services.database, position, PAGE);
        for (const row of rows) {
          const event: EventView = { ...row, at: row.at.toISOString(), data: row.data as EventView['data'] };
          raw.write(`id: ${row.position}\nevent: ${row.topic}\ndata: ${JSON.stringify(event)}\n\n`);
          position = row.position;
        }
        if (rows.length === 0) raw.write(': still here\n\n');
        if (raw.writableNeedDrain) await new Promise((done) => raw.once('drain', done).once('close', done));
        if (rows.length < PAGE) await services.hints.wait(['events'], IDLE_MS, ended);
      }
    } catch (error) {
      // The reader comes back with its last id; nothing is lost by ending here.
      services.log.warn({ err: error }, 'event stream ended');
    }
    raw.end();
  });
}
