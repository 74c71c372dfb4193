import type { Fault } from '../fault.ts';
import { attemptsAt, goneOnElsewhere } from '../recoveries.ts';

/** A part of a job's newest checkpoint is lost, and then its host: an older checkpoint must do, or none. */
export const objectLost: Fault = {
  kind: 'objectLost',
  aim: 'agent',
  strike: async (blow) => {
    const { installation, records, agent, random } = blow;
    const attempts = await attemptsAt(blow);
    for (const { jobId } of attempts) {
      const parts = await records.partsOfNewestCheckpoint(jobId);
      const lost = parts.length > 0 && installation.loseBlob(random.pick(parts));
      blow.tell(lost ? `of ${parts.length} parts of a checkpoint one is lost` : 'there is no checkpoint yet');
    }
    const at = Date.now();
    await installation.loseHost(agent, 'deleted');
    const samples = await goneOnElsewhere(blow, { attempts, at, bound: null });
    installation.startAgent(agent);
    return samples;
  },
};
