import type { PipelineStore, Sign } from '@holdfast/core/pipeline/ports.ts';

/** Heartbeats are kept in memory and written as one statement per replica and second (protocol §2). */
export class SignsOfLife {
  private seen = new Map<string, Sign>();

  note(sign: Sign): void {
    const known = this.seen.get(sign.agentId);
    if (known?.sessionId === sign.sessionId && known.number > sign.number) return;
    this.seen.set(sign.agentId, sign);
  }

  async flush(store: Pick<PipelineStore, 'noteSigns'>): Promise<void> {
    const { seen } = this;
    this.seen = new Map();
    try {
      await store.noteSigns([...seen.values()]);
    } catch (error) {
      // What was heard meanwhile is newer.
      this.seen = new Map([...seen, ...this.seen]);
      throw error;
    }
  }
}
