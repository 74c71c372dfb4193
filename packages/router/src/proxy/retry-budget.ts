/** Retries are a share of the traffic: a failing fleet is not doubled by its own retries. */
const WINDOW_MS = 10_000;
const FLOOR = 10;

export class RetryBudget {
  private windowStart = 0;
  private requests = 0;
  private retries = 0;
  private readonly share: number;

  constructor(share: number) {
    this.share = share;
  }

  noteRequest(now: number): void {
    this.roll(now);
    this.requests += 1;
  }

  take(now: number): boolean {
    this.roll(now);
    if (this.retries >= Math.max(FLOOR, this.requests * this.share)) return false;
    this.retries += 1;
    return true;
  }

  private roll(now: number): void {
    if (now - this.windowStart < WINDOW_MS) return;
    this.windowStart = now;
    this.requests = 0;
    this.retries = 0;
  }
}
