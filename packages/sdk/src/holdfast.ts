import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ServerDrain, type WebSocketLike } from './drain.ts';
import { Readiness, type ReadinessOptions, type ReadinessReport } from './readiness.ts';

export type { WebSocketLike } from './drain.ts';
export type { Check, ReadinessOptions, ReadinessReport } from './readiness.ts';

/**
 * What an app owes whoever routes to it: an honest `/readyz`, and an end that drops nothing.
 *
 *   const holdfast = createHoldfast({ checks: { database: () => pool.query('select 1') } });
 *   holdfast.http(server)            // plain node:http, before or after its own listeners
 *   app.use(holdfast.express())      // Express, before the routes; then holdfast.http(app.listen(PORT))
 *   await app.register(holdfast.fastify)
 *
 * On SIGTERM: not ready, `Connection: close`, requests in flight finish, WebSockets are told to go,
 * `onShutdown` closes what the app has open, and the process ends with code 0.
 */
export interface HoldfastOptions extends ReadinessOptions {
  /** Default `/readyz`. */
  readonly path?: string;
  /** Longest wait for requests in flight at the end. Default 30 s. */
  readonly drainMs?: number;
  /** How long after SIGTERM new connections are still served. Default 0 under Holdfast, whose router has let go before; 5 s elsewhere. */
  readonly lingerMs?: number;
  /** Open WebSockets, such as `() => wss.clients`. */
  readonly webSockets?: () => Iterable<WebSocketLike>;
  /** After the last request: close pools, flush logs. */
  readonly onShutdown?: () => unknown;
  /** false: the app calls `shutdown()` itself. */
  readonly signals?: boolean;
}

export interface Holdfast {
  report(): Promise<ReadinessReport>;
  /** Serves the readiness path of this server and drains it at the end. */
  http(server: Server): Server;
  express(): (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
  readonly fastify: FastifyPlugin;
  /** What SIGTERM does, without ending the process. */
  shutdown(): Promise<void>;
}

interface FastifyLike {
  readonly server: Server;
  get(path: string, handler: (request: unknown, reply: ReplyLike) => Promise<unknown>): unknown;
}

interface ReplyLike {
  code(status: number): { send(body: unknown): unknown };
}

export type FastifyPlugin = (app: FastifyLike) => Promise<void>;

/** Under Holdfast as long as it waits until SIGKILL, less the time to close what is open. */
const DRAIN_MS = Math.min(
  30_000,
  Math.max(0, Number(process.env.HOLDFAST_GRACE_MS ?? 31_000) - 1_000) || 30_000,
);
const LINGER_MS = 5_000;

export function createHoldfast(options: HoldfastOptions = {}): Holdfast {
  const { path = '/readyz', drainMs = DRAIN_MS } = options;
  const underHoldfast = process.env.HOLDFAST_INSTANCE !== undefined;
  const readiness = new Readiness(options, process.env.HOLDFAST_RELEASE);
  const drains: ServerDrain[] = [];
  let ending: Promise<void> | undefined;

  const end = async () => {
    readiness.draining = true;
    for (const drain of drains) drain.begin();
    await pause(options.lingerMs ?? (underHoldfast ? 0 : LINGER_MS));
    await Promise.all(drains.map((drain) => drain.finish(drainMs, options.webSockets?.() ?? [])));
    await options.onShutdown?.();
  };
  const shutdown = () => {
    ending ??= end();
    return ending;
  };
  if (options.signals !== false) {
    // A second signal changes nothing: the first is being followed.
    process.on('SIGTERM', () => {
      shutdown().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`shutdown failed: ${error instanceof Error ? error.stack : String(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
  const answer = async (response: ServerResponse) => {
    const report = await readiness.report();
    const body = JSON.stringify(report);
    response.writeHead(report.ready ? 200 : 503, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    });
    response.end(body);
  };
  const isAsked = (request: IncomingMessage) =>
    (request.method === 'GET' || request.method === 'HEAD') && (request.url ?? '').split('?', 1)[0] === path;

  return {
    report: () => readiness.report(),
    shutdown,
    http: (server) => {
      drains.push(new ServerDrain(server));
      answerFirst(server, isAsked, answer);
      return server;
    },
    express: () => (request, response, next) => {
      if (isAsked(request)) void answer(response);
      else next();
    },
    fastify: skipOverride(async (app) => {
      drains.push(new ServerDrain(app.server));
      app.get(path, async (_request, reply) => {
        const report = await readiness.report();
        return reply.code(report.ready ? 200 : 503).send(report);
      });
    }),
  };
}

/** The app's own listeners do not see the question. */
function answerFirst(
  server: Server,
  isAsked: (request: IncomingMessage) => boolean,
  answer: (response: ServerResponse) => Promise<void>,
): void {
  const emit = server.emit.bind(server);
  server.emit = (event: string, ...given: unknown[]) => {
    const [request, response] = given as [IncomingMessage, ServerResponse];
    if (event !== 'request' || !isAsked(request)) return emit(event, ...given);
    void answer(response);
    return true;
  };
}

/** Fastify's own mark for a plugin that belongs to the whole app. */
function skipOverride(plugin: FastifyPlugin): FastifyPlugin {
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

function pause(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((done) => setTimeout(done, ms));
}
