import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The journals of all instances (app/journal.js), read on from where the last look ended: how often
 * each POST was executed, anywhere, and what each instance has begun and not ended.
 */
const PART_BYTES = 1024 * 1024;
const RECENT_KEPT = 50_000;

interface Tail {
  offset: number;
  rest: string;
  readonly begun: Set<string>;
}

export class Journals {
  private readonly folder: string;
  private readonly tails = new Map<string, Tail>();
  /** By the number of the POST; one executed twice, on whichever instances, is at 2. */
  private times = new Uint8Array(1 << 16);
  private executedCount = 0;
  private readonly twice: string[] = [];
  private readonly recent = new Map<string, string[]>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** POSTs that were executed, each counted once. */
  get executed(): number {
    return this.executedCount;
  }

  /** Those found since the last call to have been executed again. */
  takeDuplicates(): readonly string[] {
    return this.twice.splice(0);
  }

  read(): void {
    if (!existsSync(this.folder)) return;
    for (const instance of readdirSync(this.folder)) this.follow(instance);
  }

  /** Under way there when it was last heard of. */
  begunOn(instance: string): ReadonlySet<string> {
    return this.tails.get(instance)?.begun ?? new Set();
  }

  /** The instances that a request of the last moments reached. */
  reached(id: string): readonly string[] {
    return this.recent.get(id) ?? [];
  }

  /** Of instances that are gone for good; the long form would fill the disk. */
  forget(isGone: (instance: string) => boolean): void {
    for (const instance of [...this.tails.keys()].filter(isGone)) {
      this.follow(instance);
      this.tails.delete(instance);
      rmSync(join(this.folder, instance), { force: true });
    }
  }

  private follow(instance: string): void {
    const tail = this.tails.get(instance) ?? { offset: 0, rest: '', begun: new Set() };
    this.tails.set(instance, tail);
    const file = openSync(join(this.folder, instance), 'r');
    const part = Buffer.alloc(PART_BYTES);
    for (let bytes = readSync(file, part, 0, PART_BYTES, tail.offset); bytes > 0; ) {
      tail.offset += bytes;
      const lines = (tail.rest + part.toString('latin1', 0, bytes)).split('\n');
      tail.rest = lines.pop() ?? '';
      for (const line of lines) this.note(instance, tail, line);
      bytes = readSync(file, part, 0, PART_BYTES, tail.offset);
    }
    closeSync(file);
  }

  private note(instance: string, tail: Tail, line: string): void {
    const id = line.slice(2);
    if (line[0] === 'b') {
      tail.begun.add(id);
      this.recent.set(id, [...this.reached(id), instance]);
      // Insertion order: the oldest goes first.
      for (const oldest of this.recent.keys()) {
        if (this.recent.size <= RECENT_KEPT) break;
        this.recent.delete(oldest);
      }
    }
    if (line[0] === 'e') tail.begun.delete(id);
    if (line[0] === 'x') this.execute(id);
  }

  private execute(id: string): void {
    const number = Number(id.slice(1));
    if (number >= this.times.length) {
      const grown = new Uint8Array(Math.max(number + 1, this.times.length * 2));
      grown.set(this.times);
      this.times = grown;
    }
    const times = (this.times[number] ?? 0) + 1;
    this.times[number] = times;
    if (times === 1) this.executedCount += 1;
    else this.twice.push(id);
  }
}
