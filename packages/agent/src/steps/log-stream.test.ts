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
  const startedAt = performance.now();
  expect(await log.end(5_000)).toEqual({ offset: 4, text: 'two\nthree\n' });
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
  expect(await log.end(0)).toEqual({ offset: 0, text: 'slow\nmore\n' });
  answer();
  await new Promise((done) => setTimeout(done, 20));
  expect(log.backlog).toBe(0);
  expect(await log.end(0)).toBeNull();
});

test('of a long log nothing is left in memory when its result is told, however long nobody answered', async () => {
  let answers = false;
  let taken = 0;
  const log = new LogStream(async ({ offset, text }) => {
    if (!answers) return away();
    expect(offset).toBe(taken);
    taken += Buffer.byteLength(text);
  });
  for (let line = 0; line < 20_000; line += 1) log.write(`line ${line} of a step that says a lot\n`);
  const { bytes } = log;
  let told = false;
  const end = log.end(800).finally(() => (told = true));
  await new Promise((done) => setTimeout(done, 1_500));
  expect(told).toBe(false);
  answers = true;
  const tail = await end;
  expect(taken + Buffer.byteLength(tail?.text ?? '')).toBe(bytes);
  expect(Buffer.byteLength(tail?.text ?? '')).toBeLessThanOrEqual(64 * 1024);
});

test('a controller that answers and cannot take it holds the result up for a while only', async () => {
  const log = new LogStream(() => Promise.reject(new HoldfastError('internal', 'a disk is full')));
  for (let line = 0; line < 5_000; line += 1) log.write(`line ${line} of a step that says a lot\n`);
  expect(await log.end(100)).toBeNull();
  expect(log.backlog).toBeGreaterThan(64 * 1024);
});

test('nothing waits for a log that is refused', async () => {
  const log = new LogStream(() => Promise.reject(new HoldfastError('requestInvalid', 'too late')));
  log.write('late\n');
  await log.close(5_000);
  expect(log.backlog).toBe(0);
});
