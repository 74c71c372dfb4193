import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Order } from '@holdfast/contract/agent/protocol.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SessionCheck } from './session-check.ts';

/** Stable lets in who comes, and the candidate goes on with that cookie, unless a test says otherwise. */
let stable: Server;
let candidate: Server;
let loginStatus: number;
let nextStatus: number;
let logins: number;

beforeEach(async () => {
  [loginStatus, nextStatus, logins] = [204, 200, 0];
  stable = createServer((_, response) => {
    logins += 1;
    response.writeHead(loginStatus, { 'set-cookie': 'session=ada; HttpOnly' }).end();
  });
  candidate = createServer((request, response) => {
    response.writeHead(request.headers.cookie === 'session=ada' ? nextStatus : 401).end();
  });
  for (const server of [stable, candidate])
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  // Clocks of the process stay: only the check's own look at the time moves.
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  for (const server of [stable, candidate]) server.close();
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const LOGIN = { path: '/login', method: 'POST' as const, headers: {}, body: 'user=ada', status: 204 };

async function looks(times: number, check = new SessionCheck(), peer: Order['peer'] | undefined = undefined) {
  const order = {
    readiness: {
      path: '/readyz',
      successes: 1,
      intervalMs: 10,
      timeoutMs: 500,
      latencyMs: 500,
      probes: [],
      session: { login: LOGIN, next: { path: '/account', status: 200, json: null } },
    },
    peer: peer === undefined ? { host: '127.0.0.1', port: portOf(stable) } : peer,
  };
  const reasons: (string | null)[] = [];
  for (let look = 0; look < times; look += 1) {
    reasons.push(await check.hindrance(portOf(candidate), order));
    vi.advanceTimersByTime(5_000);
  }
  return { reasons, doubt: check.doubt };
}

test('a session that goes on is asked for once', async () => {
  expect(await looks(3)).toEqual({ reasons: [null, null, null], doubt: null });
  expect(logins).toBe(1);
});

test('one that does not go on keeps the instance from traffic until it does', async () => {
  nextStatus = 401;
  const check = new SessionCheck();
  const broken =
    'a session that began on the stable release does not go on here: /account answered 401, expected 200';
  expect(await looks(4, check)).toEqual({ reasons: [broken, broken, broken, broken], doubt: null });
  nextStatus = 200;
  expect(await looks(1, check)).toEqual({ reasons: [null], doubt: null });
});

test('a stable release that lets nobody in is asked three times, and then it is said that nothing was checked', async () => {
  loginStatus = 500;
  const failed =
    'the session check could not be made: the login at /login of the stable release answered 500, expected 204';
  expect(await looks(4)).toEqual({ reasons: [failed, failed, null, null], doubt: failed });
  expect(logins).toBe(3);
});

test('a login that fails once is not the end of it', async () => {
  loginStatus = 500;
  const check = new SessionCheck();
  await looks(1, check);
  loginStatus = 204;
  expect(await looks(1, check)).toEqual({ reasons: [null], doubt: null });
});

test('without a stable release there is nothing to go on with', async () => {
  expect(await looks(1, new SessionCheck(), null)).toEqual({ reasons: [null], doubt: null });
});
