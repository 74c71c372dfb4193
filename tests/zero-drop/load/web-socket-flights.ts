import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Flight } from './flight.ts';
import type { FlightLog } from './flight-log.ts';

/**
 * WebSockets that say something now and then and want to hear it again. One that gets a close
 * frame is opened again and says once more what was not answered; one that is cut has failed.
 */
const DEADLINE_MS = 10_000;
const MESSAGE_MS = 500;
/** Of a socket that is not to stay. */
const SHORT_MESSAGES = 3;
const GOING_AWAY = 1001;
const NORMAL = 1000;

export class WebSocketFlights {
  private readonly port: number;
  private readonly log: FlightLog;

  constructor(port: number, log: FlightLog) {
    this.port = port;
    this.log = log;
  }

  /** Stays for as long as it can, and comes back. */
  stay(): void {
    new Session(this.port, this.log, { messages: Number.POSITIVE_INFINITY, kept: true }).open();
  }

  visit(): void {
    new Session(this.port, this.log, { messages: SHORT_MESSAGES, kept: false }).open();
  }
}

interface Plan {
  readonly messages: number;
  readonly kept: boolean;
}

class Session {
  private readonly port: number;
  private readonly log: FlightLog;
  private readonly plan: Plan;
  private sent = 0;
  private life: Flight | null = null;
  private socket: Duplex | null = null;
  private kept = Buffer.alloc(0);
  private leaving = false;
  private readonly waiting = new Map<
    string,
    { readonly flight: Flight; readonly deadline: NodeJS.Timeout }
  >();
  private talking: NodeJS.Timeout | undefined;

  constructor(port: number, log: FlightLog, plan: Plan) {
    this.port = port;
    this.log = log;
    this.plan = plan;
  }

  open(): void {
    this.leaving = false;
    this.kept = Buffer.alloc(0);
    const life = this.log.begin('ws', { kept: this.plan.kept, lasting: this.plan.kept });
    this.life = life;
    const asked = request({
      host: '127.0.0.1',
      port: this.port,
      path: '/socket',
      agent: false,
      headers: {
        'x-request-id': life.id,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    const deadline = setTimeout(() => {
      this.over({ problem: 'no handshake', hung: true });
      asked.destroy();
    }, DEADLINE_MS);
    asked.on('socket', (socket) =>
      socket.once('connect', () => {
        life.localPort = socket.localPort ?? null;
      }),
    );
    asked.on('error', (error) => this.over({ problem: error.message }));
    asked.on('response', (answer) => {
      answer.resume();
      this.over({ problem: `the handshake was answered ${answer.statusCode}` });
    });
    asked.on('close', () => clearTimeout(deadline));
    asked.on('upgrade', (answer, socket, head) => {
      clearTimeout(deadline);
      life.instance = String(answer.headers['x-instance'] ?? '');
      this.begin(socket, head);
    });
    asked.end();
  }

  private begin(socket: Duplex, head: Buffer): void {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.hear(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.socket === socket) this.over(this.leaving ? {} : { problem: 'cut without a close frame' });
    });
    if (head.length > 0) this.hear(head);
    for (const { flight } of this.waiting.values()) this.write(0x1, Buffer.from(flight.id));
    this.talking = setInterval(() => this.talk(), MESSAGE_MS * (0.75 + Math.random() / 2));
    if (!this.plan.kept) this.talk();
  }

  private talk(): void {
    if (this.leaving || !this.life) return;
    if (this.sent >= this.plan.messages) {
      if (this.waiting.size === 0) this.close(NORMAL);
      return;
    }
    this.sent += 1;
    const flight = this.log.begin('ws', { kept: this.plan.kept, carrier: this.life.id });
    flight.localPort = this.life.localPort;
    const deadline = setTimeout(
      () => this.settle(flight.id, { problem: 'no echo', hung: true }),
      DEADLINE_MS,
    );
    this.waiting.set(flight.id, { flight, deadline });
    this.write(0x1, Buffer.from(flight.id));
  }

  private hear(chunk: Buffer): void {
    this.kept = Buffer.concat([this.kept, chunk]);
    while (this.kept.length >= 2) {
      // The app's frames are short and not masked.
      const length = (this.kept[1] as number) & 0x7f;
      if (this.kept.length < 2 + length) return;
      const opcode = (this.kept[0] as number) & 0x0f;
      const payload = this.kept.subarray(2, 2 + length);
      this.kept = this.kept.subarray(2 + length);
      if (opcode === 0x1) this.settle(payload.toString(), {});
      if (opcode === 0x8) this.heardClose(payload.length >= 2 ? payload.readUInt16BE(0) : 0);
    }
  }

  private heardClose(code: number): void {
    if (this.leaving) return void this.socket?.end();
    if (code !== GOING_AWAY) return this.over({ problem: `closed with ${code}` });
    this.close(code);
  }

  private close(code: number): void {
    this.leaving = true;
    clearInterval(this.talking);
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.write(0x8, payload);
    if (code === GOING_AWAY) this.socket?.end();
    const { life } = this;
    setTimeout(() => {
      if (this.life === life) this.over({ problem: 'no end after the close frame', hung: true });
    }, DEADLINE_MS).unref();
  }

  private over(how: { readonly problem?: string; readonly hung?: boolean }): void {
    const { life } = this;
    if (!life) return;
    this.life = null;
    const { socket } = this;
    this.socket = null;
    clearInterval(this.talking);
    socket?.destroy();
    this.log.end(life, how);
    // What was not answered went down with it; after a goodbye it is said again.
    if (how.problem) for (const id of [...this.waiting.keys()]) this.settle(id, { problem: how.problem });
    const finished = this.sent >= this.plan.messages && this.waiting.size === 0;
    if (finished || (how.problem && !this.plan.kept)) return;
    if (!how.problem) this.log.cameBack();
    setTimeout(() => this.open(), how.problem ? 200 : 0);
  }

  private settle(id: string, how: { readonly problem?: string; readonly hung?: boolean }): void {
    const entry = this.waiting.get(id);
    if (!entry) return;
    this.waiting.delete(id);
    clearTimeout(entry.deadline);
    this.log.end(entry.flight, how);
  }

  private write(opcode: number, payload: Buffer): void {
    if (!this.socket?.writable) return;
    const mask = randomBytes(4);
    const masked = Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] as number)));
    this.socket.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]));
  }
}
