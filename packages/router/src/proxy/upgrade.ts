import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { NO_ACCESS } from '@holdfast/core/traffic/traffic.ts';
import type { RouterLimits } from '../config.ts';
import { forwardedHeaders } from './headers.ts';
import type { Instance } from './instance.ts';
import { matchesRoute } from './match-route.ts';
import type { Route, RoutingTable } from './routing-table.ts';
import { bucketFor } from './sticky.ts';
import { WebSocketFrames } from './web-socket-frames.ts';

/**
 * WebSockets (RFC 6455): the handshake and all bytes pass through. When the instance leaves, the
 * client gets a close frame (1001, going away) between two frames of the application; what is still
 * open a second later is ended.
 */
const LOOK_MS = 250;
const CLOSE_GRACE_MS = 1_000;
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
  if (!claim) return void client.end(exclude.size === 0 ? UNAVAILABLE : BAD_GATEWAY);
  if (claim.instance.inFlight > upgrade.limits.inFlightPerInstance) {
    claim.instance.end();
    return void client.end(UNAVAILABLE);
  }
  const { host, port, id } = claim.instance.upstream;
  const upstream = connect({ host, port });
  const givenUp = () => {
    client.off('close', givenUp).off('error', givenUp);
    upstream.destroy();
    claim.instance.end();
  };
  client.on('close', givenUp).on('error', givenUp);
  upstream.once('error', () => {
    if (client.destroyed) return;
    givenUp();
    claim.instance.coolDown(performance.now());
    if (exclude.add(id).size >= TRIES) client.end(BAD_GATEWAY);
    else tryInstance(handshake, exclude);
  });
  upstream.once('connect', () => {
    client.off('close', givenUp).off('error', givenUp);
    upstream.removeAllListeners('error');
    join(claim.instance, { table, client, upstream });
    start({ client, upstream, request, head });
  });
}

function join(
  instance: Instance,
  {
    table,
    client,
    upstream,
  }: { readonly table: RoutingTable; readonly client: Duplex; readonly upstream: Socket },
): void {
  const frames = new WebSocketFrames();
  const watch = setInterval(() => {
    if (table.isLeaving(instance)) closeGently(client, frames);
  }, LOOK_MS);
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    clearInterval(watch);
    instance.end();
    client.destroy();
    upstream.destroy();
  };
  for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  upstream.on('data', (chunk) => frames.follow(chunk));
}

function start({
  client,
  upstream,
  request,
  head,
}: {
  readonly client: Duplex;
  readonly upstream: Socket;
  readonly request: IncomingMessage;
  readonly head: Buffer;
}): void {
  const headers = forwardedHeaders(request);
  const lines = [
    `${request.method} ${request.url} HTTP/1.1`,
    `Connection: Upgrade`,
    `Upgrade: ${request.headers.upgrade}`,
  ];
  for (let index = 0; index < headers.length; index += 2)
    lines.push(`${headers[index]}: ${headers[index + 1]}`);
  upstream.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (head.length > 0) upstream.write(head);
  upstream.pipe(client);
  client.pipe(upstream);
}

function closeGently(client: Duplex, frames: WebSocketFrames): void {
  if (!frames.betweenFrames || frames.closing) return;
  frames.closing = true;
  client.write(Buffer.from([0x88, 0x02, 0x03, 0xe9]));
  setTimeout(() => client.destroy(), CLOSE_GRACE_MS).unref();
}
