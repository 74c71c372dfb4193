/**
 * Which of several equal servers is asked first: the one that answered last. Calls go on side by side, so who failed
 * is named: two that fail at one server at once must not lead each other back to it.
 */
export class Favourite {
  private readonly servers: readonly string[];
  private index = 0;

  constructor(servers: readonly string[]) {
    this.servers = servers;
  }

  get current(): string {
    return this.servers[this.index] as string;
  }

  /** Each once, the favourite first. */
  get order(): readonly string[] {
    return [...this.servers.slice(this.index), ...this.servers.slice(0, this.index)];
  }

  failed(server: string): void {
    if (server === this.current) this.index = (this.index + 1) % this.servers.length;
  }
}
