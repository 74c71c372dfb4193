import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { json } from './json.ts';
import { prometheus } from './prometheus.ts';
import { type MetricConfig, type NamedRelease, ProviderProblem } from './provider.ts';

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function provider(answer: (url: URL) => { status?: number; body: string; location?: string }) {
  const server = createServer((request, response) => {
    const { status = 200, body, location } = answer(new URL(request.url ?? '/', 'http://x'));
    response.writeHead(status, location ? { location } : {}).end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const metric = (url: string, query: string): MetricConfig => ({
  name: 'orders',
  provider: 'prometheus',
  url,
  query,
  direction: 'decrease',
  margin: 200,
  interval: 30_000,
});
const RELEASE: NamedRelease = { digest: 'sha256:ab', number: 7 };
const success = (result: unknown) => JSON.stringify({ status: 'success', data: { resultType: 'x', result } });

test('Prometheus: a vector of one series, a scalar, and the release in the query', async () => {
  const seen: string[] = [];
  const url = await provider((asked) => {
    seen.push(`${asked.pathname} ${asked.searchParams.get('query')}`);
    return { body: success(seen.length === 1 ? [{ metric: {}, value: [1, '2.5'] }] : [1, '4']) };
  });
  expect(await prometheus.now(metric(`${url}/prom`, 'a{r="{{releaseNumber}}"}'), RELEASE)).toBe(2.5);
  expect(await prometheus.now(metric(`${url}/`, 'b{r="{{release}}"}'), RELEASE)).toBe(4);
  expect(seen).toEqual(['/prom/api/v1/query a{r="7"}', '/api/v1/query b{r="sha256:ab"}']);
});

test('Prometheus: the past is a range, without what is no number', async () => {
  const url = await provider(() => ({
    body: success([
      {
        metric: {},
        values: [
          [1, '1'],
          [2, 'NaN'],
          [3, '3'],
        ],
      },
    ]),
  }));
  expect(await prometheus.past(metric(url, 'a'), { until: 100, seconds: 60 })).toEqual([1, 3]);
});

test.each([
  ['no value', { body: success([]) }, 'the query gave no value'],
  ['several series', { body: success([{ value: [1, '1'] }, { value: [1, '2'] }]) }, 'several series'],
  ['NaN', { body: success([{ value: [1, 'NaN'] }]) }, 'expected a number'],
  ['an error', { status: 503, body: '' }, 'it answered 503'],
  ['a page', { body: '<html>' }, 'its answer is not JSON'],
  ['something else', { body: '{"a":1}' }, 'not one of Prometheus'],
  ['a redirect', { status: 302, body: '', location: 'http://169.254.169.254/' }, 'no answer'],
])('Prometheus: %s is a problem in a sentence', async (_name, answer, sentence) => {
  const url = await provider(() => answer);
  await expect(prometheus.now(metric(url, 'a'), null)).rejects.toThrow(sentence);
});

test('an answer that breaks off is a problem like another', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"a"');
    setTimeout(() => response.destroy(), 50);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(prometheus.now(metric(url, 'a'), null)).rejects.toBeInstanceOf(ProviderProblem);
});

test('JSON: the path leads to the number, and own members only', async () => {
  const url = await provider((asked) => ({
    body: JSON.stringify({ rows: [{ rate: asked.pathname.length }] }),
  }));
  const asked = metric(`${url}/{{releaseNumber}}`, 'rows.0.rate');
  expect(await json.now(asked, RELEASE)).toBe(2);
  await expect(json.now({ ...asked, query: 'rows.constructor.length' }, RELEASE)).rejects.toThrow(
    'expected a number',
  );
});
