import { HoldfastError } from '@holdfast/contract/errors.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { readStepFile } from './step-files.ts';

/** GITHUB_OUTPUT and its like: `name=value` lines, or `name<<END … END` for several lines. */
export async function readPairs(file: string): Promise<Record<string, string>> {
  const text = await readStepFile(file, LIMITS.stepOutputBytes + 1);
  if (Buffer.byteLength(text) > LIMITS.stepOutputBytes)
    throw new HoldfastError(
      'limitExceeded',
      `a step may write at most ${LIMITS.stepOutputBytes} bytes of outputs`,
    );
  const pairs: Record<string, string> = {};
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const line = (lines[index] ?? '').replace(/\r$/, '');
    if (line === '') continue;
    const block = /^([^=]+?)<<(.+)$/.exec(line);
    const heredoc = block && !line.slice(0, line.indexOf('<<')).includes('=');
    if (heredoc) {
      const [, name = '', end = ''] = block;
      let close = index + 1;
      while (close < lines.length && lines[close]?.replace(/\r$/, '') !== end) close += 1;
      if (close === lines.length)
        throw new HoldfastError('requestInvalid', `the value of ${name} has no closing line ${end}`);
      pairs[name] = lines.slice(index + 1, close).join('\n');
      index = close;
      continue;
    }
    const at = line.indexOf('=');
    if (at < 1)
      throw new HoldfastError(
        'requestInvalid',
        `expected name=value, found ${JSON.stringify(line.slice(0, 100))}`,
      );
    pairs[line.slice(0, at)] = line.slice(at + 1);
  }
  return pairs;
}

export async function readLines(file: string): Promise<string[]> {
  const text = await readStepFile(file, LIMITS.stepOutputBytes);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
