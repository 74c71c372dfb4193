import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { shortOfDisk } from '@holdfast/contract/process/disk-floor.ts';
import { Copies } from '@holdfast/migration/mysql/run-copy.ts';
import { Database, type Queryable } from '@holdfast/postgres/database.ts';
import { ensureDuty, reviveDuties } from '@holdfast/postgres/duty/duty-store.ts';
import { Sequencer } from '@holdfast/postgres/events/sequencer.ts';
import { takeGeneration } from '@holdfast/postgres/generation.ts';
import { migrate } from '@holdfast/postgres/migrate.ts';
import { PostgresPipeline } from '@holdfast/postgres/pipeline-store.ts';
import { createExpressions } from '@holdfast/workflow/expressions.ts';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { lookAtAgents } from './agents/liveness.ts';
import { NewsGroup } from './agents/news-group.ts';
import { SignsOfLife } from './agents/signs.ts';
import type { BlobStore } from './blob/blob-store.ts';
import { openDirectoryStore } from './blob/directory-store.ts';
import { s3Store } from './blob/s3-store.ts';
import type { ControllerConfig } from './config.ts';
import { sampleMetrics } from './environments/sample-metrics.ts';
import { watchEnvironment } from './environments/watch-environment.ts';
import { ensureAdminToken } from './first-start.ts';
import { GitMirrors } from './git/mirrors.ts';
import { createServer } from './http/server.ts';
import { sweep } from './janitor.ts';
import { Duties, type DutyHandler } from './loop/duties.ts';
import { Hints } from './loop/hints.ts';
import { Loop } from './loop/loop.ts';
import { watchMigrations } from './migrations/watch-migrations.ts';
import { configuredNotifiers, sendOutbox } from './notify/send-outbox.ts';
import { performControllerJob } from './runs/perform-controller-job.ts';
import { RunWatch } from './runs/run-watch.ts';
import { Settler } from './runs/settler.ts';
import type { Services } from './services.ts';
import { pollRepository } from './triggers/poll-repository.ts';
import { readInbox } from './triggers/read-inbox.ts';
import { openVault } from './vault/vault.ts';

const LIVENESS_MS = 500;
/** As many as groups are written at a time. */
const NEWS_CONNECTIONS = 2;

/** The program as a value: the tests start it on a free port and stop it again. */
export interface RunningController {
  readonly address: string;
  stop(): Promise<void>;
}

export async function startController(config: ControllerConfig, log: Logger): Promise<RunningController> {
  const services = await openServices(config, log);
  const stopping = new AbortController();
  const signs = new SignsOfLife();
  const settler = new Settler({ store: services.pipeline, tools: services, hint: services.hints.send, log });
  const watch = new RunWatch(services);
  const app = await createServer({
    services,
    signs,
    stopping: stopping.signal,
    agents: {
      store: services.pipeline,
      group: new NewsGroup(services.pipeline, log),
      settler,
      tools: services,
      leasesStopped: services.leasesStopped,
      moved: (runs) => watch.note(runs),
    },
  });
  const address = await listen(app, config);
  const loops = startLoops(services, { signs, settler, watch });
  log.info({ address, generation: services.generation }, 'controller is ready');
  return {
    address,
    stop: async () => {
      stopping.abort();
      await app.close();
      await Promise.all(loops.map((loop) => loop.stop()));
      await settler.idle();
      await services.copies.stop();
      await services.hints.stop();
      await services.newsLane.close();
      await services.database.close();
    },
  };
}

async function openServices(config: ControllerConfig, log: Logger): Promise<Services> {
  const database = new Database(config.databaseUrl, {
    connections: config.databaseConnections,
    name: `holdfast ${config.name}`,
  });
  await mkdir(config.work, { recursive: true, mode: 0o700 });
  await migrate(database);
  const newsLane = new Database(config.databaseUrl, {
    connections: NEWS_CONNECTIONS,
    name: `holdfast ${config.name} news`,
    genericPlans: true,
  });
  const generation = { value: 0 };
  const takeOver = async (sql: Queryable) => {
    generation.value = await takeGeneration(sql, generation.value);
  };
  await database.guardWith(takeOver);
  await newsLane.guardWith(takeOver);
  const vault = await openVault(database, config.masterKey);
  if (config.adminTokenFile) await ensureAdminToken(database, config.adminTokenFile);
  for (const duty of ['liveness', 'sequencer', 'janitor']) await ensureDuty(database, duty, 'installation');
  await reviveDuties(database);
  const hints = new Hints(database, log);
  await hints.start();
  return {
    config,
    database,
    newsLane,
    get generation() {
      return generation.value;
    },
    pipeline: new PostgresPipeline(database, { jobsPerRepository: config.jobsPerRepository, newsLane }),
    newId,
    blobs: await openBlobs(config),
    vault,
    hints,
    mirrors: new GitMirrors(join(config.work, 'git')),
    expressions: createExpressions(),
    copies: new Copies(),
    leasesStopped: async () =>
      config.databaseDisk && shortOfDisk(config.databaseDisk.directory, config.databaseDisk.floorBytes),
    log,
  };
}

async function openBlobs({ blobs, work }: ControllerConfig): Promise<BlobStore> {
  if (blobs.kind === 's3') return s3Store({ ...blobs, drafts: join(work, 'drafts') });
  return openDirectoryStore(blobs.root);
}

async function listen(app: FastifyInstance, config: ControllerConfig): Promise<string> {
  try {
    return await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE') throw error;
    throw new HoldfastError('portTaken', `${config.host}:${config.port} is in use by another process`);
  }
}

function startLoops(
  services: Services,
  {
    signs,
    settler,
    watch,
  }: { readonly signs: SignsOfLife; readonly settler: Settler; readonly watch: RunWatch },
): readonly { stop(): Promise<void> }[] {
  const { database, hints, config, log } = services;
  const handlers = dutyHandlers(services);
  const notifiers = configuredNotifiers(services);
  const duties = new Duties({
    database,
    holder: config.name,
    handlers,
    log,
    ended: () => dutyLoop.notify(),
  });
  const dutyLoop = new Loop({ name: 'duties', everyMs: 250, log, work: () => duties.look() });
  const outbox = new Loop({
    name: 'outbox',
    everyMs: 1_000,
    log,
    work: () => sendOutbox(services, notifiers),
  });
  const heartbeats = new Loop({
    name: 'heartbeats',
    everyMs: 1_000,
    log,
    work: () => signs.flush(services.pipeline),
  });
  const settling = new Loop({ name: 'settling', everyMs: 3_000, log, work: () => settler.scan() });
  const watching = new Loop({ name: 'watching', everyMs: 100, log, work: () => watch.flush() });
  hints.on('duty', () => dutyLoop.notify());
  hints.on('jobs', () => services.pipeline.queueChanged());
  return [dutyLoop.start(), outbox.start(), heartbeats.start(), settling.start(), watching.start(), duties];
}

function dutyHandlers(services: Services): { readonly [kind: string]: DutyHandler } {
  const sequencer = new Sequencer(() => performance.now());
  return {
    repository: (duty) => pollRepository(services, duty),
    inbox: (duty) => readInbox(services, duty),
    controllerJob: (duty) => performControllerJob(services, duty),
    environment: (duty) => watchEnvironment(services, duty),
    metrics: (duty) => sampleMetrics(services, duty),
    migrations: (duty) => watchMigrations(services, duty),
    liveness: async () => {
      const { pipeline: store, config, hints, log } = services;
      await lookAtAgents({ store, tools: services, timers: config.timers, hint: hints.send, log });
      return LIVENESS_MS;
    },
    janitor: () => sweep(services),
    sequencer: async () => {
      const placed = await sequencer.place(services.database);
      if (placed > 0) services.hints.send('events');
      return placed > 0 ? 20 : 200;
    },
  };
}
