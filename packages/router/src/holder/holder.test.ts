import { type ChildProcess, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecure } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { HOLDFAST } from '@holdfast/testkit/run-holdfast.ts';
import { selfSigned } from '@holdfast/testkit/self-signed.ts';
import { afterEach, beforeEach, expect, onTestFailed, onTestFinished, test, vi } from 'vitest';
import { closeAll, listen, snapshotOf } from '../proxy/proxy-bench.ts';
import { fdOf } from './holder-name.ts';
import { type HolderFacts, HolderRecord } from './record.ts';

/** Real routers without a controller: they route by the snapshot on disk. */
const PROGRAM = fileURLToPath(new URL('../main.ts', import.meta.url));
/** Started a dozen times: compiled once. */
const env = {
  ...process.env,
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../../../node_modules/.cache/holdfast', import.meta.url)),
};
const SLOW_MS = 700;
const patience = { timeout: 40_000, interval: 50 };

let data: string;
let port: number;
/** Slow requests that have reached the app. */
let slowBegun: number;

beforeEach(async () => {
  slowBegun = 0;
  const app = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const slow = request.url === '/slow';
    if (slow) slowBegun += 1;
    setTimeout(() => response.end('served'), slow ? SLOW_MS : 0);
  });
  data = mkdtempSync(join(tmpdir(), 'holdfast-holder-'));
  port = await freePorts(1);
  writeFileSync(tokenFile(), 'secret');
  writeFileSync(join(data, 'snapshot.json'), JSON.stringify(snapshotOf([await listen(app)])));
});

afterEach(async () => {
  // Again after a moment: an orphan may have been starting another one.
  for (let time = 0; time < 2; time += 1, await sleep(100)) {
    for (const pid of processesOf(data)) process.kill(pid, 'SIGKILL');
  }
  await closeAll();
  rmSync(data, { recursive: true, force: true });
});

/** Whoever was told this data folder. */
function processesOf(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandOf(pid).includes(folder));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

const tokenFile = () => join(data, 'token');
const words = () => [
  PROGRAM,
  ...['--controller', 'http://127.0.0.1:9', '--token-file', tokenFile(), '--environment', 'shop/production'],
  ...['--listen', `127.0.0.1:${port}`, '--data', data],
];

function start(...more: readonly string[]): { readonly child: ChildProcess; readonly said: () => string } {
  const child = spawn(process.execPath, [...words(), ...more], { stdio: ['ignore', 'ignore', 'pipe'], env });
  let text = '';
  child.stderr?.on('data', (part) => (text += part));
  onTestFailed(() => void process.stderr.write(`router ${child.pid} said:\n${text}`));
  return { child, said: () => text };
}

const facts = (): HolderFacts | null => new HolderRecord({ data, port }).read();

const holderAfter = (former: number) =>
  vi.waitFor(() => {
    const found = facts();
    if (!found || found.pid === former) throw new Error('no other holder yet');
    return found;
  }, patience);

function workersOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

const ended = (child: ChildProcess) =>
  vi.waitFor(() => {
    if (child.exitCode === null && child.signalCode === null) throw new Error('still there');
    return child.exitCode;
  }, patience);

function ask(path = '/', agent = new Agent()): Promise<string> {
  return new Promise((done) => {
    const sent = get({ host: '127.0.0.1', port, path, agent, timeout: 5_000 }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part)).on('end', () => done(text));
      answer.on('error', (error) => done(error.message));
    });
    sent.on('timeout', () => sent.destroy(new Error('hung'))).on('error', (error) => done(error.message));
  });
}

/** Users on fresh and on kept connections, and some whose answers take long. */
function load() {
  let running = true;
  // Also where the test fails: they would visit the next one.
  onTestFinished(() => {
    running = false;
  });
  const answers: string[] = [];
  const user = async (path: string, agent: Agent) => {
    for (; running; await sleep(5)) answers.push(await ask(path, agent));
    agent.destroy();
  };
  const kept = () => new Agent({ keepAlive: true, maxSockets: 1 });
  const users = [
    ...[user('/', new Agent()), user('/', new Agent()), user('/', kept()), user('/', kept())],
    ...[user('/slow', new Agent()), user('/slow', kept())],
  ];
  return async () => {
    running = false;
    await Promise.all(users);
    return answers;
  };
}

const failedOf = (answers: readonly string[]) => answers.filter((answer) => answer !== 'served');

test('a holder is replaced, and its successor too, without a failed request; who started it stands in', async () => {
  const { child } = start();
  const first = await holderAfter(0);
  const stop = load();
  process.kill(first.pid, 'SIGUSR2');
  const second = await holderAfter(first.pid);
  expect(second).toMatchObject({ successor: true, standIn: { pid: child.pid } });
  await vi.waitFor(() => expect(workersOf(first.pid)).toEqual([]), patience);
  // As a service manager would: to the only process that it knows.
  child.kill('SIGUSR2');
  const third = await holderAfter(second.pid);
  expect(third.standIn?.pid).toBe(child.pid);
  await vi.waitFor(() => expect(startTimeOf(second.pid)).toBe(null), patience);
  const answers = await stop();
  expect(failedOf(answers)).toEqual([]);
  expect(answers.length).toBeGreaterThan(200);
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
  expect(startTimeOf(third.pid)).toBe(null);
  expect(await ask()).toContain('ECONNREFUSED');
});

test('workers outlive a holder that is killed and start the next one; no request notices', async () => {
  const { child } = start();
  const first = await holderAfter(0);
  const stop = load();
  await sleep(300);
  child.kill('SIGKILL');
  const second = await holderAfter(first.pid);
  expect(second.successor).toBe(true);
  const again = start();
  await vi.waitFor(() => expect(facts()?.standIn?.pid).toBe(again.child.pid), patience);
  // A successor that dies, too, with one of its workers.
  for (const pid of [second.pid, ...workersOf(second.pid).slice(1)]) process.kill(pid, 'SIGKILL');
  const third = await holderAfter(second.pid);
  await vi.waitFor(() => expect(facts()?.standIn?.pid).toBe(again.child.pid), patience);
  await vi.waitFor(() => expect(workersOf(third.pid)).toHaveLength(2), patience);
  const answers = await stop();
  // What was in flight on the worker that was killed, and at most one request a user.
  expect(failedOf(answers).length).toBeLessThanOrEqual(6);
  expect(answers.length).toBeGreaterThan(200);
  again.child.kill('SIGTERM');
  expect(await ended(again.child)).toBe(0);
  expect(startTimeOf(third.pid)).toBe(null);
});

test('a successor that was asked for and dies is followed, too', async () => {
  const { child } = start();
  const first = await holderAfter(0);
  child.kill('SIGUSR2');
  const second = await holderAfter(first.pid);
  // From here on the name that the first one had may be taken by an orphan.
  await vi.waitFor(() => expect(workersOf(first.pid)).toEqual([]), patience);
  const stop = load();
  process.kill(second.pid, 'SIGKILL');
  const third = await holderAfter(second.pid);
  await vi.waitFor(() => expect(facts()?.standIn?.pid).toBe(child.pid), patience);
  expect(failedOf(await stop())).toEqual([]);
  // All its workers at once: the holder has the socket, and who comes waits.
  for (const pid of workersOf(third.pid)) process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(workersOf(third.pid)).toEqual([]), patience);
  expect(await ask()).toBe('served');
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
  expect(startTimeOf(third.pid)).toBe(null);
});

test('a stop in the middle of a replacement ends both, and nothing that was under way fails', async () => {
  const { child } = start();
  const first = await holderAfter(0);
  child.kill('SIGUSR2');
  await holderAfter(first.pid);
  const slow = [1, 2, 3, 4].map(() => ask('/slow'));
  await vi.waitFor(() => expect(slowBegun).toBe(4), patience);
  child.kill('SIGTERM');
  child.kill('SIGTERM');
  expect(await Promise.all(slow)).toEqual(slow.map(() => 'served'));
  expect(await ended(child)).toBe(0);
  await vi.waitFor(() => expect(processesOf(data)).toEqual([]), patience);
  const { child: other } = start();
  const { pid } = await holderAfter(0);
  process.kill(pid, 'SIGUSR2');
  await sleep(50);
  process.kill(pid, 'SIGTERM');
  expect(await ended(other)).toBe(0);
  await vi.waitFor(() => expect(processesOf(data)).toEqual([]), patience);
});

test('a stop as soon as the successor has its name ends both', async () => {
  const { child } = start();
  const first = await holderAfter(0);
  child.kill('SIGUSR2');
  for (; (facts()?.pid ?? first.pid) === first.pid; ) await sleep(2);
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
  await vi.waitFor(() => expect(processesOf(data)).toEqual([]), patience);
});

test('workers that cannot start do not become more, however often they are to be replaced', async () => {
  const { child, said } = start();
  const { pid } = await holderAfter(0);
  const before = workersOf(pid);
  rmSync(tokenFile());
  for (let time = 1; time <= 2; time += 1) {
    child.kill('SIGHUP');
    await vi.waitFor(() => expect(said().split('cannot be read')).toHaveLength(time + 1), patience);
    await vi.waitFor(() => expect(workersOf(pid)).toEqual(before), patience);
  }
  writeFileSync(tokenFile(), 'secret');
  await sleep(1_000);
  expect(workersOf(pid)).toEqual(before);
  child.kill('SIGHUP');
  await vi.waitFor(() => {
    const now = workersOf(pid);
    expect(now).toHaveLength(2);
    expect(now.some((worker) => before.includes(worker))).toBe(false);
  }, patience);
});

test('a TLS session goes on at any worker', async () => {
  const { certificate, key } = selfSigned(data);
  const { child } = start('--tls-cert', certificate, '--tls-key', key);
  await holderAfter(0);
  const first = await secureVisit(null);
  const reused = await Promise.all(Array.from({ length: 16 }, () => secureVisit(first.session)));
  expect(reused.map(({ goesOn }) => goesOn)).toEqual(reused.map(() => true));
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
});

/** One request on a new connection, and the session that the next one may go on with. */
function secureVisit(session: Buffer | null): Promise<{ session: Buffer; goesOn: boolean }> {
  return new Promise((done, fail) => {
    const socket = connectSecure({
      ...{ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' },
      ...(session && { session }),
    });
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const seen = { session: socket.getSession() ?? Buffer.alloc(0), goesOn: socket.isSessionReused() };
      socket.end('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
      socket.resume().once('close', () => done(seen));
    });
  });
}

test('where nobody can write down who holds the socket, it is served all the same', async () => {
  // A folder in the record's place: not even root can write there.
  mkdirSync(join(data, `holder-${port}.json`));
  const { child, said } = start();
  await vi.waitFor(async () => expect(await ask()).toBe('served'), patience);
  await vi.waitFor(() => expect(said()).toContain('cannot be replaced without a gap'), patience);
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
});

test('a preview address comes with the successor', async () => {
  const preview = await freePorts(1);
  const snapshot = JSON.parse(readFileSync(join(data, 'snapshot.json'), 'utf8'));
  const access = { ...snapshot.access, preview };
  writeFileSync(join(data, 'snapshot.json'), JSON.stringify({ ...snapshot, access }));
  const { child } = start();
  const first = await holderAfter(0);
  const answers = () => fetch(`http://127.0.0.1:${preview}/`).then(({ status }) => status);
  await vi.waitFor(async () => expect(await answers()).toBeGreaterThan(0), patience);
  const workers = new Set(workersOf(first.pid));
  child.kill('SIGUSR2');
  const second = await holderAfter(first.pid);
  await vi.waitFor(() => expect(workersOf(first.pid)).toEqual([]), patience);
  const fresh = workersOf(second.pid);
  await sleep(1_500);
  expect(await answers()).toBeGreaterThan(0);
  expect(workersOf(second.pid)).toEqual(fresh);
  expect(fresh.some((pid) => workers.has(pid))).toBe(false);
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
});

test('workers that are replaced again and again at once stay as many as there should be', async () => {
  const { child } = start();
  const { pid } = await holderAfter(0);
  const before = workersOf(pid);
  const stop = load();
  for (let time = 0; time < 4; time += 1) {
    child.kill('SIGHUP');
    await sleep(150);
  }
  await vi.waitFor(() => {
    const now = workersOf(pid);
    expect(now).toHaveLength(2);
    expect(now.some((worker) => before.includes(worker))).toBe(false);
  }, patience);
  expect(failedOf(await stop())).toEqual([]);
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
});

test('a worker accepts by many handles of its socket: who comes new does not wait behind who is known', async () => {
  start();
  const [worker = 0] = workersOf((await holderAfter(0)).pid);
  const connections = await Promise.all(Array.from({ length: 64 }, () => ask()));
  expect(failedOf(connections)).toEqual([]);
  expect(accepting(worker)).toBe(16);
  // All of them are let go, or somebody would be left hanging.
  process.kill(worker, 'SIGTERM');
  await vi.waitFor(() => expect(accepting(worker)).toBe(0), patience);
});

/** How many of its handles that poll are the one socket that it was given. */
function accepting(pid: number): number {
  // Any of them may be gone when it is looked at.
  const read = (look: (path: string) => string, path: string) => {
    try {
      return look(`/proc/${pid}/${path}`);
    } catch {
      return '';
    }
  };
  const socket = read(readlinkSync, 'fd/4');
  if (socket === '') return 0;
  return readdirSync(`/proc/${pid}/fdinfo`)
    .flatMap((fd) => [
      ...read((path) => readFileSync(path, 'utf8'), `fdinfo/${fd}`).matchAll(/^tfd:\s*(\d+)/gm),
    ])
    .filter(([, polled]) => read(readlinkSync, `fd/${polled}`) === socket).length;
}

test('a second start beside a holder that somebody looks after is refused, and says by whom', async () => {
  start();
  const first = await holderAfter(0);
  const { child, said } = start();
  expect(await ended(child)).toBe(3);
  expect(said()).toContain(`runs as pid ${first.pid}`);
  expect(await ask()).toBe('served');
});

test('a worker that cannot start as it is told ends the router at first, and later only itself', async () => {
  const socket = createSocket().listen(port, '127.0.0.1');
  const refused = start();
  expect(await ended(refused.child)).toBe(3);
  expect(refused.said()).toContain('in use');
  await new Promise((done) => socket.close(done));
  const { child, said } = start();
  const { pid } = await holderAfter(0);
  const [one = 0, other = 0] = workersOf(pid);
  rmSync(tokenFile());
  process.kill(one, 'SIGKILL');
  await vi.waitFor(() => expect(said()).toContain(`${tokenFile()} cannot be read`), patience);
  expect(await ask()).toBe('served');
  expect(workersOf(pid)).toContain(other);
  writeFileSync(tokenFile(), 'secret');
  await vi.waitFor(() => expect(workersOf(pid)).toHaveLength(2), patience);
  expect(child.exitCode).toBe(null);
});

test('it serves on a socket that a service manager keeps, also when the command line starts it', async () => {
  const manager = createSocket();
  await new Promise<void>((done) => manager.listen(port, '127.0.0.1', done));
  const [, ...options] = words();
  const child = spawn(
    '/bin/sh',
    ['-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh', process.execPath, HOLDFAST, 'router', ...options],
    { stdio: ['ignore', 'ignore', 'inherit', fdOf(manager)], env },
  );
  await new Promise((done) => manager.close(done));
  await holderAfter(0);
  expect(await ask()).toBe('served');
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(0);
});
