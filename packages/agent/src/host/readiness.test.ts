import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Order } from '@holdfast/contract/agent/protocol.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askReadiness } from './readiness.ts';

/** An app that answers what each test wants of it. */
let server: Server;
let answer: { readonly status?: number; readonly body: unknown; readonly afterMs?: number };
beforeAll(async () => {
  server = createServer((request, response) => {
    const { status = 200, body, afterMs = 0 } = answer;
    response.statusCode = request.url === '/probe' ? 500 : status;
    setTimeout(() => response.end(typeof body === 'string' ? body : JSON.stringify(body)), afterMs);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => server.close());

const RELEASE = 'sha256:one';

async function asked(given: typeof answer, more: Partial<Order['readiness']> = {}, schema = '0') {
  answer = given;
  const readiness = {
    path: '/readyz',
    successes: 1,
    intervalMs: 10,
    timeoutMs: 2_000,
    latencyMs: 1_000,
    probes: [],
    session: null,
    ...more,
  };
  const order = { readiness, releaseDigest: RELEASE, env: { HOLDFAST_SCHEMA_VERSION: schema } };
  return askReadiness((server.address() as AddressInfo).port, order);
}

test('a whole report of this release is ready, and a plain 200 is believed and shallow', async () => {
  const whole = { release: RELEASE, ready: true, checks: { database: 'ok', cache: 'warm' } };
  expect(await asked({ body: whole })).toEqual({ ready: true, shallow: false });
  expect(await asked({ body: 'ok' })).toEqual({ ready: true, shallow: true });
  expect(await asked({ body: { ready: true } })).toEqual({ ready: true, shallow: true });
});

test('what is not ready says why in a sentence', async () => {
  const reasons = async (...given: Parameters<typeof asked>) => {
    const seen = await asked(...given);
    return seen.ready ? 'ready' : seen.reason;
  };
  expect(await reasons({ status: 503, body: '' })).toBe('/readyz answered 503');
  expect(await reasons({ body: { release: 'sha256:other' } })).toBe(
    'it reports release sha256:other, expected sha256:one',
  );
  expect(await reasons({ body: { ready: false } })).toBe('it reports ready: false');
  expect(await reasons({ body: { checks: { database: 'away' } } })).toBe('its check database is away');
  expect(await reasons({ body: { ready: 'yes' } })).toMatch(/^its readiness report is malformed: ready /);
  expect(await reasons({ body: 'ok', afterMs: 30 }, { latencyMs: 20 })).toMatch(
    /more than its budget of 20 ms$/,
  );
  expect(await reasons({ body: 'ok', afterMs: 200 }, { timeoutMs: 50 })).toBe(
    '/readyz: no answer within 50 ms',
  );
  const probes = [{ path: '/probe', status: 200, json: null }];
  expect(await reasons({ body: 'ok' }, { probes })).toBe(
    'it says it is ready, but its probe /probe answered 500, expected 200',
  );
});

test('an instance that sees an older schema than its release needs gets no traffic', async () => {
  const sees = (schemaVersion: string | number) => asked({ body: { ready: true, schemaVersion } }, {}, '7');
  expect(await sees(6)).toEqual({
    ready: false,
    reason: 'it sees schema version 6, expected 7 or later',
  });
  for (const fine of [7, '0008', 'a-commit']) expect(await sees(fine)).toMatchObject({ ready: true });
});
