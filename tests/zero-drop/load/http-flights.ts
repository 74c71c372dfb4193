import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Flight } from './flight.ts';
import type { FlightLog } from './flight-log.ts';

/**
 * The flights that are one request and one answer. Kept connections come from an agent that reuses
 * them; nothing is ever sent twice, so that whatever a router drops is seen.
 */
const DEADLINE_MS = 10_000;
const CHUNKS = 8;
const PART_MS = 20;
const SHORT_TICKS = 12;
const TICK_MS = 200;
/**
 * With a timeout of its own the agent heeds the router's `Keep-Alive: timeout`, too; without one it keeps a connection until
 * that is closed, and may begin a request in the same instant, which nobody can answer (RFC 9112 §9.3.1).
 */
const keepAlive = new Agent({ keepAlive: true, maxSockets: 256, timeout: 60_000 });

export class HttpFlights {
  private readonly port: number;
  private readonly log: FlightLog;
  /** When the last request of a kept connection was over. */
  private readonly usedAt = new WeakMap<Socket, number>();

  constructor(port: number, log: FlightLog) {
    this.port = port;
    this.log = log;
  }

  get(kept: boolean): void {
    this.fly(this.log.begin('get', { kept }), {
      path: '/fast',
      check: (text, flight) => sameId(text, flight),
    });
  }

  slow(kept: boolean, ms: number): void {
    this.fly(this.log.begin('slow', { kept }), {
      path: `/slow?ms=${Math.round(ms)}`,
      expectMs: ms,
      check: (text, flight) => sameId(text, flight),
    });
  }

  post(kept: boolean): void {
    this.order(this.log.begin('post', { kept }), 0);
  }

  /** Executed at once and answered late: whoever repeats it has it executed twice. */
  slowPost(kept: boolean, ms: number): void {
    this.order(this.log.begin('slow', { kept }), ms);
  }

  private order(flight: Flight, ms: number): void {
    const body = Buffer.from(JSON.stringify({ order: flight.id, note: 'x'.repeat(300) }));
    const sent = this.fly(flight, {
      method: 'POST',
      path: `/post?ms=${Math.round(ms)}`,
      expectMs: ms,
      headers: { 'content-type': 'application/json', 'content-length': body.length },
      check: (text) => this.checkPost(text, flight, body.length),
    });
    sent.end(body);
  }

  /** A body whose length nobody knows beforehand. */
  upload(kept: boolean): void {
    const flight = this.log.begin('chunked', { kept });
    const part = Buffer.from('y'.repeat(400));
    const sent = this.fly(flight, {
      method: 'POST',
      path: '/post',
      headers: { 'transfer-encoding': 'chunked' },
      check: (text) => this.checkPost(text, flight, 3 * part.length),
    });
    sent.write(part);
    // One timer after the other: two that are late do not come in order.
    setTimeout(() => {
      sent.write(part);
      setTimeout(() => sent.end(part), PART_MS);
    }, PART_MS);
  }

  download(kept: boolean): void {
    this.fly(this.log.begin('chunked', { kept }), {
      path: `/chunks?count=${CHUNKS}`,
      check: (text, flight) => {
        const lines = text.trimEnd().split('\n');
        const whole = lines.length === CHUNKS + 1 && lines.at(-1) === `end ${flight.id}`;
        return whole ? null : `${lines.length} of ${CHUNKS + 1} lines came`;
      },
    });
  }

  /** A stream of a few seconds that must come to its end, or be asked to come again. */
  stream(kept: boolean): void {
    this.fly(this.log.begin('sse', { kept }), {
      path: `/events?ticks=${SHORT_TICKS}`,
      expectMs: SHORT_TICKS * TICK_MS,
      check: (text) => checkTicks(text, SHORT_TICKS),
    });
  }

  /** An endless stream: it goes on until its instance leaves, and is opened again at once. */
  follow(): void {
    const flight = this.log.begin('sse', { kept: true, lasting: true });
    this.fly(flight, {
      path: '/events?ticks=1000000',
      expectMs: 3_600_000,
      check: (text) => checkTicks(text, 1_000_000),
      over: () => {
        if (flight.problem === null) this.log.cameBack();
        setTimeout(() => this.follow(), flight.problem === null ? 0 : 200);
      },
    });
  }

  private fly(flight: Flight, order: FlightOrder): ClientRequest {
    const sent = request({
      host: '127.0.0.1',
      port: this.port,
      method: order.method ?? 'GET',
      path: order.path,
      agent: flight.kept ? keepAlive : false,
      headers: {
        'x-request-id': flight.id,
        ...(flight.kept ? {} : { connection: 'close' }),
        ...order.headers,
      },
    });
    const settle = (how: { readonly problem?: string; readonly hung?: boolean }) => {
      if (flight.endedAt !== null) return;
      clearTimeout(deadline);
      this.log.end(flight, how);
      order.over?.();
    };
    const limitMs = (order.expectMs ?? 0) + DEADLINE_MS;
    const deadline = setTimeout(() => {
      settle({ problem: `no end within ${Math.round(limitMs)} ms`, hung: true });
      sent.destroy();
    }, limitMs);
    sent.on('socket', (socket) => {
      const usedAt = this.usedAt.get(socket);
      if (usedAt !== undefined) flight.idleMs = Math.round(performance.now() - usedAt);
      sent.once('close', () => this.usedAt.set(socket, performance.now()));
      const notePort = () => {
        flight.localPort = socket.localPort ?? null;
      };
      if (socket.connecting) socket.once('connect', notePort);
      else notePort();
    });
    sent.on('error', (error) => settle({ problem: error.message }));
    sent.on('response', (answer) => receive(answer, flight, { order, settle }));
    if (order.method === undefined) sent.end();
    return sent;
  }

  private checkPost(text: string, flight: Flight, size: number): string | null {
    this.log.executed(flight);
    const wrong = sameId(text, flight);
    const got = (JSON.parse(text) as { size?: number }).size;
    return wrong ?? (got === size ? null : `sent ${size} bytes, the app got ${got}`);
  }
}

interface FlightOrder {
  readonly method?: 'POST';
  readonly path: string;
  readonly headers?: Record<string, string | number>;
  readonly expectMs?: number;
  /** null: the answer is whole and right. */
  readonly check: (text: string, flight: Flight) => string | null;
  readonly over?: () => void;
}

const TEXT_KEPT = 4_096;

function receive(
  answer: IncomingMessage,
  flight: Flight,
  { order, settle }: { readonly order: FlightOrder; readonly settle: (how: { problem?: string }) => void },
): void {
  let text = '';
  flight.instance = String(answer.headers['x-instance'] ?? '');
  answer.setEncoding('utf8').on('data', (part: string) => {
    // Of an endless stream only the end is looked at.
    text = flight.lasting ? (text + part).slice(-TEXT_KEPT) : text + part;
  });
  answer.on('error', (error) => settle({ problem: `cut off: ${error.message}` }));
  answer.on('end', () => {
    const status = answer.statusCode ?? 0;
    if (status >= 300) return settle({ problem: `status ${status}: ${text.slice(0, 80)}` });
    try {
      const problem = order.check(text, flight);
      settle(problem === null ? {} : { problem });
    } catch (error) {
      settle({ problem: (error as Error).message });
    }
  });
}

function sameId(text: string, flight: Flight): string | null {
  const { id } = JSON.parse(text) as { id?: string };
  return id === flight.id ? null : `the answer to ${id} came`;
}

/** Ticks without a gap, then `end` at the last one, or `bye` where the instance left. */
function checkTicks(text: string, ticks: number): string | null {
  const events = text.split('\n\n').filter((event) => event.includes('event: '));
  const last = events.pop() ?? '';
  const seen = events.map((event) => Number(/^id: (\d+)$/m.exec(event)?.[1] ?? Number.NaN));
  // The oldest part may have been cut where only the end was kept.
  const numbers = seen.filter((number) => !Number.isNaN(number));
  if (numbers.some((number, at) => at > 0 && number !== (numbers[at - 1] as number) + 1))
    return 'ticks are missing';
  if (/^event: bye$/m.test(last)) return null;
  return /^event: end$/m.test(last) && numbers.at(-1) === ticks ? null : 'no end and no goodbye came';
}
