import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';

/** A process, told apart from a later one with the same pid. */
export interface Identity {
  readonly pid: number;
  readonly startTime: string;
}

/** Who holds the socket of one address, in a file beside the snapshot; read by those who follow. */
export interface HolderFacts extends Identity {
  /** Started by a worker of the holder before it, not by anybody who looks after it. */
  readonly successor: boolean;
  /** The process that whoever looks after this router knows: passes signals on, ends when the holder does. */
  readonly standIn: Identity | null;
}

export class HolderRecord {
  private readonly data: string;
  private readonly path: string;

  constructor({ data, port }: { readonly data: string; readonly port: number }) {
    this.data = data;
    this.path = join(data, `holder-${port}.json`);
  }

  /** The holder that lives, if any does. */
  read(): HolderFacts | null {
    try {
      const facts = JSON.parse(readFileSync(this.path, 'utf8')) as HolderFacts;
      return isAlive(facts) ? facts : null;
    } catch {
      // None yet, or half-written by a power cut, which no holder survives.
      return null;
    }
  }

  /** The holder that lives, if it is another: who dies closes its files a moment before it is seen to be dead. */
  readAfter(former: Identity): HolderFacts | null {
    const holder = this.read();
    return holder && !sameProcess(holder, former) ? holder : null;
  }

  /** Somebody held it and did not leave: workers may be about to start the next one. */
  get isOrphaned(): boolean {
    return existsSync(this.path) && this.read() === null;
  }

  /** To the holder that lives, if any does. */
  signal(signal: NodeJS.Signals): void {
    const holder = this.read();
    if (holder) process.kill(holder.pid, signal);
  }

  write(facts: HolderFacts): void {
    mkdirSync(this.data, { recursive: true, mode: 0o700 });
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(facts), { mode: 0o600 });
    renameSync(draft, this.path);
  }

  /** Nobody holds it any more, if it was this process. */
  leave(): void {
    if (this.read()?.pid === process.pid) rmSync(this.path, { force: true });
  }
}

export function identityOf(pid: number): Identity {
  return { pid, startTime: startTimeOf(pid) ?? '' };
}

export function ownIdentity(): Identity {
  return identityOf(process.pid);
}

export function sameProcess(one: Identity, other: Identity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime;
}

export function isAlive({ pid, startTime }: Identity): boolean {
  return startTimeOf(pid) === startTime;
}
