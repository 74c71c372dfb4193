import { setTimeout as sleep } from 'node:timers/promises';
import { type HolderRecord, isAlive, ownIdentity } from './record.ts';

/**
 * The process that a service manager started and watches, while a successor holds the socket: passes
 * signals on, ends when there is no holder any more, and does nothing else.
 */
const LOOK_MS = 200;
/** Workers whose holder died need a moment to start the next one. */
const BETWEEN_HOLDERS_MS = 5_000;

export async function standIn(record: HolderRecord): Promise<never> {
  let stopping = false;
  const pass = (signal: NodeJS.Signals) => {
    const holder = record.read();
    if (holder) process.kill(holder.pid, signal);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const)
    process.removeAllListeners(signal);
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      stopping = true;
      pass('SIGTERM');
    });
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) process.on(signal, pass);
  for (let missingSince: number | null = null; ; await sleep(LOOK_MS)) {
    const holder = record.read();
    if (holder?.standIn === null || (holder?.standIn && !isAlive(holder.standIn)))
      record.write({ ...holder, standIn: ownIdentity() });
    missingSince = holder ? null : (missingSince ?? performance.now());
    if (missingSince === null) continue;
    if (stopping) process.exit(0);
    if (performance.now() - missingSince > BETWEEN_HOLDERS_MS) process.exit(1);
  }
}
