import { noteSigns } from '@holdfast/postgres/agent/agent-store.ts';
import type { Database } from '@holdfast/postgres/database.ts';

/** Heartbeats are kept in memory and written as one statement per replica and second (protocol §2). */
export class SignsOfLife {
  private readonly seen = new Set<string>();

  note(agentId: string): void {
    this.seen.add(agentId);
  }

  async flush(database: Database): Promise<void> {
    const ids = [...this.seen];
    this.seen.clear();
    await noteSigns(database, ids);
  }
}
