import * as protocol from '@holdfast/contract/router/protocol.ts';
import { compareVersion } from '@holdfast/core/traffic/traffic.ts';
import { hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { findEnvironment } from '@holdfast/postgres/rollout/environment-store.ts';
import { keepIntervals, noteWorker } from '@holdfast/postgres/rollout/router-store.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkProtocol } from './agent-routes.ts';
import { parse } from './bind.ts';
import { requireCaller } from './caller.ts';
import { hungUp } from './hung-up.ts';
import type { ServerParts } from './server.ts';

/** /router/v1/sync: a worker acknowledges, counts, and waits for a newer snapshot. */
export function routerRoutes(app: FastifyInstance, { services, stopping }: ServerParts): void {
  const { database, hints } = services;
  const onRequest = async (request: FastifyRequest) =>
    void (await requireCaller(database, request, 'router'));
  app.post('/router/v1/sync', { onRequest }, async (request, reply): Promise<protocol.SyncAnswer> => {
    const sync = parse(protocol.sync, request.body, 'the sync');
    checkProtocol(sync.protocol);
    const [app = '', name = ''] = sync.environment.split('/');
    const gone = hungUp(reply);
    const moved = await noteWorker(database, sync);
    await keepIntervals(database, sync);
    const environment = await findEnvironment(database, app, name);
    if (moved && environment) {
      await hastenDuty(database, 'environment', environment.id);
      hints.send('duty');
    }
    const newer = async () => {
      const found = await findEnvironment(database, app, name);
      return found && compareVersion(found.snapshot, sync.acknowledged) > 0 ? found.snapshot : null;
    };
    const at = await newer();
    if (at || sync.waitMs === 0 || sync.bye) return { snapshot: at as protocol.SyncAnswer['snapshot'] };
    await hints.wait(['snapshot'], sync.waitMs, AbortSignal.any([stopping, gone]));
    return { snapshot: (await newer()) as protocol.SyncAnswer['snapshot'] };
  });
}
