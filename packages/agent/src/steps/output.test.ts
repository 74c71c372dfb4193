import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Command, parseCommand } from './commands.ts';
import { readPairs } from './environment-files.ts';
import { LogStream } from './log-stream.ts';
import { Masks } from './masks.ts';
import { OutputReader } from './output-reader.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-output-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("commands are read as GitHub's runner reads them", () => {
  expect(parseCommand('::error file=a b.js,line=3,col=7::it%0Abroke %25')).toEqual({
    kind: 'annotation',
    level: 'error',
    message: 'it\nbroke %',
    place: 'a b.js:3:7',
  });
  expect(parseCommand('::add-mask::s3cret')).toEqual({ kind: 'mask', value: 's3cret' });
  expect(parseCommand('::set-output name=x::a::b')).toEqual({ kind: 'setOutput', name: 'x', value: 'a::b' });
  expect(parseCommand('not a ::command::')).toBeNull();
});

test('environment files take single lines and blocks', async () => {
  const file = join(root, 'out');
  writeFileSync(file, 'a=1\nb<<EOF\nline one\nx=y\nEOF\nc=d<<e\n');
  expect(await readPairs(file)).toEqual({ a: '1', b: 'line one\nx=y', c: 'd<<e' });
  writeFileSync(file, 'b<<EOF\nnever closed\n');
  await expect(readPairs(file)).rejects.toThrow('no closing line EOF');
});

test('a growing spool is read once, masked, with commands taken out', async () => {
  const file = join(root, 'spool');
  const lines: string[] = [];
  const commands: Command[] = [];
  const reader = new OutputReader(file, new Masks(['hunter2']), {
    text: (text) => lines.push(text),
    command: (command) => commands.push(command),
  });
  await reader.read();
  writeFileSync(file, 'password hunter2\n::add-mask::later-secret\nhalf a l');
  await reader.read();
  appendFileSync(file, 'ine later-secret\n::stop-commands::tok\n::warning::shown\n::tok::\nend');
  const ended = statSync(file).size;
  // By something that the step left running.
  appendFileSync(file, ' and more\n');
  expect(await reader.read(ended)).toBe(true);
  expect(lines.join('')).toBe('password ***\nhalf a line ***\n::warning::shown\nend\n');
  expect(commands.map((command) => command.kind)).toEqual(['mask', 'stop']);
});

test('a log arrives whole and in order although sending fails now and then', async () => {
  const kept = new Map<number, string>();
  let calls = 0;
  const log = new LogStream(async ({ offset, text }) => {
    calls += 1;
    if (calls % 3 === 0) throw new Error('controller away');
    kept.set(offset, text);
  });
  for (let line = 0; line < 2_000; line += 1) log.write(`line ${line} äöü 🙂\n`);
  await log.close(10_000);
  let offset = 0;
  let whole = '';
  while (kept.has(offset)) {
    const text = kept.get(offset) ?? '';
    whole += text;
    offset += Buffer.byteLength(text);
  }
  expect(whole.split('\n')).toHaveLength(2_001);
  expect(offset).toBe(log.bytes);
});

test('a step hides as many values as can be looked for, and more is an error rather than a leak', () => {
  const masks = new Masks(['secret']);
  for (let made = 0; made < 1_000; made += 1) masks.add(`value-${made}-`);
  masks.add('value-7-');
  expect(() => masks.add('one more')).toThrow('at most 1000 lines');
  expect(masks.hide('value-999- and secret')).toBe('*** and ***');
});
