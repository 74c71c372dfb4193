import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type Scene, signal, startChild } from '../scene.ts';
import type { ReleaseSettings } from './release.ts';
import type { Order, Tally } from './tally.ts';

/** A release as its life sees it. */
export class Release {
  readonly side: ReleaseSettings['side'];
  private readonly child: ChildProcess;
  private ended = false;

  private constructor(child: ChildProcess, side: ReleaseSettings['side']) {
    this.child = child;
    this.side = side;
  }

  /** Resolves when it could begin. `died`: it went without having been asked to. */
  static async start(
    scene: Scene,
    settings: ReleaseSettings,
    died: (sentence: string) => void,
  ): Promise<Release> {
    const child = startChild(scene, './release/release.ts', settings);
    const release = new Release(child, settings.side);
    child.once('exit', (code, by) => {
      if (!release.ended) died(`${settings.name} ended by itself (${by ?? `exit ${code}`})`);
    });
    await once(child, 'message');
    return release;
  }

  go(): void {
    this.child.send('go' satisfies Order);
  }

  /** Its writers rest between two statements; `go` wakes them. */
  async halt(): Promise<Tally> {
    const answered = once(this.child, 'message');
    this.child.send('halt' satisfies Order);
    return (await answered)[0] as Tally;
  }

  end(): void {
    this.ended = true;
    signal(this.child.pid, 'SIGKILL');
  }
}
