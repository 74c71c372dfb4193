import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newId } from '@holdfast/contract/id.ts';
import { type SyncAnswer, sync } from '@holdfast/contract/router/protocol.ts';
import type { Stickiness } from '@holdfast/core/traffic/traffic.ts';
import type { Started, Workbench } from '../../workbench.ts';
import type { BenchProxy } from '../proxy.ts';

/**
 * Holdfast's router as `holdfast up` starts it but with one worker, told its instance by a
 * controller that answers nothing but /router/v1/sync. It counts, records latencies and reports
 * them twice a second as it does in service.
 */
const PROGRAM = fileURLToPath(new URL('../../../packages/router/src/main.ts', import.meta.url));
const ENVIRONMENT = 'bench/production';

type KnownSnapshot = NonNullable<SyncAnswer['snapshot']>;
type Group = KnownSnapshot['groups'][number];

export const holdfast: BenchProxy = routerWith('holdfast', { kind: 'none' });
export const holdfastSticky: BenchProxy = routerWith('holdfast-sticky', { kind: 'cookie' });

export function routerWith(name: string, sticky: Stickiness, flags: readonly string[] = []): BenchProxy {
  return {
    name,
    start: async (workbench, { listen, upstream }) => {
      const { started } = await startRouter(workbench, {
        name,
        listen,
        sticky,
        flags,
        upstreams: [upstream],
      });
      return started;
    },
  };
}

interface RouterOptions {
  readonly name: string;
  readonly listen: number;
  readonly sticky: Stickiness;
  readonly flags: readonly string[];
  readonly upstreams: readonly number[];
}

export interface BenchRouter {
  readonly started: Started;
  /** All traffic to the instance that was ready without a share; the one that had it leaves, as at a rollout's switch. */
  cutOver(): void;
}

export async function startRouter(workbench: Workbench, options: RouterOptions): Promise<BenchRouter> {
  const { name, listen, sticky, flags, upstreams } = options;
  const desk = new SnapshotDesk(sticky, upstreams);
  const controller = await startFakeController(workbench, desk);
  const args = ['--controller', controller, '--token', 'bench', '--environment', ENVIRONMENT];
  const place = ['--listen', `127.0.0.1:${listen}`, '--data', join(workbench.folder, `${name}-${listen}`)];
  const started = workbench.startNode({
    name,
    path: PROGRAM,
    flags,
    args: [...args, ...place, '--workers', '1'],
    env: { HOLDFAST_LOG_LEVEL: 'warn' },
  });
  return { started, cutOver: () => desk.next() };
}

/** The snapshot that a controller would have, and who waits for another one. */
class SnapshotDesk {
  current: KnownSnapshot;
  private readonly upstreams: readonly number[];
  private waiting: (() => void)[] = [];

  constructor(sticky: Stickiness, upstreams: readonly number[]) {
    this.upstreams = upstreams;
    this.current = {
      environment: ENVIRONMENT,
      generation: 1,
      revision: 1,
      sticky,
      drainDeadlineMs: 1_000,
      access: { routes: [], mirror: 0, preview: null },
      groups: this.from(this.group(0)),
    };
  }

  next(): void {
    const revision = this.current.revision + 1;
    const candidate = this.current.groups[1];
    this.current = { ...this.current, revision, groups: this.from(candidate ?? this.group(0), revision) };
    for (const told of this.waiting.splice(0)) told();
  }

  async newer(limitMs: number): Promise<void> {
    await Promise.race([
      new Promise<void>((done) => this.waiting.push(done)),
      sleep(limitMs, undefined, { ref: false }),
    ]);
  }

  /** With more than one upstream the next release is ready already. */
  private from(stable: Group, turn = 1): Group[] {
    const whole: Group = { ...stable, name: 'stable', share: 10_000 };
    return this.upstreams.length === 1
      ? [whole]
      : [whole, { ...this.group(turn), name: 'candidate', share: 0 }];
  }

  private group(turn: number): Group {
    const port = this.upstreams[turn % this.upstreams.length] as number;
    const upstreams = [{ id: newId(), host: '127.0.0.1', port }];
    return { name: 'stable', release: newId(), share: 10_000, upstreams };
  }
}

async function startFakeController(workbench: Workbench, desk: SnapshotDesk): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const message = sync.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    const knows = () => message.acknowledged.revision >= desk.current.revision;
    if (knows()) await desk.newer(message.waitMs);
    const answer: SyncAnswer = { snapshot: knows() ? null : desk.current };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  workbench.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
