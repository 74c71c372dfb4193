import { readFileSync } from 'node:fs';

/**
 * Field 22 of /proc/PID/stat: clock ticks since boot at which the process started; '' when there
 * is no such process, or only its zombie. Elsewhere than on Linux a living pid answers ''.
 */
export function startTimeOf(pid: number): string | null {
  if (process.platform !== 'linux') return isThere(pid) ? '' : null;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
