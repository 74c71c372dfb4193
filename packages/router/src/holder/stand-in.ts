import { setTimeout as sleep } from 'node:timers/promises';
import { type HolderRecord, type Identity, isAlive, ownIdentity, sameProcess } from './record.ts';

/**
 * The process that a service manager started and watches, while a successor holds the socket: passes
 * signals on, ends when there is no holder any more, and does nothing else.
 */
const LOOK_MS = 200;
/** Workers whose holder died need a moment to start the next one. */
const BETWEEN_HOLDERS_MS = 5_000;

export async function standIn(
  record: HolderRecord,
  { stopping }: { stopping: boolean } = { stopping: false },
): Promise<never> {
  let stop = stopping;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    hearInstead(signal, () => {
      stop = true;
      record.signal('SIGTERM');
    });
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) hearInstead(signal, () => record.signal(signal));
  let known: Identity | null = null;
  for (let missingSince: number | null = null; ; await sleep(LOOK_MS)) {
    const holder = record.read();
    if (holder && !(known && sameProcess(known, holder))) {
      // One that came after the signal has not heard it.
      if (stop) record.signal('SIGTERM');
      if (!holder.standIn || !isAlive(holder.standIn)) record.write({ ...holder, standIn: ownIdentity() });
      known = holder;
    }
    // One that took its name out of the record is still there until it has ended.
    const there = holder !== null || (known !== null && isAlive(known));
    missingSince = there ? null : (missingSince ?? performance.now());
    if (missingSince === null) continue;
    const clean = !record.isOrphaned;
    if (stop && clean) process.exit(0);
    if (clean || performance.now() - missingSince > BETWEEN_HOLDERS_MS) process.exit(stop ? 0 : 1);
  }
}

/** There is always somebody who hears it: one that came between two listeners would be lost, or end the process. */
function hearInstead(signal: NodeJS.Signals, listener: () => void): void {
  const former = process.listeners(signal);
  process.on(signal, listener);
  for (const one of former) process.removeListener(signal, one);
}
