import { buildConnector, Client, type Dispatcher } from 'undici';

/**
 * A worker's connections to one instance, one request at a time on each. The one that was used
 * last is used next. Few are opened at once: undici's Pool opens one for every request that finds
 * none free, so traffic that moved to a new instance opened as many as there were users in one
 * burst, and everybody stood behind it. Who waits gets the connection that is free first.
 */
const OPENED_AT_ONCE = 2;
/** … and an eighth of those that stand: an instance far away or with slow answers needs many, and soon. */
const GROWTH = 1 / 8;
const CONNECT_TIMEOUT_MS = 2_000;

/** What undici itself tells a handler whose request was never begun. */
const NOT_STARTED = null as unknown as Dispatcher.DispatchController;

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: Dispatcher.DispatchHandler;
}

interface Connection {
  readonly client: Client;
  busy: boolean;
}

export class Connections {
  private readonly origin: string;
  private readonly options: Client.Options;
  private readonly all = new Set<Connection>();
  private readonly opening = new Set<Connection>();
  private readonly free: Connection[] = [];
  private readonly waiting: Waiting[] = [];
  /** Dropped, and not yet closed. */
  private closing = 0;
  private gone: (() => void) | null = null;

  constructor(origin: string, options: Omit<Client.Options, 'connect' | 'pipelining'>) {
    this.origin = origin;
    this.options = {
      ...options,
      connect: buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false }),
      pipelining: 1,
    };
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const connection = this.free.pop() ?? this.open();
    if (connection) this.use(connection, { options, handler });
    else this.waiting.push({ options, handler });
  }

  /** Those that stand and those that are being opened. */
  get size(): number {
    return this.all.size;
  }

  /** Idle ones at once, the others after their request and those who wait; resolves after the last. */
  async close(): Promise<void> {
    const closed = new Promise<void>((done) => {
      this.gone = done;
    });
    for (const connection of [...this.free]) this.drop(connection);
    this.tellWhenGone();
    await closed;
  }

  async destroy(): Promise<void> {
    this.refuseWaiting(new Error('the router stops'));
    const all = [...this.all];
    this.all.clear();
    await Promise.all(all.map(({ client }) => client.destroy()));
  }

  /** null: enough are being opened. */
  private open(): Connection | null {
    const standing = this.all.size - this.opening.size;
    if (this.opening.size >= Math.max(OPENED_AT_ONCE, standing * GROWTH)) return null;
    const connection: Connection = { client: new Client(this.origin, this.options), busy: false };
    this.all.add(connection);
    this.opening.add(connection);
    connection.client
      .on('connect', () => this.opened(connection))
      .on('connectionError', (_origin, _targets, error) => this.failed(connection, error))
      .on('disconnect', () => this.settle(connection))
      .on('drain', () => this.settle(connection));
    return connection;
  }

  private use(connection: Connection, { options, handler }: Waiting): void {
    connection.busy = true;
    connection.client.dispatch(options, handler);
    // A malformed request is refused at once, and no event tells of its end.
    this.settle(connection);
  }

  private opened(connection: Connection): void {
    this.opening.delete(connection);
    this.serveWaiting();
  }

  private failed(connection: Connection, error: Error): void {
    this.drop(connection);
    if (this.all.size > this.opening.size) return this.serveWaiting();
    // Each would have tried for itself, and heard the same: they go elsewhere now, not after a time of their own.
    this.refuseWaiting(error);
  }

  /** After every event that may have ended its request or the connection itself. */
  private settle(connection: Connection): void {
    const { size, connected } = connection.client.stats;
    if (size > 0 || !this.all.has(connection)) return;
    if (!connected) {
      this.drop(connection);
      return this.serveWaiting();
    }
    if (!connection.busy) return;
    connection.busy = false;
    const next = this.waiting.shift();
    if (next) this.use(connection, next);
    else if (this.gone) this.drop(connection);
    else this.free.push(connection);
  }

  private serveWaiting(): void {
    while (this.waiting.length > 0) {
      const connection = this.free.pop() ?? this.open();
      if (!connection) return;
      this.use(connection, this.waiting.shift() as Waiting);
    }
  }

  private refuseWaiting(error: Error): void {
    for (const { handler } of this.waiting.splice(0)) handler.onResponseError?.(NOT_STARTED, error);
  }

  private drop(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    this.opening.delete(connection);
    const at = this.free.indexOf(connection);
    if (at >= 0) this.free.splice(at, 1);
    this.closing += 1;
    void connection.client.close().finally(() => {
      this.closing -= 1;
      this.tellWhenGone();
    });
  }

  private tellWhenGone(): void {
    if (this.all.size + this.closing + this.waiting.length === 0) this.gone?.();
  }
}
