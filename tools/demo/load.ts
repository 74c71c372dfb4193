import { Agent, request } from 'node:http';

/**
 * An open-loop load in a process of its own: requests leave on schedule whether or not earlier ones
 * came back, so that a stall is seen as what it is. Each has an id that the shop must echo. Half
 * go over keep-alive, half over fresh connections; a third are POSTs with a body.
 *
 * Parent → child: {phase} starts counting under that name · {stop}. Child → parent: {totals}.
 */
export interface PhaseTotals {
  sent: number;
  answered: number;
  /** The application itself answered 5xx. */
  applicationErrors: number;
  /** No answer, a wrong one, or one that the router made up. */
  dropped: number;
  readonly examples: string[];
  readonly versions: Record<string, number>;
  latencies: number[];
}

const [port, rate] = process.argv.slice(2).map(Number) as [number, number];
const keepAlive = new Agent({ keepAlive: true, maxSockets: 64 });
const totals: Record<string, PhaseTotals> = {};
const TIMEOUT_MS = 10_000;
let phase = 'before';
let count = 0;
let open = 0;

function phaseTotals(): PhaseTotals {
  totals[phase] ??= {
    sent: 0,
    answered: 0,
    applicationErrors: 0,
    dropped: 0,
    examples: [],
    versions: {},
    latencies: [],
  };
  return totals[phase] as PhaseTotals;
}

function fire(): void {
  count += 1;
  const id = `r-${count}`;
  const post = count % 3 === 0;
  const fresh = count % 2 === 0;
  const body = post ? JSON.stringify({ order: id, note: 'x'.repeat(200) }) : '';
  const at = phaseTotals();
  const startedAt = performance.now();
  at.sent += 1;
  open += 1;
  let settled = false;
  const settle = (problem: string | null) => {
    if (settled) return;
    settled = true;
    open -= 1;
    if (problem === null) at.answered += 1;
    else if (problem === 'application') at.applicationErrors += 1;
    else {
      at.dropped += 1;
      if (at.examples.length < 10)
        at.examples.push(`${id} ${post ? 'POST' : 'GET'} ${fresh ? 'fresh' : 'keep-alive'}: ${problem}`);
    }
    at.latencies.push(performance.now() - startedAt);
  };
  const sent = request(
    {
      host: '127.0.0.1',
      port,
      method: post ? 'POST' : 'GET',
      path: `/item/${count % 50}`,
      agent: fresh ? false : keepAlive,
      headers: {
        'x-request-id': id,
        ...(fresh ? { connection: 'close' } : {}),
        ...(post ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}),
      },
      timeout: TIMEOUT_MS,
    },
    (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      answer.on('error', (error) => settle(error.message));
      answer.on('end', () =>
        settle(check(at, { status: answer.statusCode ?? 0, text, id, size: body.length, post })),
      );
    },
  );
  sent.on('error', (error) => settle(error.message));
  sent.on('timeout', () => sent.destroy(new Error('no answer in 10 s')));
  sent.end(body);
}

function check(
  at: PhaseTotals,
  answer: {
    readonly status: number;
    readonly text: string;
    readonly id: string;
    readonly size: number;
    readonly post: boolean;
  },
): string | null {
  let json: { id?: string; version?: number; ordered?: number; error?: string };
  try {
    json = JSON.parse(answer.text);
  } catch {
    return `status ${answer.status}: ${answer.text.slice(0, 80)}`;
  }
  if (answer.status === 500 && json.error) return 'application';
  at.versions[`v${json.version}`] = (at.versions[`v${json.version}`] ?? 0) + 1;
  if (json.id !== answer.id) return `the answer of ${json.id} came back`;
  if (answer.post && json.ordered !== answer.size)
    return `sent ${answer.size} bytes, the shop got ${json.ordered}`;
  return null;
}

const startedAt = performance.now();
let fired = 0;
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - startedAt) / 1000) * rate);
  for (; fired < due; fired += 1) fire();
}, 5);

process.on('message', (message: { phase?: string; stop?: boolean }) => {
  if (message.phase) phase = message.phase;
  if (!message.stop) return;
  clearInterval(timer);
  const wait = setInterval(() => {
    if (open > 0 && performance.now() - startedAt < 600_000) return;
    clearInterval(wait);
    process.send?.({ totals }, () => process.exit(0));
  }, 50);
});
process.on('disconnect', () => process.exit(1));
