import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Something that can be told to go, such as a client of the `ws` package. */
export interface WebSocketLike {
  close(code: number, reason: string): void;
}

const GOING_AWAY = 1001;

/**
 * Lets one server's clients go without failing any: answers say `Connection: close`, idle
 * connections are closed, requests in flight finish, WebSockets get a close frame, and only what
 * is left at the deadline is cut.
 */
export class ServerDrain {
  private readonly server: Server;
  private readonly inFlight = new Set<ServerResponse>();
  private readonly upgraded = new Set<Duplex>();
  private draining = false;

  constructor(server: Server) {
    this.server = server;
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      if (this.draining && !response.headersSent) response.setHeader('connection', 'close');
      this.inFlight.add(response);
      response.once('close', () => this.inFlight.delete(response));
    });
    // Not a listener: with one, Node hands over every Upgrade, also to an app that would have ignored it.
    const emit = server.emit.bind(server);
    server.emit = (event: string, ...given: unknown[]) => {
      if (event === 'upgrade') this.follow(given[1] as Duplex);
      return emit(event, ...given);
    };
  }

  private follow(socket: Duplex): void {
    this.upgraded.add(socket);
    socket.once('close', () => this.upgraded.delete(socket));
  }

  /** Still takes requests: whoever routes here may not have heard yet. */
  begin(): void {
    this.draining = true;
    for (const response of this.inFlight)
      if (!response.headersSent) response.setHeader('connection', 'close');
    this.server.closeIdleConnections();
  }

  /** Takes no more connections; resolves when everything has ended, at the latest after `limitMs`. */
  async finish(limitMs: number, webSockets: Iterable<WebSocketLike>): Promise<void> {
    for (const socket of webSockets) socket.close(GOING_AWAY, 'going away');
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    const cut = setTimeout(() => {
      this.server.closeAllConnections();
      for (const socket of this.upgraded) socket.destroy();
    }, limitMs);
    await closed;
    await Promise.all([...this.upgraded].map((socket) => new Promise((done) => socket.once('close', done))));
    clearTimeout(cut);
  }
}
