import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { FIRST_SOCKET, isSocketActivated } from '@holdfast/contract/router/socket-activation.ts';
import type { RouterConfig } from '../config.ts';
import { takeName } from './holder-name.ts';
import { HolderRecord, isAlive, ownIdentity } from './record.ts';
import { standIn } from './stand-in.ts';
import { TOLD } from './successor.ts';

/**
 * A router's first process: binds, forks, and never touches a connection.
 *
 *   starting ──every worker listens──▶ serving ──SIGTERM──▶ leaving ──last worker gone──▶ ended
 *      │                                  │
 *      ├─the port is taken─▶ refused ─────┼──▶ ended, or the stand-in of a successor that has just come
 *                                         └─SIGUSR2, and a successor serves─▶ replaced ──last worker gone──▶
 *                                           ended, or the stand-in of its successor for whoever started it
 *
 * SIGHUP replaces the workers one after another. A holder that dies is followed by one that its
 * workers start (successor.ts).
 */
type State = 'starting' | 'serving' | 'leaving' | 'replaced' | 'refused';

const LEAVE_LIMIT_MS = 65_000;
const NAME_AGAIN_MS = 500;
const SUCCESSOR_LIMIT_MS = 5_000;
const FORK_AGAIN_MS = { least: 100, most: 5_000 };
/** Exit codes of a worker that cannot start as it was told: wrong input, or a port that is taken. */
const FATAL = [2, 3];

/** What a worker tells its holder about the successor it was asked for. */
export type SuccessorNews = { readonly successor: 'serves' } | { readonly successor: 'failed' };
export type AskSuccessor = { readonly ask: 'successor' };

export class Holder {
  private readonly config: RouterConfig;
  private readonly record: HolderRecord;
  private readonly routerId = newId();
  private readonly isSuccessor = process.env[TOLD.successor] !== undefined;
  private readonly ids = new Map<number, string>();
  private state: State = 'starting';
  private socket = inheritedSocket();
  private listening = 0;
  private failures = 0;
  private asked = false;
  private ended = false;

  constructor(config: RouterConfig) {
    this.config = config;
    this.record = new HolderRecord(config);
  }

  async hold(): Promise<void> {
    const former = this.config.port === 0 || this.isSuccessor ? null : this.record.read();
    if (former?.successor && !(former.standIn && isAlive(former.standIn))) return standIn(this.record);
    if (former) throw portTaken(former.pid);
    // Workers accept by themselves: a connection that the holder had handed to a worker would die with it.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ args: process.argv.slice(2) });
    cluster.on('exit', (worker, code) => this.lost(worker, code));
    cluster.on('message', (_worker, news: SuccessorNews) => this.hear(news));
    process.on('SIGHUP', () => void this.replaceWorkers());
    process.on('SIGUSR2', () => this.askSuccessor());
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => this.leave('leaving'));
    for (let count = 0; count < this.config.workers; count += 1) this.fork();
  }

  private get workers(): readonly Worker[] {
    return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  }

  private fork(gone: readonly string[] = []): Worker {
    const id = newId();
    const worker = cluster.fork({
      [TOLD.routerId]: this.routerId,
      [TOLD.workerId]: id,
      [TOLD.gone]: gone.join(','),
      ...(this.socket && { [TOLD.socket]: String(this.socket.fd) }),
      ...(this.socket?.activated && { [TOLD.activated]: '1' }),
    });
    this.ids.set(worker.id, id);
    worker.once('listening', () => this.listens());
    return worker;
  }

  private listens(): void {
    this.failures = 0;
    this.listening += 1;
    if (this.state !== 'starting' || this.listening < this.config.workers) return;
    this.state = 'serving';
    if (this.config.port !== 0 && !this.enter()) return this.leave('leaving');
    process.send?.({ ready: true });
  }

  /** False: another successor was faster. */
  private enter(): boolean {
    const former = this.record.read();
    if (former?.successor && this.isSuccessor && process.env[TOLD.successor] === 'named') return false;
    const starter = former && !former.successor ? { pid: former.pid, startTime: former.startTime } : null;
    this.record.write({
      ...ownIdentity(),
      successor: this.isSuccessor,
      standIn: former?.standIn ?? starter,
    });
    if (process.env[TOLD.successor] !== 'named') void this.keepName();
    return true;
  }

  /** A successor that was asked for gets it when its predecessor has gone. */
  private async keepName(): Promise<void> {
    while ((await takeName(this.config)) === null) await sleep(NAME_AGAIN_MS, undefined, { ref: false });
  }

  private lost(worker: Worker, code: number): void {
    const id = this.ids.get(worker.id);
    this.ids.delete(worker.id);
    const last = this.workers.length === 0;
    if (this.state === 'leaving' || this.state === 'replaced') {
      if (last) void this.end();
      return;
    }
    if (this.state === 'refused') return;
    if (this.state === 'starting' && FATAL.includes(code)) return void this.giveUp(code);
    if (last && this.socket?.activated) process.exit(1);
    // With its last worker the socket has gone: the next one binds anew.
    if (last) this.socket = null;
    if (worker.exitedAfterDisconnect) return;
    const pause = Math.min(FORK_AGAIN_MS.most, FORK_AGAIN_MS.least * 2 ** this.failures);
    this.failures += 1;
    setTimeout(() => {
      if (this.state === 'starting' || this.state === 'serving') this.fork(id ? [id] : []);
    }, pause);
  }

  /** The port may be held by workers whose holder died and who are about to have another. */
  private async giveUp(code: number): Promise<void> {
    this.state = 'refused';
    for (const worker of this.workers) worker.process.kill('SIGTERM');
    if (this.isSuccessor || code !== FATAL[1]) process.exit(code);
    for (const until = performance.now() + SUCCESSOR_LIMIT_MS; ; await sleep(NAME_AGAIN_MS)) {
      if (this.record.read()?.successor) await standIn(this.record);
      if (!this.record.isOrphaned || performance.now() > until) process.exit(code);
    }
  }

  private leave(how: 'leaving' | 'replaced'): void {
    this.state = how;
    for (const worker of this.workers) worker.process.kill('SIGTERM');
    setTimeout(() => void this.end(), LEAVE_LIMIT_MS).unref();
  }

  private async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    if (this.state === 'replaced' && !this.isSuccessor) await standIn(this.record);
    this.record.leave();
    process.exit(0);
  }

  /** A new worker listens before an old one is asked to go. */
  private async replaceWorkers(): Promise<void> {
    for (const old of this.workers) {
      const fresh = this.fork();
      await new Promise((done) => fresh.once('listening', done).once('exit', done));
      if (fresh.isDead() || this.state !== 'serving') return;
      old.exitedAfterDisconnect = true;
      old.process.kill('SIGTERM');
    }
  }

  private askSuccessor(): void {
    const [worker] = this.workers;
    if (this.state !== 'serving' || this.asked || !worker) return;
    if (this.config.port === 0) return say('a port that was given by chance has no successor');
    if (this.socket?.activated)
      return say('the service manager keeps the socket: restart the service, connections wait meanwhile');
    this.asked = true;
    worker.send({ ask: 'successor' } satisfies AskSuccessor);
    worker.once('exit', () => {
      this.asked = false;
    });
  }

  private hear(news: SuccessorNews): void {
    if (news.successor === 'serves' && this.state === 'serving') this.leave('replaced');
    if (news.successor === 'failed') this.asked = false;
  }
}

export function say(sentence: string): void {
  process.stderr.write(`holdfast router: ${sentence}\n`);
}

function portTaken(pid: number): HoldfastError {
  return new HoldfastError(
    'portTaken',
    `a router with this address and data folder runs as pid ${pid}; end it first, or send it SIGUSR2 to have it replaced`,
  );
}

/** From a predecessor, or from a service manager, by `holdfast router` or directly. */
function inheritedSocket(): { readonly fd: number; readonly activated: boolean } | null {
  const { [TOLD.socket]: given, [TOLD.activated]: activated } = process.env;
  if (given) return { fd: Number(given), activated: activated !== undefined };
  return isSocketActivated(process.env, process.pid) ? { fd: FIRST_SOCKET, activated: true } : null;
}
