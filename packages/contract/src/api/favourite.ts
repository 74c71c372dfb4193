/**
 * Which of several equal servers is asked first: the one that answered last. Calls go on side by side, so who failed
 * is named: two that fail at one server at once must not lead each other back to it.
 */
export class Favourite<Server> {
  private readonly servers: readonly Server[];
  private index = 0;

  constructor(servers: readonly Server[]) {
    if (servers.length === 0) throw new RangeError('expected a server');
    this.servers = servers;
  }

  get current(): Server {
    return this.servers[this.index] as Server;
  }

  /** Each once, the favourite first. */
  get order(): readonly Server[] {
    return [...this.servers.slice(this.index), ...this.servers.slice(0, this.index)];
  }

  failed(server: Server): void {
    if (server === this.current) this.index = (this.index + 1) % this.servers.length;
  }
}
