import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { forwardedHeaders } from './headers.ts';
import type { RoutingTable } from './routing-table.ts';
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

export function handleUpgrade(
  table: RoutingTable,
  request: IncomingMessage,
  { client, head, random }: { readonly client: Duplex; readonly head: Buffer; readonly random: () => number },
): void {
  const { bucket } = bucketFor(request, table.current?.sticky ?? { kind: 'none' }, random);
  const claim = table.claim({ bucket, exclude: new Set() }, performance.now());
  if (!claim)
    return void client.end('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n');
  const { host, port } = claim.instance.upstream;
  const upstream = connect({ host, port });
  const frames = new WebSocketFrames();
  const watch = setInterval(() => {
    if (table.isLeaving(claim.instance)) closeGently(client, frames);
  }, LOOK_MS);
  let ended = false;
  let connected = false;
  const end = () => {
    if (ended) return;
    ended = true;
    clearInterval(watch);
    claim.instance.end();
    client.destroy();
    upstream.destroy();
  };
  upstream.on('error', () => {
    // Before the handshake went out the client can still be told.
    if (!connected && client.writable) client.write(BAD_GATEWAY);
  });
  for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  upstream.on('connect', () => {
    connected = true;
    start({ client, upstream, request, head });
  });
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
