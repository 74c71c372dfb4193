import { Random } from '../../chaos/random.ts';
import type { Flight, PhaseTotals } from './flight.ts';
import { FlightLog } from './flight-log.ts';
import { HttpFlights } from './http-flights.ts';
import { WebSocketFlights } from './web-socket-flights.ts';

/**
 * An open-loop load in a process of its own: requests leave on schedule whether or not earlier ones
 * came back, so that a stall is seen as what it is.
 */
export type LoadOrder =
  | { readonly ask: 'phase'; readonly phase: string }
  | { readonly ask: 'totals'; readonly phase: string; readonly token: number }
  | { readonly ask: 'window'; readonly from: number; readonly to: number; readonly token: number };

export interface LoadAnswer {
  readonly token: number;
  readonly totals?: PhaseTotals;
  readonly open?: number;
  readonly flights?: readonly Flight[];
}

export interface LoadSettings {
  readonly port: number;
  readonly rate: number;
  readonly seed: number;
  readonly index: number;
  readonly of: number;
}

const TURN_MS = 5;
/** More than this at once would be the harness catching up, not a user. */
const BURST = 50;
const STREAMS = 4;
const SOCKETS = 10;

const settings = JSON.parse(process.argv[2] ?? '{}') as LoadSettings;
const random = new Random(settings.seed);
const log = new FlightLog(settings);
const http = new HttpFlights(settings.port, log);
const sockets = new WebSocketFlights(settings.port, log);

/** Out of a hundred requests. */
const MIX: readonly (readonly [number, () => void])[] = [
  [44, () => http.get(random.flip())],
  [34, () => http.post(random.flip())],
  [3, () => http.slow(random.flip(), random.between(200, 3_000))],
  [3, () => http.slowPost(random.flip(), random.between(200, 3_000))],
  [5, () => http.download(random.flip())],
  [5, () => http.upload(random.flip())],
  [3, () => http.stream(random.flip())],
  [3, () => sockets.visit()],
];

function fire(): void {
  let left = random.next() * 100;
  for (const [share, send] of MIX) {
    left -= share;
    if (left < 0) return send();
  }
}

const startedAt = performance.now();
let due = 0;
setInterval(() => {
  const wanted = Math.floor(((performance.now() - startedAt) / 1_000) * settings.rate);
  const now = Math.min(wanted - due, BURST);
  for (let count = 0; count < now; count += 1) fire();
  due = wanted;
}, TURN_MS);
for (let count = 0; count < STREAMS; count += 1) http.follow();
for (let count = 0; count < SOCKETS; count += 1) sockets.stay();

process.on('message', (order: LoadOrder) => {
  const answer = (given: LoadAnswer) => process.send?.(given);
  if (order.ask === 'phase') log.phase = order.phase;
  if (order.ask === 'totals')
    answer({ token: order.token, totals: log.totalsOf(order.phase), open: log.openIn(order.phase) });
  if (order.ask === 'window') answer({ token: order.token, flights: log.window(order.from, order.to) });
});
process.on('disconnect', () => process.exit(0));
