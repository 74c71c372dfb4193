import { execFile } from 'node:child_process';
import { HoldfastError } from '@holdfast/contract/errors.ts';

/**
 * git as a program. Users' words never become options: names are checked here and follow `--` or
 * a full ref. Only safe transports; no prompts, no hooks, no system configuration.
 */
const ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: 'file:https:ssh:git',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
  GIT_CONFIG_KEY_1: 'core.hooksPath',
  GIT_CONFIG_VALUE_1: '/dev/null',
};
/** Of a fetch of everything. */
const TIMEOUT_MS = 120_000;

export function git(
  folder: string | null,
  words: readonly string[],
  timeoutMs = TIMEOUT_MS,
): Promise<string> {
  const where = folder === null ? [] : ['-C', folder];
  return new Promise((done, fail) => {
    execFile(
      'git',
      [...where, ...words],
      { env: { ...process.env, ...ENVIRONMENT }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (!error) return done(stdout);
        const lines = stderr.trim().split('\n');
        const late = error.killed ? `no answer within ${timeoutMs / 1_000} s` : `it ended with ${error.code}`;
        // Node's error repeats the whole command line: neither its sentence nor itself as the cause.
        const said = lines.find((line) => /^(fatal|error): /.test(line)) ?? (lines.at(-1) || late);
        fail(new HoldfastError('gitFailed', `git ${words[0]} failed: ${withoutPassword(said)}`));
      },
    );
  });
}

export function checkUrl(url: string): void {
  if (/^https?:\/\/[^/]*@/.test(url)) {
    throw new HoldfastError(
      'requestInvalid',
      'the address holds credentials, which every user of this machine could read; use an SSH key or a git credential helper of the account that the controller runs as',
    );
  }
  if (
    /^(https?|ssh|git|file):\/\/[^\s-][^\s]*$/.test(url) ||
    /^[^\s:-][^\s:]*@[^\s:]+:[^\s-][^\s]*$/.test(url) ||
    /^\/[^\0\n]*$/.test(url)
  )
    return;
  throw new HoldfastError(
    'requestInvalid',
    `expected an https, ssh, git or file URL, or an absolute path, found ${JSON.stringify(url)}`,
  );
}

export function checkRef(ref: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,250}$/.test(ref) && !ref.includes('..') && !ref.endsWith('.lock'))
    return ref;
  throw new HoldfastError(
    'requestInvalid',
    `expected a branch, a tag or a commit, found ${JSON.stringify(ref)}`,
  );
}

function withoutPassword(text: string): string {
  return text.replace(/(:\/\/)[^@/\s]+@/g, '$1***@');
}
