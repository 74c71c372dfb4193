import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const HOLDFAST = fileURLToPath(new URL('../../../bin/holdfast.js', import.meta.url));

/** What the command line said, and how it ended. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function runHoldfast(
  words: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Said> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [HOLDFAST, ...words],
      { cwd, env: { ...env, NO_COLOR: '1' } },
      (error, out, err) => done({ code: error ? Number(error.code ?? 1) : 0, out, err }),
    );
  });
}
