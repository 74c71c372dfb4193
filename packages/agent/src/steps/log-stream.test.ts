import { HoldfastError } from '@holdfast/contract/errors.ts';
import { expect, test } from 'vitest';
import { LogStream } from './log-stream.ts';

const away = () => Promise.reject(new HoldfastError('controllerUnreachable', 'nobody answers'));

test('what could not be sent while nobody answered goes with the result, from where it was taken', async () => {
  const taken: string[] = [];
  let answers = true;
  const log = new LogStream(async ({ offset, text }) => {
    if (!answers) return away();
    taken.push(`${offset} ${text}`);
  });
  log.write('one\n');
  await expect.poll(() => taken).toEqual(['0 one\n']);
  answers = false;
  log.write('two\n');
  // It is on its way now, and tried again and again.
  await new Promise((done) => setTimeout(done, 500));
  log.write('three\n');
  expect(log.takeTail()).toEqual({ offset: 4, text: 'two\nthree\n' });
  const startedAt = performance.now();
  await log.close(5_000);
  expect(performance.now() - startedAt).toBeLessThan(100);
  answers = true;
  await new Promise((done) => setTimeout(done, 900));
  expect(taken).toEqual(['0 one\n']);
});

test('a chunk whose answer is late is said again with the tail, and counted once', async () => {
  let answer = () => {};
  const log = new LogStream(() => new Promise<void>((done) => (answer = done)));
  log.write('slow\n');
  await expect.poll(() => answer.toString()).not.toBe('() => {}');
  log.write('more\n');
  expect(log.takeTail()).toEqual({ offset: 0, text: 'slow\nmore\n' });
  answer();
  await new Promise((done) => setTimeout(done, 20));
  expect(log.backlog).toBe(0);
  expect(log.takeTail()).toBeNull();
  await log.close(0);
});

test('nothing waits for a log that is refused', async () => {
  const log = new LogStream(() => Promise.reject(new HoldfastError('requestInvalid', 'too late')));
  log.write('late\n');
  await log.close(5_000);
  expect(log.backlog).toBe(0);
});
