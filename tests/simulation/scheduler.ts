/**
 * Virtual time: a queue of what happens when. One thing happens at a time; before the next, everything
 * that it set off and that waits for no time has run to its end.
 */
interface Due {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

export class Scheduler {
  now = 1_000_000;
  happened = 0;
  /** Work under way that waits for no virtual time: calls into a real database. */
  private busy = 0;
  private heap: Due[] = [];
  private order = 0;

  /** Virtual time stands still until this is done. */
  async during<Value>(work: () => Promise<Value>): Promise<Value> {
    this.busy += 1;
    try {
      return await work();
    } finally {
      this.busy -= 1;
    }
  }

  after(ms: number, action: () => void): void {
    this.order += 1;
    push(this.heap, { at: this.now + Math.max(0, ms), order: this.order, action });
  }

  every(ms: number, action: () => void, wanted: () => boolean): void {
    this.after(ms, () => {
      if (!wanted()) return;
      action();
      this.every(ms, action, wanted);
    });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((done) => this.after(ms, done));
  }

  /** Until the time, or until it is enough; `each` looks after every event. */
  async runUntil(
    time: number,
    { each, enough }: { readonly each: () => void; readonly enough: () => boolean },
  ): Promise<void> {
    while (this.heap[0] && this.heap[0].at <= time && !enough()) {
      const due = pop(this.heap) as Due;
      this.now = Math.max(this.now, due.at);
      this.happened += 1;
      due.action();
      await this.settle();
      each();
    }
    this.now = Math.max(this.now, enough() ? this.now : time);
  }

  private async settle(): Promise<void> {
    do await new Promise<void>((done) => setImmediate(done));
    while (this.busy > 0);
  }
}

const before = (a: Due, b: Due) => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Due[], due: Due): void {
  heap.push(due);
  for (let child = heap.length - 1; child > 0; ) {
    const parent = (child - 1) >> 1;
    if (!before(heap[child] as Due, heap[parent] as Due)) break;
    swap(heap, child, parent);
    child = parent;
  }
}

function pop(heap: Due[]): Due | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || !last) return top;
  heap[0] = last;
  for (let parent = 0; ; ) {
    const [left, right] = [2 * parent + 1, 2 * parent + 2];
    let least = parent;
    for (const child of [left, right])
      if (heap[child] && before(heap[child] as Due, heap[least] as Due)) least = child;
    if (least === parent) return top;
    swap(heap, parent, least);
    parent = least;
  }
}

function swap(heap: Due[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b] as Due, heap[a] as Due];
}
