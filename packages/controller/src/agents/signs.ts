import type { PipelineStore } from '@holdfast/core/pipeline/ports.ts';

/** Heartbeats are kept in memory and written as one statement per replica and second (protocol §2). */
export class SignsOfLife {
  private readonly seen = new Set<string>();

  note(agentId: string): void {
    this.seen.add(agentId);
  }

  async flush(store: Pick<PipelineStore, 'noteSigns'>): Promise<void> {
    const ids = [...this.seen];
    this.seen.clear();
    try {
      await store.noteSigns(ids);
    } catch (error) {
      for (const id of ids) this.seen.add(id);
      throw error;
    }
  }
}
