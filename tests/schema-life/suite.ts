import { rmSync } from 'node:fs';
import type { Journal } from '../chaos/journal.ts';
import { Random } from '../chaos/random.ts';
import { LIVES } from './changes/catalogue.ts';
import { Life, type Lived } from './life/life.ts';
import type { Options } from './options.ts';
import { type Scene, serverPlace } from './scene.ts';
import { LaneServer } from './server/lane-server.ts';

/** Lives side by side, a server a lane, so that a crash strikes one change only and a seed says which. */
const LANES = 4;

export class Suite {
  private readonly options: Options;
  private readonly scene: Scene;
  private readonly journal: Journal;
  private readonly servers: LaneServer[] = [];

  constructor(options: Options, scene: Scene, journal: Journal) {
    this.options = options;
    this.scene = scene;
    this.journal = journal;
  }

  async perform(): Promise<readonly Lived[]> {
    const { seed, points, only } = this.options;
    this.journal.tell(`seed ${seed}, ${points} strikes a change`);
    const lives = LIVES.filter(({ name }) => only.includes(name));
    const waiting = [...lives];
    const lived: Lived[] = [];
    const lane = async (place: number) => {
      const server = await this.serverOf(place);
      for (let life = waiting.shift(); life; life = waiting.shift()) {
        const random = new Random(seed + 7_919 * LIVES.indexOf(life));
        const { scene, journal } = this;
        lived.push(await new Life(life, { scene, journal, server, random, points }).perform());
      }
    };
    // The first one copies PostgreSQL for all of them.
    await this.serverOf(0);
    await Promise.all(Array.from({ length: Math.min(LANES, lives.length) }, (_, place) => lane(place)));
    return lived.toSorted((one, other) => lives.indexOf(one.plan) - lives.indexOf(other.plan));
  }

  /** Ends the servers also while one is being started again. */
  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
    for (const server of this.servers) rmSync(server.place.root, { recursive: true, force: true });
  }

  private async serverOf(lane: number): Promise<LaneServer> {
    const known = this.servers[lane];
    if (known) return known;
    const server = new LaneServer(serverPlace(this.scene.root, lane));
    this.servers[lane] = server;
    await server.start();
    return server;
  }
}
