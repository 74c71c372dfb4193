import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A suite that left out what it cannot do would pass without having tried, so anything missing ends it. */
export function missingRequirements(): readonly string[] {
  const missing: string[] = [];
  if (!existsSync('/proc/net/tcp')) missing.push('Linux with /proc: whose connection is whose is read there');
  if (spawnSync('git', ['--version'], { stdio: 'ignore' }).status !== 0) missing.push('git');
  return missing;
}
