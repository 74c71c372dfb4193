import { fileURLToPath } from 'node:url';
import type { Started, Workbench } from '../workbench.ts';
import type { FleetAnswer, FleetAsked } from './fleet.ts';

/** A fleet that has said hello, and the way to send it home. */
const PROGRAM = fileURLToPath(new URL('./fleet.ts', import.meta.url));
const HELLO_LIMIT_MS = 60_000;
const HOME_LIMIT_MS = 60_000;

export interface Fleet {
  readonly process: Started;
  end(): Promise<FleetAnswer>;
}

export async function startFleet(workbench: Workbench, asked: FleetAsked): Promise<Fleet> {
  const process = workbench.startNode({ name: 'fleet', path: PROGRAM, args: [JSON.stringify(asked)] });
  await process.message<'ready'>(HELLO_LIMIT_MS);
  return {
    process,
    end: async () => {
      const answered = process.message<FleetAnswer>(HOME_LIMIT_MS);
      process.tell('stop');
      const answer = await answered;
      await process.exited();
      return answer;
    },
  };
}
