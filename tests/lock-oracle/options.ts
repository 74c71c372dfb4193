import { parseArgs } from 'node:util';

/** What the oracle is asked to do. */
export interface Options {
  /** Generated cases a version. */
  readonly seeds: number;
  /** The first of them; the others follow it. */
  readonly seed: number;
  readonly versions: readonly number[];
  /** Only the cases whose name contains this. */
  readonly match: string;
}

export const USAGE =
  'usage: node tests/lock-oracle/main.ts [--seeds N] [--seed S] [--only 14..18] [--match TEXT]\n';
/** Those that are always there: one as Debian packages it, one as Holdfast brings it. */
const VERSIONS = [15, 18];
const SUPPORTED = [14, 15, 16, 17, 18];

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string', default: '500' },
      seed: { type: 'string' },
      only: { type: 'string' },
      match: { type: 'string', default: '' },
    },
  });
  return {
    seeds: whole('seeds', values.seeds),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : whole('seed', values.seed),
    versions: values.only === undefined ? VERSIONS : [only(values.only)],
    match: values.match,
  };
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new Error(`expected a whole number for --${name}, found ${text}`);
}

function only(text: string | undefined): number {
  const version = Number(text);
  if (SUPPORTED.includes(version)) return version;
  throw new Error(`expected one of ${SUPPORTED.join(', ')} for --only, found ${text}`);
}
