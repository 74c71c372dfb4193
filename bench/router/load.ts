import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workbench } from '../workbench.ts';

/**
 * Load by wrk, from a process of its own. At half load each connection thinks between two requests;
 * wrk waits whole milliseconds, so the pause is drawn around the wanted mean.
 */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export const CONNECTIONS = 50;

const HEADERS = [
  'Accept: text/html,application/json',
  'Accept-Encoding: gzip, deflate',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
];

export async function drive(
  workbench: Workbench,
  load: { readonly port: number; readonly seconds: number; readonly thinkMs: number },
): Promise<Load> {
  const script = join(workbench.folder, 'load.lua');
  writeFileSync(script, scriptFor(load.thinkMs));
  const args = [
    '-t1',
    `-c${CONNECTIONS}`,
    `-d${load.seconds}s`,
    ...HEADERS.flatMap((header) => ['-H', header]),
    '-s',
    script,
    `http://127.0.0.1:${load.port}/`,
  ];
  const wrk = workbench.start({ name: 'wrk', command: 'wrk', args });
  const code = await wrk.exited();
  const line = /^figures (.+)$/m.exec(wrk.output())?.[1];
  if (code !== 0 || !line) throw wrk.failure(`exited with ${code}`);
  const [requests, micros, p50, p99, failed] = line.split(' ').map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (requests === 0) throw wrk.failure('got no answer');
  return {
    requests,
    perSecond: Math.round(requests / (micros / 1e6)),
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    failed,
  };
}

function scriptFor(thinkMs: number): string {
  const delay =
    thinkMs > 0
      ? `function delay() return math.floor(math.random() * ${(2 * thinkMs).toFixed(3)} + 0.5) end\n`
      : '';
  return `${delay}function done(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("figures %d %d %.0f %.0f %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
`;
}
