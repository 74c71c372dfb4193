import { listAgents } from '@holdfast/postgres/agent/agent-store.ts';
import { countParked } from '@holdfast/postgres/duty/duty-store.ts';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ServerParts } from './server.ts';

/** /healthz: the process runs. /readyz: it can serve, that is, its database answers. /metrics. */
export function healthRoutes(app: FastifyInstance, { services, stopping }: ServerParts): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const runs = gauge('holdfast_runs', 'Runs that have not ended, by state', ['state']);
  const agents = gauge('holdfast_agents', 'Agents by state', ['state']);
  const parked = gauge('holdfast_parked_duties', 'Duties that failed too often and wait for a person');
  const dead = gauge('holdfast_dead_rows', 'Dead rows of the hottest tables', ['table']);

  app.get('/healthz', () => ({ ok: true }));

  app.get('/readyz', async (_request, reply) => {
    if (stopping.aborted) return reply.code(503).send({ ready: false, checks: { stopping: 'yes' } });
    const database = await services.database.query('SELECT 1').then(
      () => 'ok',
      () => 'unreachable',
    );
    return reply.code(database === 'ok' ? 200 : 503).send({ ready: database === 'ok', checks: { database } });
  });

  app.get('/metrics', async (_request, reply) => {
    const counted = await services.database.query<{ state: string; n: number }>(
      'SELECT state, count(*)::int AS n FROM run WHERE ended_at IS NULL GROUP BY state',
    );
    runs.reset();
    for (const row of counted.rows) runs.set({ state: row.state }, row.n);
    agents.reset();
    for (const agent of await listAgents(services.database)) agents.inc({ state: agent.state });
    parked.set(await countParked(services.database));
    const tables = await services.database.query<{ relname: string; n_dead_tup: number }>(
      'SELECT relname, n_dead_tup FROM pg_stat_user_tables ORDER BY n_dead_tup DESC LIMIT 5',
    );
    dead.reset();
    for (const row of tables.rows) dead.set({ table: row.relname }, row.n_dead_tup);
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
