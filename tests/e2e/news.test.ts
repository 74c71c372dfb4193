import { createHmac } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { WorkBench, workflow } from './work-bench.ts';

/** Who wants to know is told: by Slack, by a signed webhook, by server-sent events. */
interface Heard {
  readonly path: string;
  readonly body: string;
  readonly signature: string | undefined;
}

const heard: Heard[] = [];
let listener: Server;
let bench: WorkBench;
let refuseOnce = true;
let secret: string;

beforeAll(async () => {
  listener = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      // The first delivery fails: the outbox tries again.
      response.statusCode = refuseOnce ? 500 : 200;
      if (!refuseOnce)
        heard.push({
          path: request.url ?? '',
          body,
          signature: request.headers['x-holdfast-signature-256'] as string | undefined,
        });
      refuseOnce = false;
      response.end();
    });
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  secret = join(tmpdir(), `holdfast-news-${process.pid}`);
  writeFileSync(secret, 'shared', { mode: 0o600 });
  bench = await WorkBench.start({
    HOLDFAST_SLACK_WEBHOOK: `${address}/slack`,
    HOLDFAST_WEBHOOK_URL: `${address}/hook`,
    HOLDFAST_WEBHOOK_SECRET_FILE: secret,
  });
});
afterAll(async () => {
  await bench.stop();
  listener.close();
  rmSync(secret, { force: true });
});

test('a failed run is told to Slack and to a signed webhook, again when they did not take it', async () => {
  await bench.repository(
    'sad',
    {
      '.holdfast/workflows/ci.yml': workflow(
        '  a:\n    runs-on: self-hosted\n    steps:\n      - run: exit 4\n',
      ),
    },
    3_600,
  );
  await bench.run('sad');
  await until(
    'the news',
    async () => ['/slack', '/hook'].every((path) => heard.some((entry) => entry.path === path)),
    30_000,
  );
  expect(JSON.parse(heard.find((entry) => entry.path === '/slack')?.body ?? '{}').text).toMatch(
    /^ci of sad \(main\) failed in a/,
  );
  const hook = heard.find((entry) => entry.path === '/hook');
  expect(JSON.parse(hook?.body ?? '{}')).toMatchObject({ kind: 'runFailed' });
  expect(hook?.signature).toBe(
    `sha256=${createHmac('sha256', 'shared')
      .update(hook?.body ?? '')
      .digest('hex')}`,
  );
});

test('server-sent events come in the order of their positions and go on after a break', async () => {
  const token = readFileSync(join(bench.machine.data, 'admin.token'), 'utf8').trim();
  const read = async (
    after: number,
    enough: (positions: readonly number[]) => boolean,
  ): Promise<number[]> => {
    const stop = new AbortController();
    const answer = await fetch(`${bench.machine.addresses[0]}/api/v1/events`, {
      headers: { authorization: `Bearer ${token}`, 'last-event-id': String(after) },
      signal: stop.signal,
    });
    const positions: number[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
      positions.push(
        ...[...decoder.decode(chunk).matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])),
      );
      if (enough(positions)) break;
    }
    stop.abort();
    return positions;
  };
  const first = await read(0, (positions) => positions.length >= 3);
  const last = first.at(-1) ?? 0;
  await bench.run('sad');
  const second = await read(last, (positions) => positions.length >= 3);
  const all = [...first, ...second];
  expect(all).toEqual([...all].sort((a, b) => a - b));
  expect(second[0]).toBe(last + 1);
});
