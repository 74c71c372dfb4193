import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newId } from '@holdfast/contract/id.ts';
import { type SyncAnswer, sync } from '@holdfast/contract/router/protocol.ts';
import type { Stickiness } from '@holdfast/core/traffic/traffic.ts';
import type { Workbench } from '../../workbench.ts';
import type { BenchProxy } from '../proxy.ts';

/**
 * Holdfast's router as `holdfast up` starts it but with one worker, told its one instance by a
 * controller that answers nothing but /router/v1/sync. It counts, records latencies and reports
 * them twice a second as it does in service.
 */
const PROGRAM = fileURLToPath(new URL('../../../packages/router/src/main.ts', import.meta.url));
const ENVIRONMENT = 'bench/production';

type KnownSnapshot = NonNullable<SyncAnswer['snapshot']>;

export const holdfast: BenchProxy = routerWith('holdfast', { kind: 'none' });
export const holdfastSticky: BenchProxy = routerWith('holdfast-sticky', { kind: 'cookie' });

export function routerWith(name: string, sticky: Stickiness, flags: readonly string[] = []): BenchProxy {
  return {
    name,
    start: async (workbench, { listen, upstream }) => {
      const release = newId();
      const snapshot: KnownSnapshot = {
        environment: ENVIRONMENT,
        generation: 1,
        revision: 1,
        sticky,
        drainDeadlineMs: 1_000,
        access: { routes: [], mirror: 0, preview: null },
        groups: [
          {
            name: 'stable',
            release,
            share: 10_000,
            upstreams: [{ id: newId(), host: '127.0.0.1', port: upstream }],
          },
        ],
      };
      const controller = await startFakeController(workbench, snapshot);
      const args = [
        '--controller',
        controller,
        '--token',
        'bench',
        '--environment',
        ENVIRONMENT,
        '--listen',
        `127.0.0.1:${listen}`,
        '--data',
        join(workbench.folder, name),
        '--workers',
        '1',
      ];
      return workbench.startNode({ name, path: PROGRAM, flags, args, env: { HOLDFAST_LOG_LEVEL: 'warn' } });
    },
  };
}

async function startFakeController(workbench: Workbench, snapshot: KnownSnapshot): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const message = sync.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    const known = message.acknowledged.revision >= snapshot.revision;
    if (known) await sleep(message.waitMs, undefined, { ref: false });
    const answer: SyncAnswer = { snapshot: known ? null : snapshot };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  workbench.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
