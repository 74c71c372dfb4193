import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import previous from './previous.json' with { type: 'json' };

/** The programs of the version before, from this repository's own history, with their own dependencies. */
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export const PREVIOUS = previous.version;

export function unpackPrevious(folder: string): (name: 'controller' | 'agent') => string {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const archive = git('archive', '--format=tar', previous.commit);
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], {
    cwd: folder,
    stdio: 'pipe',
  });
  return (name) => join(folder, 'packages', name, 'src', 'main.ts');
}

function git(...words: string[]): Buffer {
  try {
    return execFileSync('git', ['-C', REPOSITORY, ...words], { maxBuffer: 512 * 1024 * 1024, stdio: 'pipe' });
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    throw new Error(`version ${previous.version} is not in this clone's history (fetch all of it): ${said}`);
  }
}
