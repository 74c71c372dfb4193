import { ModelPipeline } from '@holdfast/testkit/model-pipeline.ts';
import type { Backend } from './backend.ts';
import type { Plant } from './plants.ts';
import type { Scheduler } from './scheduler.ts';

/** The model store, with events that become visible late, as those of a slow transaction do. */
export function modelBackend(
  scheduler: Scheduler,
  { plant, lateMs }: { readonly plant: Plant | null; readonly lateMs: () => number },
): Backend {
  const store = new ModelPipeline(() => scheduler.now, {
    planted: plant === 'leaseWithoutFence' || plant === 'againCounted' ? plant : null,
  });
  const visibleAt = new Map<number, number>();
  const places = new Map<number, number>();
  const visible = () => {
    for (const id of store.tables.events.keys())
      if (!visibleAt.has(id)) visibleAt.set(id, scheduler.now + lateMs());
    return [...store.tables.events.keys()].filter((id) => (visibleAt.get(id) ?? 0) <= scheduler.now);
  };
  return {
    store,
    addRun: async (run, repository) => {
      if (!store.tables.runs.has(run.id)) store.addRun(run, repository);
    },
    job: async (jobId) => store.tables.jobs.get(jobId) ?? null,
    look: async () => ({
      runs: [...store.tables.runs.values()].map(({ run }) => ({ id: run.id, state: run.state })),
      jobs: [...store.tables.jobs.values()],
      attempts: [...store.tables.attempts.values()],
      logs: new Map([...store.tables.logs].map(([id, log]) => [id, joined(log)])),
      eventIds: [...store.tables.events.keys()],
    }),
    placeEvents: async () => {
      for (const id of visible()) if (!places.has(id)) places.set(id, places.size + 1);
    },
    eventsAfter: async (position) =>
      [...places].filter(([, place]) => place > position).map(([id, place]) => ({ id, position: place })),
    eventsAboveId: async (above) =>
      visible()
        .filter((id) => id > above)
        .map((id) => ({ id, position: 0 })),
    close: async () => {},
  };
}

/** What a reader gets from offset 0: contiguous pieces only. */
function joined(log: ReadonlyMap<number, string>): string {
  let text = '';
  for (const [offset, piece] of [...log].sort(([a], [b]) => a - b)) {
    if (offset > text.length) break;
    text += piece.slice(text.length - offset);
  }
  return text;
}
