import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultKind } from './nemesis/fault.ts';

/** What the suite is asked to do. */
export interface Options {
  /** At least so many runs; more when the faults of the first round are not through yet. */
  readonly runs: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** Runs that go on at the same time. */
  readonly concurrency: number;
  /** Agents are suspected after 2 s and lost after 4 s instead of 6 s and 10 s. */
  readonly tuned: boolean;
  /** Controllers know both databases (a multi-host URL), and the failover joins the catalogue. */
  readonly failover: boolean;
  /** How long all controllers are away when they are. */
  readonly downSeconds: number;
  readonly json: boolean;
}

export const USAGE = `usage: npm run test:chaos -- [--runs N] [--seed S] [--only fault,fault] [--concurrency C] [--tuned] [--no-failover] [--down SECONDS] [--json]
faults: ${FAULT_KINDS.join(', ')}
`;

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    allowNegative: true,
    options: {
      runs: { type: 'string', default: '50' },
      seed: { type: 'string' },
      only: { type: 'string' },
      concurrency: { type: 'string', default: '4' },
      tuned: { type: 'boolean', default: false },
      failover: { type: 'boolean', default: true },
      down: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    runs: count('runs', values.runs),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : count('seed', values.seed),
    kinds: kinds(values.only, values.failover),
    concurrency: count('concurrency', values.concurrency),
    tuned: values.tuned,
    failover: values.failover,
    downSeconds: count('down', values.down),
    json: values.json,
  };
}

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`expected a whole number above 0 for --${name}, found ${text}`);
}

function kinds(only: string | undefined, failover: boolean): readonly FaultKind[] {
  if (only === undefined) return FAULT_KINDS.filter((kind) => kind !== 'failover' || failover);
  const wanted = only.split(',');
  const unknown = wanted.find((name) => !FAULT_KINDS.includes(name as FaultKind));
  if (unknown !== undefined) throw new Error(`there is no fault ${unknown}`);
  if (wanted.includes('failover') && !failover)
    throw new Error('the fault failover needs --failover: controllers must know both databases');
  return wanted as FaultKind[];
}
