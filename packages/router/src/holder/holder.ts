import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { FIRST_SOCKET, isSocketActivated } from '@holdfast/contract/router/socket-activation.ts';
import type { RouterConfig } from '../config.ts';
import { type HolderName, takeName } from './holder-name.ts';
import { bindSocket, inheritedSocket, type ListeningSocket, stdioOfWorker } from './listening-socket.ts';
import { type HolderFacts, HolderRecord, isAlive, ownIdentity, sameProcess } from './record.ts';
import { standIn } from './stand-in.ts';
import { readHeritage, TOLD } from './successor.ts';

/**
 * A router's first process: binds, forks, and never touches a connection.
 *
 *   starting ──every worker listens──▶ serving ──SIGTERM──▶ leaving ──last worker gone──▶ ended
 *      │                                  │
 *      ├─the port is taken─▶ refused ─────┼──▶ ended, or the stand-in of a successor that has just come
 *                                         │
 *                                         └─SIGUSR2, and a successor serves─▶ replaced ──last worker gone──▶
 *                                           ended, or the stand-in of its successor for whoever started it
 *
 * SIGHUP replaces the workers one after another. A holder that dies is followed by one that its
 * workers start (successor.ts). Once replaced, it passes every signal on.
 */
type State = 'starting' | 'serving' | 'leaving' | 'replaced' | 'refused';

const TICKET_KEYS_BYTES = 48;
const LEAVE_LIMIT_MS = 65_000;
const NAME_AGAIN_MS = 500;
const LOOK_MS = 100;
const SUCCESSOR_LIMIT_MS = 5_000;
const FORK_AGAIN_MS = { least: 100, most: 5_000 };
/** Exit codes of a worker that cannot start as it was told: wrong input, or a port that is taken. */
const FATAL = [2, 3];

/** What a worker tells: it listens, or the successor that it was asked for does not come. */
export type WorkerNews = { readonly news: 'listens' | 'noSuccessor' };
/** end: with the whole router, and at once when this holder dies. */
export type AskWorker = { readonly ask: 'successor' | 'end' };

interface Worker {
  readonly id: string;
  /** Whose place it takes; told to the controllers when it serves. */
  readonly gone: readonly string[];
  readonly process: ChildProcess;
  listens: boolean;
  /** Another has its place. */
  going: boolean;
}

export class Holder {
  private readonly config: RouterConfig;
  private readonly record: HolderRecord;
  private readonly routerId = newId();
  private readonly heritage = readHeritage();
  private readonly workers = new Set<Worker>();
  /** Of all its workers, so that a TLS session goes on at any of them. */
  private readonly ticketKeys = randomBytes(TICKET_KEYS_BYTES).toString('base64');
  /** Workers that served and died, until one that takes a place serves. */
  private gone: string[] = [];
  private state: State = 'starting';
  private socket: ListeningSocket | null = null;
  private name: HolderName | null = null;
  private failures = 0;
  private asked = false;
  private replacing = false;
  private again = false;
  private stopping = false;
  private ended = false;

  constructor(config: RouterConfig) {
    this.config = config;
    this.record = new HolderRecord(config);
  }

  async hold(): Promise<void> {
    const former = this.config.port === 0 || this.heritage.successor ? null : this.record.read();
    if (former && isAlone(former)) return standIn(this.record);
    if (former) throw portTaken(former.pid);
    process.on('SIGHUP', () => this.pass('SIGHUP') || void this.replaceWorkers());
    process.on('SIGUSR2', () => this.pass('SIGUSR2') || this.askSuccessor());
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.stop());
    const socket = this.heritage.socket ?? activatedSocket() ?? (await this.bind());
    this.socket = socket;
    for (let count = 0; count < this.config.workers; count += 1) this.fork(socket);
  }

  private async bind(): Promise<ListeningSocket> {
    try {
      return await bindSocket(this.config);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'portTaken') await this.standInForComing();
      throw error;
    }
  }

  /** True: this one is not the holder any more, and the one that is was told. */
  private pass(signal: NodeJS.Signals): boolean {
    if (this.state !== 'replaced') return false;
    this.record.signal(signal);
    return true;
  }

  private stop(): void {
    this.stopping = true;
    this.giveWay();
    if (!this.pass('SIGTERM') && (this.state === 'starting' || this.state === 'serving'))
      this.leave('leaving');
  }

  /** Without those that were asked to go. */
  private get standing(): readonly Worker[] {
    return [...this.workers].filter(({ going }) => !going);
  }

  /** It accepts by itself: a connection that the holder had handed to it would die with the holder. */
  private fork(socket: ListeningSocket): Worker {
    const id = newId();
    const gone = this.gone;
    this.gone = [];
    const child = fork(process.argv[1] ?? '', process.argv.slice(2), {
      stdio: stdioOfWorker(socket),
      env: {
        ...process.env,
        [TOLD.routerId]: this.routerId,
        [TOLD.workerId]: id,
        [TOLD.gone]: gone.join(','),
        [TOLD.ticketKeys]: this.ticketKeys,
        ...(socket.activated && { [TOLD.activated]: '1' }),
      },
    });
    const worker = { id, gone, process: child, listens: false, going: false };
    this.workers.add(worker);
    child.on('message', ({ news }: WorkerNews) => {
      if (news === 'listens') this.listens(worker);
      else this.asked = false;
    });
    child.once('exit', (code) => this.lost(worker, code ?? 1));
    // No process could be started; nothing else is said of such a child.
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      say(error.message);
      this.lost(worker, 1);
    });
    return worker;
  }

  private listens(worker: Worker): void {
    this.failures = 0;
    worker.listens = true;
    const listening = [...this.workers].filter(({ listens }) => listens);
    if (this.state !== 'starting' || listening.length < this.config.workers) return;
    this.state = 'serving';
    if (this.config.port !== 0) {
      if (!this.enter()) return this.leave('leaving');
      void this.watch();
    }
    if (process.connected) process.send?.({ ready: true }, () => {});
  }

  /** False: another one is the holder, or nobody would know of this one. */
  private enter(): boolean {
    const { successor, named, after } = this.heritage;
    const former = this.record.read();
    if (former && !(after && sameProcess(former, after))) return false;
    const starter = former && !former.successor ? { pid: former.pid, startTime: former.startTime } : null;
    try {
      this.record.write({ ...ownIdentity(), successor, standIn: former?.standIn ?? starter });
    } catch (error) {
      say(`cannot be replaced without a gap: ${(error as Error).message}`);
      // As before there were successors; a second one that nobody knows of is worse than none.
      return !successor;
    }
    if (named === null) void this.keepName();
    return true;
  }

  /** A successor that was asked for gets it when its predecessor lets go. */
  private async keepName(): Promise<void> {
    for (
      ;
      this.state === 'serving' && this.name === null;
      await sleep(NAME_AGAIN_MS, undefined, { ref: false })
    )
      this.name = await takeName(this.config);
  }

  private letNameGo(): void {
    this.name?.letGo();
    if (this.heritage.named !== null) closeSync(this.heritage.named);
  }

  private lost(worker: Worker, code: number): void {
    if (!this.workers.delete(worker) || this.state === 'refused') return;
    if (this.state === 'leaving' || this.state === 'replaced') {
      if (this.workers.size === 0) void this.end();
      return;
    }
    if (this.state === 'starting' && FATAL.includes(code)) return void this.giveUp(code);
    this.gone.push(...(worker.listens ? [worker.id] : worker.gone));
    const pause = Math.min(FORK_AGAIN_MS.most, FORK_AGAIN_MS.least * 2 ** this.failures);
    this.failures += 1;
    setTimeout(() => this.fill(), pause);
  }

  private fill(): void {
    if (this.socket === null || (this.state !== 'starting' && this.state !== 'serving')) return;
    if (this.standing.length < this.config.workers) this.fork(this.socket);
  }

  private async giveUp(code: number): Promise<void> {
    this.state = 'refused';
    for (const worker of this.workers) worker.process.kill('SIGTERM');
    if (!this.heritage.successor && code === FATAL[1]) await this.standInForComing();
    process.exit(code);
  }

  /** The port may be held by workers whose holder died and who are about to have another. */
  private async standInForComing(): Promise<void> {
    for (const until = performance.now() + SUCCESSOR_LIMIT_MS; ; await sleep(NAME_AGAIN_MS)) {
      if (this.record.read()?.successor) await standIn(this.record, { stopping: this.stopping });
      if (!this.record.isOrphaned || performance.now() > until) return;
    }
  }

  private leave(how: 'leaving' | 'replaced'): void {
    this.state = how;
    // What the last worker has not accepted is refused at once, not when this process has ended.
    this.socket?.close();
    this.socket = null;
    if (how === 'replaced') this.letNameGo();
    for (const worker of this.workers) {
      if (how === 'leaving') tell(worker, { ask: 'end' });
      worker.process.kill('SIGTERM');
    }
    setTimeout(() => void this.end(), LEAVE_LIMIT_MS).unref();
    if (this.workers.size === 0) void this.end();
  }

  private async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    if (this.state === 'replaced' && !this.heritage.successor)
      await standIn(this.record, { stopping: this.stopping });
    this.record.leave();
    process.exit(0);
  }

  /** Asked while it is being done: all of them once more, afterwards. */
  private async replaceWorkers(): Promise<void> {
    this.again = true;
    if (this.replacing) return;
    for (this.replacing = true; this.again; ) {
      this.again = false;
      await this.replaceEach();
    }
    this.replacing = false;
  }

  /** A new worker listens before an old one is asked to go, and none is that brings a successor. */
  private async replaceEach(): Promise<void> {
    for (const old of this.standing) {
      while (this.asked && this.state === 'serving') await sleep(LOOK_MS);
      if (this.state !== 'serving' || this.socket === null) return;
      if (!this.workers.has(old)) continue;
      const fresh = this.fork(this.socket);
      while (!fresh.listens && this.workers.has(fresh)) await sleep(LOOK_MS);
      if (!this.workers.has(fresh)) return;
      if (this.state !== 'serving') return void fresh.process.kill('SIGTERM');
      old.going = true;
      old.process.kill('SIGTERM');
      this.fill();
    }
  }

  private askSuccessor(): void {
    const worker = this.standing.find(({ listens }) => listens);
    if (this.state !== 'serving' || this.asked || !worker) return;
    if (this.config.port === 0) return say('a port that was given by chance has no successor');
    if (this.socket?.activated)
      return say('the service manager keeps the socket: restart the service, connections wait meanwhile');
    this.asked = true;
    tell(worker, { ask: 'successor' });
    worker.process.once('exit', () => {
      this.asked = false;
    });
  }

  private async watch(): Promise<void> {
    for (; this.state === 'serving'; await sleep(LOOK_MS, undefined, { ref: false })) this.giveWay();
  }

  /** Replaced is who reads another's name in the record, whoever brought that one. */
  private giveWay(): void {
    const holder = this.state === 'serving' ? this.record.read() : null;
    if (holder && holder.pid !== process.pid) this.leave('replaced');
  }
}

export function say(sentence: string): void {
  process.stderr.write(`holdfast router: ${sentence}\n`);
}

function tell(worker: Worker, message: AskWorker): void {
  if (worker.process.connected) worker.process.send(message, () => {});
}

/** A successor that nobody looks after. */
function isAlone({ successor, standIn: other }: HolderFacts): boolean {
  return successor && !(other && isAlive(other));
}

function portTaken(pid: number): HoldfastError {
  return new HoldfastError(
    'portTaken',
    `a router with this address and data folder runs as pid ${pid}; end it first, or send it SIGUSR2 to have it replaced`,
  );
}

function activatedSocket(): ListeningSocket | null {
  return isSocketActivated(process.env, process.pid) ? inheritedSocket(FIRST_SOCKET, true) : null;
}
