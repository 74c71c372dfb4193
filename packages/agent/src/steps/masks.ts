import { HoldfastError } from '@holdfast/contract/errors.ts';

/** Each new one makes the pattern anew: thousands would keep the agent from everything else. */
const ADDED_MOST = 1_000;

/** What must not be seen. Longest first, so that a part never uncovers the whole. */
export class Masks {
  private readonly values = new Set<string>();
  private pattern: RegExp | null = null;
  private readonly most: number;

  /** The job's secrets; what its steps add comes on top. */
  constructor(initial: Iterable<string> = []) {
    for (const value of initial) this.put(value, Number.POSITIVE_INFINITY);
    this.most = this.values.size + ADDED_MOST;
  }

  /** What was added before, maybe by an agent that knew no bound. */
  keep(value: string): void {
    this.put(value, Number.POSITIVE_INFINITY);
  }

  add(value: string): void {
    this.put(value, this.most);
  }

  private put(value: string, most: number): void {
    for (const line of value.split('\n')) {
      const text = line.trim();
      // One or two characters would blank out half a log and hide nothing.
      if (text.length < 3 || this.values.has(text)) continue;
      if (this.values.size >= most)
        throw new HoldfastError('limitExceeded', `the steps of a job may hide at most ${ADDED_MOST} lines`);
      this.values.add(text);
      this.pattern = null;
    }
  }

  list(): readonly string[] {
    return [...this.values];
  }

  hide(text: string): string {
    if (this.values.size === 0) return text;
    this.pattern ??= new RegExp(
      [...this.values]
        .sort((a, b) => b.length - a.length)
        .map(escapePattern)
        .join('|'),
      'g',
    );
    return text.replace(this.pattern, '***');
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
