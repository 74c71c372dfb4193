import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasSurvivors, isAlive, killGroup, startShim, waitForEnd } from './shim.ts';

let root: string;
let identityFile: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-shim-'));
  identityFile = join(root, 'agent.pid');
  writeFileSync(identityFile, `${process.pid} ${startTimeOf(process.pid)}\n`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const PATH = process.env.PATH ?? '';
let made = 0;
async function start(script: string, patienceSeconds = 5): Promise<string> {
  made += 1;
  const dir = join(root, `step-${made}`);
  await startShim(dir, {
    words: ['sh', '-c', script],
    cwd: root,
    env: { PATH, GREETING: "it's" },
    patienceSeconds,
    identityFile,
    user: null,
  });
  return dir;
}

test('a command runs with its environment and its exit code is kept', async () => {
  const dir = await start('echo "$GREETING"; echo err >&2; exit 7');
  expect(await waitForEnd(dir)).toEqual({ kind: 'exit', code: 7 });
  expect(readFileSync(join(dir, 'output'), 'utf8')).toBe("it's\nerr\n");
  expect(await hasSurvivors(dir)).toBe(false);
});

test('a signal is told apart from an exit code above 128', async () => {
  expect(await waitForEnd(await start('exit 137'))).toEqual({ kind: 'exit', code: 137 });
  expect(await waitForEnd(await start('kill -9 $$'))).toEqual({ kind: 'signal', signal: 'SIGKILL' });
});

test('SIGTERM to the group reaches the command and its own exit code is kept', async () => {
  const dir = await start("trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done");
  while (!existsSync(join(dir, 'output')) || !readFileSync(join(dir, 'output'), 'utf8').includes('up'))
    await sleep(20);
  killGroup(dir, 'SIGTERM');
  expect(await waitForEnd(dir)).toEqual({ kind: 'exit', code: 3 });
});

test('one claim wins: a second shim in the same folder does nothing', async () => {
  const dir = await start('sleep 0.3; echo once');
  while (!existsSync(join(dir, 'shim'))) await sleep(10);
  const second = spawn('sh', [fileURLToPath(new URL('./shim.sh', import.meta.url)), dir, '5', identityFile], {
    stdio: 'ignore',
  });
  const code = await new Promise((done) => second.once('exit', done));
  expect(code).toBe(98);
  await waitForEnd(dir);
  expect(readFileSync(join(dir, 'output'), 'utf8')).toBe('once\n');
});

test('a shim that was killed is reported lost and its command is ended first', async () => {
  const dir = await start('sleep 60');
  while (!existsSync(join(dir, 'shim'))) await sleep(10);
  const pid = Number(readFileSync(join(dir, 'shim'), 'utf8').split(' ')[0]);
  process.kill(pid, 'SIGKILL');
  expect(await waitForEnd(dir)).toEqual({ kind: 'shimLost' });
  await expect.poll(() => hasSurvivors(dir)).toBe(false);
});

test('without its agent a step is abandoned after the patience', async () => {
  const gone = spawn('true');
  await new Promise((done) => gone.once('exit', done));
  writeFileSync(identityFile, `${gone.pid} 1\n`);
  const dir = await start('sleep 60', 1);
  expect(await waitForEnd(dir)).toEqual({ kind: 'abandoned' });
  expect(isAlive(dir)).toBe(false);
}, 15_000);

test('a process that outlives its step is noticed', async () => {
  const dir = await start('sleep 30 >/dev/null 2>&1 & exit 0');
  await waitForEnd(dir);
  expect(await hasSurvivors(dir)).toBe(true);
  killGroup(dir, 'SIGKILL');
});

test.each([
  ['of another boot', (shim: string) => shim.replace(/\S+$/, 'another-boot'), false],
  ['whose pid is another process by now', (shim: string) => shim.replace(/^(\d+) \d+/, '$1 12'), false],
  ['of a version that knew no boots', (shim: string) => shim.replace(/ \S+$/, ''), true],
])('a shim %s is told from who has its pid now', async (_, change, same) => {
  const dir = await start('sleep 30');
  await expect.poll(() => isAlive(dir)).toBe(true);
  const file = join(dir, 'shim');
  const written = readFileSync(file, 'utf8').trim();
  expect(written.split(' ')).toHaveLength(3);
  writeFileSync(file, change(written));
  expect(isAlive(dir)).toBe(same);
  killGroup(dir, 'SIGKILL');
  writeFileSync(file, written);
  await sleep(200);
  expect(isAlive(dir)).toBe(!same);
  killGroup(dir, 'SIGKILL');
});

test('what a step writes down as its shim is believed only of processes that are its own', async () => {
  const dir = await start('sleep 5');
  while (!existsSync(join(dir, 'shim'))) await sleep(10);
  const [pid = ''] = readFileSync(join(dir, 'shim'), 'utf8').split(' ');
  const folder = join(root, 'forged');
  mkdirSync(folder);
  for (const forged of ['1', '0', '-1', 'NaN', '1.5']) {
    writeFileSync(join(folder, 'shim'), `${forged} ${startTimeOf(1) ?? ''}\n`);
    expect(isAlive(folder), forged).toBe(false);
    killGroup(folder, 'SIGKILL');
  }
  expect(isAlive(dir)).toBe(true);
  if (process.getuid?.() === 0) {
    writeFileSync(join(folder, 'shim'), `${pid} ${startTimeOf(Number(pid))}\n`);
    chownSync(folder, 65_534, 65_534);
    expect(isAlive(folder)).toBe(false);
    killGroup(folder, 'SIGKILL');
    expect(isAlive(dir)).toBe(true);
  }
  killGroup(dir, 'SIGKILL');
});

test('a pipe where the exit code should be holds nobody up', async () => {
  const dir = await start('sleep 0.3; exit 4');
  execFileSync('mkfifo', [join(dir, 'exit')]);
  expect(await waitForEnd(dir)).toEqual({ kind: 'exit', code: 4 });
});
