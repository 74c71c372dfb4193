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
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const;
  for (const signal of signals) process.removeAllListeners(signal);
  let stop = stopping;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      stop = true;
      record.signal('SIGTERM');
    });
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => record.signal(signal));
  let known: Identity | null = null;
  for (let missingSince: number | null = null; ; await sleep(LOOK_MS)) {
    const holder = record.read();
    if (holder && !(known && sameProcess(known, holder))) {
      // One that came after the signal has not heard it.
      if (stop) record.signal('SIGTERM');
      if (!holder.standIn || !isAlive(holder.standIn)) record.write({ ...holder, standIn: ownIdentity() });
      known = holder;
    }
    missingSince = holder ? null : (missingSince ?? performance.now());
    if (missingSince === null) continue;
    const clean = !record.isOrphaned;
    if (stop && clean) process.exit(0);
    if (clean || performance.now() - missingSince > BETWEEN_HOLDERS_MS) process.exit(stop ? 0 : 1);
  }
}
