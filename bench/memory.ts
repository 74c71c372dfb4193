import { readFileSync } from 'node:fs';

/** Resident memory of one process, and the most of it while something goes on. */
const EVERY_MS = 100;
const KIB_IN_MIB = 1024;

export function rssMiBOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!line) throw new Error(`process ${pid} has no resident memory`);
  return Math.round(Number(line[1]) / KIB_IN_MIB);
}

/** Watched from here until `end`, which gives the highest of all looks. */
export function watchRss(pid: number): { end(): number } {
  let most = rssMiBOf(pid);
  const look = () => {
    most = Math.max(most, rssMiBOf(pid));
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    end: () => {
      clearInterval(timer);
      look();
      return most;
    },
  };
}
