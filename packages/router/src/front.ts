import { readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createNetServer, type ListenOptions, type Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Logger } from 'pino';
import { sayLast } from './say-last.ts';

/**
 * Where users' connections come in: HTTP/1.1, with TLS where a certificate is given. Slow clients
 * hold no worker (limits below), and what could be read in two ways is refused by the parser.
 */
export interface FrontOptions {
  readonly tls: TlsFiles | null;
  readonly log: Logger;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onUpgrade: (request: IncomingMessage, client: Duplex, head: Buffer) => void;
}

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** 48 bytes that all workers share, so that a session goes on at any of them; absent: drawn. */
  readonly ticketKeys?: Buffer;
}

const LIMITS = {
  keepAliveTimeout: 65_000,
  headersTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  /** The body's pace is watched where it is read (request-body.ts), so that long uploads live. */
  requestTimeout: 0,
  maxHeaderSize: 16 * 1024,
  /** RFC 9112 §6.3: a message with both length and chunks, or two lengths, has two readings. */
  insecureHTTPParser: false,
  requireHostHeader: true,
  /** A request without a body is no stream to be ended and closed: nobody reads it, and that costs a tenth. */
  optimizeEmptyRequests: true,
} as const;
const CERTIFICATE_LOOK_MS = 1_000;

/**
 * Connections that wait to be accepted, as far as net.core.somaxconn lets them. Node's 511 are full after half a second in
 * which a busy machine gives a worker no time, and whoever comes then hangs.
 */
const BACKLOG = 16_384;

export class Front {
  readonly server: Server;
  private readonly watch: NodeJS.Timeout | undefined;
  /** Connections that the server no longer counts as its own. */
  private readonly upgraded = new Set<Duplex>();
  /** Accept for the server from further handles of its socket. */
  private readonly others: NetServer[] = [];

  constructor({ tls, log, onRequest, onUpgrade }: FrontOptions) {
    const options = { ...LIMITS, shouldUpgradeCallback: isWebSocket };
    if (tls === null) this.server = createServer(options, onRequest);
    else {
      const server = createSecureServer(
        { ...options, handshakeTimeout: LIMITS.headersTimeout, ...readPair(tls) },
        onRequest,
      );
      this.server = server;
      this.watch = watchPair(tls, log, (pair) => server.setSecureContext(pair));
    }
    this.server.on('upgrade', (request, client, head) => {
      this.upgraded.add(client);
      client.once('close', () => this.upgraded.delete(client));
      onUpgrade(request, client, head);
    });
    this.server.on('clientError', answerClientError);
  }

  /** Each worker for itself, beside the others: nobody needs the holder, nor waits for who leaves. */
  async listen({ host, port }: Place): Promise<void> {
    await opened(this.server, { host, port, reusePort: true });
  }

  /** On handles of the one socket that all workers were given, already bound. */
  async listenOn([first, ...further]: readonly [number, ...number[]]): Promise<void> {
    await opened(this.server, { fd: first });
    // As Node's own servers have it: over TLS there is no half-closed connection.
    const options = { allowHalfOpen: this.watch === undefined, noDelay: true };
    for (const fd of further) {
      const other = createNetServer(options, (socket) =>
        // Whose errors and limits they are: Node's HTTP server looks for itself there.
        this.server.emit('connection', Object.assign(socket, { server: this.server })),
      );
      await opened(other, { fd });
      this.others.push(other);
    }
  }

  /** Takes no new connection; resolves when the last one is gone, at the latest after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    clearInterval(this.watch);
    const limit = setTimeout(() => {
      this.server.closeAllConnections();
      for (const client of this.upgraded) client.destroy();
    }, limitMs);
    await Promise.all(
      [this.server, ...this.others].map((server) => new Promise((done) => server.close(done))),
    );
    clearTimeout(limit);
  }
}

function opened(server: NetServer, where: ListenOptions | { readonly fd: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(where, BACKLOG, resolve);
  return promise;
}

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2';
  readonly ticketKeys: Buffer | undefined;
}

function readPair({ certificate, key, ticketKeys }: TlsFiles): Pair {
  try {
    return { cert: readFileSync(certificate), key: readFileSync(key), minVersion: 'TLSv1.2', ticketKeys };
  } catch (error) {
    throw new HoldfastError('usageInvalid', `the certificate cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Takes a renewed certificate for new connections; those that stand keep theirs. Files are read
 * again when either changed, and a pair that does not fit is said and left alone: tools write one
 * file after the other.
 */
function watchPair(files: TlsFiles, log: Logger, apply: (pair: Pair) => void): NodeJS.Timeout {
  let known = stampOf(files);
  const timer = setInterval(() => {
    const stamp = stampOf(files);
    if (stamp === known) return;
    try {
      apply(readPair(files));
      known = stamp;
      log.info('took the renewed certificate');
    } catch (error) {
      log.warn({ err: error }, 'the changed certificate does not fit; serving with the former one');
    }
  }, CERTIFICATE_LOOK_MS);
  return timer.unref();
}

function stampOf({ certificate, key }: TlsFiles): string {
  return [certificate, key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : 'gone';
    })
    .join(' ');
}

/** Any other upgrade (h2c, which some clients always offer) is answered as plain HTTP/1.1. */
function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

function answerClientError(error: Error & { code?: string }, socket: Duplex): void {
  const line =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  sayLast(socket, `HTTP/1.1 ${line}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
