import { readdirSync, readFileSync } from 'node:fs';
import { systemCode } from '../errors.ts';

/**
 * Field 22 of /proc/PID/stat: clock ticks since boot at which the process started; '' when there
 * is no such process, or only its zombie. Elsewhere than on Linux a living pid answers ''.
 */
export function startTimeOf(pid: number): string | null {
  if (process.platform !== 'linux') return isThere(pid) ? '' : null;
  const fields = statOf(pid);
  return fields === null || fields[0] === 'Z' ? null : (fields[19] ?? null);
}

/** Another one after each start of the machine; undefined where there is none. Pids and start times begin anew with it. */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Living members of a process group; its zombies do not count. */
export function groupMembers(group: number): readonly number[] {
  // Asked first, because looking at every process takes a millisecond or more.
  if (!isThere(-group)) return [];
  if (process.platform !== 'linux') return [group];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const fields = statOf(pid);
      return fields !== null && fields[0] !== 'Z' && fields[2] === String(group);
    });
}

/** The fields after the command's name, which may itself hold spaces and brackets. */
function statOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's.
    return systemCode(error) === 'EPERM';
  }
}
