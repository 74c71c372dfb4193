import { setTimeout as sleep } from 'node:timers/promises';
import type { Blow, Sample } from './fault.ts';
import { exchangedElsewhere } from './recoveries.ts';

/** What keeps one controller from its work for a while, and what gives it back. */
export interface Absence {
  readonly leastMs: number;
  readonly mostMs: number;
  readonly harm: (blow: Blow) => void;
  readonly mend: (blow: Blow) => void;
}

/** Everybody asked this one, and must find the other. The next blow comes when it is one of two again. */
export async function leaveController(blow: Blow, absence: Absence): Promise<readonly Sample[]> {
  const { controller, installation, probe, random } = blow;
  blow.tell(`it is ${controller.name}`);
  await probe.favour(controller.address);
  const at = Date.now();
  absence.harm(blow);
  const sample = exchangedElsewhere(blow, { at, bound: null });
  await sleep(random.between(absence.leastMs, absence.mostMs));
  absence.mend(blow);
  const mendedAt = Date.now();
  await installation.waitUntilReady(controller);
  const ready = {
    what: 'controller ready again',
    seconds: (Date.now() - mendedAt) / 1_000,
    boundSeconds: null,
  };
  return [await sample, ready];
}
