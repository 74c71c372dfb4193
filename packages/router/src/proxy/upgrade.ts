import { request as askFor, type ClientRequest, type IncomingMessage } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { NO_ACCESS } from '@holdfast/core/traffic/traffic.ts';
import type { RouterLimits } from '../config.ts';
import { sayLast } from '../say-last.ts';
import { forwardedHeaders } from './headers.ts';
import type { Instance } from './instance.ts';
import { matchesRoute } from './match-route.ts';
import type { Route, RoutingTable } from './routing-table.ts';
import { bucketFor } from './sticky.ts';
import { WebSocketFrames } from './web-socket-frames.ts';

/**
 * WebSockets (RFC 6455): the handshake and, once the application agreed, all bytes pass through. When the instance leaves, the
 * client gets a close frame (1001, going away) between two frames of the application; what is still
 * open a second later is ended.
 */
const LOOK_MS = 250;
const CLOSE_GRACE_MS = 1_000;
/** For the application's yes or no, with the connection before it. */
const HANDSHAKE_MS = 30_000;
const BAD_GATEWAY = 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n';

const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n';
const TRIES = 3;

export interface Upgrade {
  readonly client: Duplex;
  readonly head: Buffer;
  readonly random: () => number;
  readonly preview: boolean;
  readonly limits: Pick<RouterLimits, 'inFlightPerInstance'>;
}

export function handleUpgrade(table: RoutingTable, request: IncomingMessage, upgrade: Upgrade): void {
  // Node has taken its own listener off: without one, a client that resets would end the worker.
  upgrade.client.on('error', () => upgrade.client.destroy());
  const { access, sticky } = table.current ?? { access: NO_ACCESS, sticky: { kind: 'none' as const } };
  const { bucket } = bucketFor(request, sticky, upgrade.random);
  const toCandidate = upgrade.preview || matchesRoute(request, access.routes);
  tryInstance({ table, request, upgrade, route: { bucket, toCandidate } }, new Set());
}

interface Handshake {
  readonly table: RoutingTable;
  readonly request: IncomingMessage;
  readonly upgrade: Upgrade;
  readonly route: Omit<Route, 'exclude'>;
}

/** Until a connection stands nothing was written, and another instance may have the handshake. */
function tryInstance(handshake: Handshake, exclude: Set<string>): void {
  const { table, request, upgrade, route } = handshake;
  const { client, head } = upgrade;
  const claim = table.claim({ ...route, exclude }, performance.now());
  if (!claim) return sayLast(client, exclude.size === 0 ? UNAVAILABLE : BAD_GATEWAY);
  if (claim.instance.inFlight > upgrade.limits.inFlightPerInstance) {
    claim.instance.end();
    return sayLast(client, UNAVAILABLE);
  }
  const asked = shakeHands(request, claim.instance);
  let connected = false;
  const leave = once(() => {
    client.off('close', gone);
    claim.instance.end();
  });
  const gone = () => {
    leave();
    asked.destroy();
  };
  client.on('close', gone);
  asked.on('socket', (socket) => socket.once('connect', () => (connected = true)));
  asked.on('error', () => {
    leave();
    if (client.destroyed) return;
    if (connected) return sayLast(client, BAD_GATEWAY);
    claim.instance.coolDown(performance.now());
    if (exclude.add(claim.instance.upstream.id).size >= TRIES) sayLast(client, BAD_GATEWAY);
    else tryInstance(handshake, exclude);
  });
  asked.on('response', (answer) => refuse(client, answer, leave));
  asked.on('upgrade', (answer, upstream, first) => {
    client.off('close', gone);
    client.write(headOf(answer));
    join(claim.instance, { table, client, upstream });
    if (first.length > 0) upstream.unshift(first);
    if (head.length > 0) upstream.write(head);
    upstream.pipe(client);
    client.pipe(upstream);
  });
}

function shakeHands(request: IncomingMessage, { upstream }: Instance): ClientRequest {
  const { host, port } = upstream;
  const headers = [...forwardedHeaders(request), 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
  const asked = askFor({ host, port, method: 'GET', path: request.url, headers, agent: false });
  const late = setTimeout(() => asked.destroy(new Error('no answer to the handshake')), HANDSHAKE_MS);
  const answered = () => clearTimeout(late);
  asked.on('response', answered).on('upgrade', answered).on('close', answered);
  return asked.end();
}

/** The application wants no WebSocket here: its answer is the last on this connection, whose next request may be another's. */
function refuse(client: Duplex, answer: IncomingMessage, done: () => void): void {
  client.write(headOf(answer, 'close'));
  pipeline(answer, client, () => {
    done();
    sayLast(client, '');
  });
}

/** Of an answer whose body, if any, was taken out of its chunks. */
function headOf(answer: IncomingMessage, connection?: string): string {
  const dropped =
    connection === undefined ? [] : ['connection', 'keep-alive', 'transfer-encoding', 'upgrade'];
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let index = 0; index < answer.rawHeaders.length; index += 2) {
    const name = answer.rawHeaders[index] as string;
    if (!dropped.includes(name.toLowerCase())) lines.push(`${name}: ${answer.rawHeaders[index + 1]}`);
  }
  if (connection !== undefined) lines.push(`connection: ${connection}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function join(
  instance: Instance,
  {
    table,
    client,
    upstream,
  }: { readonly table: RoutingTable; readonly client: Duplex; readonly upstream: Duplex },
): void {
  const frames = new WebSocketFrames();
  const watch = setInterval(() => {
    if (table.isLeaving(instance)) closeGently(client, frames);
  }, LOOK_MS);
  const end = once(() => {
    clearInterval(watch);
    instance.end();
    upstream.destroy();
    // What the application said last is still on its way to a slow client.
    sayLast(client, '');
  });
  for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  upstream.on('data', (chunk) => frames.follow(chunk));
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

function closeGently(client: Duplex, frames: WebSocketFrames): void {
  if (!frames.betweenFrames || frames.closing) return;
  frames.closing = true;
  client.write(Buffer.from([0x88, 0x02, 0x03, 0xe9]));
  setTimeout(() => client.destroy(), CLOSE_GRACE_MS).unref();
}
