import { setTimeout as sleep } from 'node:timers/promises';
import { buildConnector, Client, type Dispatcher } from 'undici';

/**
 * A worker's connections to one instance, one request at a time on each. The one that was used
 * last is used next. Few are opened at once: undici's Pool opens one for every request that finds
 * none free, so traffic that moved to a new instance opened as many as there were users in one
 * burst, and everybody stood behind it. Who waits gets the connection that is free first. A
 * connection costs the worker more than a request does, so those that are known to be needed are opened ahead.
 */
const OPENED_AT_ONCE = 2;
/** … and an eighth of those that stand: an instance far away or with slow answers needs many, and soon. */
const GROWTH = 1 / 8;
const CONNECT_TIMEOUT_MS = 2_000;
/** Between those that are opened ahead, each of which costs what several requests do: others are served meanwhile. */
const AHEAD_EVERY_MS = 2;

/** What undici itself tells a handler whose request was never begun. */
const NOT_STARTED = null as unknown as Dispatcher.DispatchController;

const NO_REQUEST: Dispatcher.DispatchOptions = { method: 'GET', path: '/' };
/** undici opens a connection for a request only. Thrown as it begins, this ends it before any of it is written. */
const NOTHING_TO_SEND = new Error('a connection opened ahead of requests');

function nothingToSend(failed: () => void): Waiting {
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: () => {
      throw NOTHING_TO_SEND;
    },
    onResponseStart: () => {},
    onResponseData: () => {},
    onResponseEnd: () => {},
    onResponseError: (_controller, error) => {
      if (error !== NOTHING_TO_SEND) failed();
    },
  };
  return { options: NO_REQUEST, handler };
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: Dispatcher.DispatchHandler;
}

interface Connection {
  readonly client: Client;
  serving: Waiting | null;
  /** It has stood after an answer. */
  kept: boolean;
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
    try {
      const connection = this.free.pop() ?? this.open();
      if (connection) this.use(connection, { options, handler });
      else this.waiting.push({ options, handler });
    } catch (error) {
      // Its address is none.
      handler.onResponseError?.(NOT_STARTED, error as Error);
    }
  }

  /**
   * Opens connections before there are requests for them, until so many stand, one cannot be opened
   * or the time is up. The instance is sent nothing.
   */
  async openAhead(count: number, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    // Each is tried once: some accept only to hang up.
    let left = count - this.all.size;
    const failed = () => {
      left = 0;
    };
    while (this.standing < count && (left > 0 || this.opening.size > 0)) {
      if (this.gone !== null || performance.now() >= deadline) return;
      const connection = left > 0 ? this.open() : null;
      if (connection) {
        left -= 1;
        this.use(connection, nothingToSend(failed));
      }
      await sleep(AHEAD_EVERY_MS);
    }
  }

  /** Those that stand and those that are being opened. */
  get size(): number {
    return this.all.size;
  }

  /** Those that the instance did not close after an answer, busy ones among them. */
  get kept(): number {
    return [...this.all].filter((connection) => connection.kept).length;
  }

  private get standing(): number {
    return this.all.size - this.opening.size;
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
    if (this.opening.size >= Math.max(OPENED_AT_ONCE, this.standing * GROWTH)) return null;
    const connection: Connection = {
      client: new Client(this.origin, this.options),
      serving: null,
      kept: false,
    };
    this.all.add(connection);
    this.opening.add(connection);
    connection.client
      .on('connect', () => this.opened(connection))
      .on('connectionError', (_origin, _targets, error) => this.failed(connection, error))
      .on('disconnect', () => this.settle(connection))
      .on('drain', () => this.settle(connection));
    return connection;
  }

  private use(connection: Connection, request: Waiting): void {
    connection.serving = request;
    connection.client.dispatch(request.options, request.handler);
    // A malformed request is refused at once, and no event tells of its end.
    this.settle(connection);
  }

  private opened(connection: Connection): void {
    this.opening.delete(connection);
    this.serveWaiting();
  }

  private failed(connection: Connection, error: Error): void {
    this.drop(connection);
    if (this.standing > 0) return this.serveWaiting();
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
    if (connection.serving === null) return;
    connection.kept ||= connection.serving.options !== NO_REQUEST;
    connection.serving = null;
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
