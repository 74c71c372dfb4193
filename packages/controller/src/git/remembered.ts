/**
 * Answers that are asked for again and again in a burst: the newest ones, each for a while. What fails is not
 * remembered, and whoever asks while it is being found waits for the same answer.
 */
export class Remembered<Value> {
  private readonly answers = new Map<string, { readonly at: number; readonly value: Promise<Value> }>();
  private readonly most: number;
  private readonly forMs: number;

  constructor({ most, forMs }: { readonly most: number; readonly forMs: number }) {
    this.most = most;
    this.forMs = forMs;
  }

  get(key: string, find: () => Promise<Value>): Promise<Value> {
    const known = this.answers.get(key);
    if (known && performance.now() - known.at < this.forMs) return known.value;
    const value = find();
    const answer = { at: performance.now(), value };
    this.answers.delete(key);
    this.answers.set(key, answer);
    const [oldest] = this.answers.keys();
    if (this.answers.size > this.most && oldest !== undefined) this.answers.delete(oldest);
    value.catch(() => {
      if (this.answers.get(key) === answer) this.answers.delete(key);
    });
    return value;
  }
}
