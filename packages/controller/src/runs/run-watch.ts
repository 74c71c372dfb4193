import { appendEvents } from '@holdfast/postgres/events/event-store.ts';
import type { Services } from '../services.ts';

/**
 * Tells whoever watches a run that its steps moved: one event a run and a tenth of a second, outside
 * the agents' commits. What moved is read from the attempts; a lost event costs a watcher a moment,
 * because the run's own changes are events of their own.
 */
export class RunWatch {
  private readonly services: Pick<Services, 'database' | 'hints'>;
  private moved = new Set<string>();

  constructor(services: Pick<Services, 'database' | 'hints'>) {
    this.services = services;
  }

  note(runIds: readonly string[]): void {
    for (const id of runIds) this.moved.add(id);
  }

  async flush(): Promise<void> {
    if (this.moved.size === 0) return;
    const runs = [...this.moved];
    this.moved = new Set();
    const { database, hints } = this.services;
    await appendEvents(database, { topic: 'run', subjects: runs, kind: 'stepsMoved' });
    hints.send('events');
    hints.send('run');
  }
}
