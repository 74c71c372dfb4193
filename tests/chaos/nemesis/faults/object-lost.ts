import { until } from '../../until.ts';
import type { Blow, Fault } from '../fault.ts';
import { attemptsAt, goneOnElsewhere } from '../recoveries.ts';

/** A part of a job's newest checkpoint is lost, and then its host: an older checkpoint must do, or none. */
export const objectLost: Fault = {
  kind: 'objectLost',
  aim: 'agent',
  strike: async (blow) => {
    const { installation, agent, random, tell } = blow;
    const { attempts, parts } = await until('a job there to have a checkpoint', () => checkpointed(blow), {
      limitMs: 30_000,
    });
    const lost = parts.filter(() => random.flip()).filter((digest) => installation.loseBlob(digest));
    tell(`of ${parts.length} parts of a checkpoint ${lost.length} are lost`);
    const at = Date.now();
    await installation.loseHost(agent, 'deleted');
    const samples = await goneOnElsewhere(blow, { attempts, at, bound: null });
    installation.startAgent(agent);
    return samples;
  },
};

async function checkpointed(blow: Blow) {
  const attempts = await attemptsAt(blow);
  for (const { jobId } of attempts) {
    const parts = await blow.records.partsOfNewestCheckpoint(jobId);
    if (parts.length > 0) return { attempts, parts };
  }
  return null;
}
