import { parseArgs } from 'node:util';
import { SCENARIO_NAMES } from './scenarios/catalogue.ts';

/** What the suite is asked to do. */
export interface Options {
  /** Scenarios go on, round after round, until so many requests were sent over so many cut-overs. */
  readonly requests: number;
  readonly cutOvers: number;
  /** Of the further rounds, one in so many has its controllers and agents killed at every step. */
  readonly strikeEvery: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seed: number;
  readonly only: readonly string[];
  /** Every scenario once: for whoever is changing something. */
  readonly quick: boolean;
  readonly json: boolean;
}

export const USAGE = `usage: npm run test:zero-drop -- [--requests N] [--cut-overs N] [--strike-every N] [--rate R] [--seed S] [--only scenario,scenario] [--quick] [--json]
scenarios: ${SCENARIO_NAMES.join(', ')}
`;

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      requests: { type: 'string', default: '1' },
      'cut-overs': { type: 'string', default: '1' },
      'strike-every': { type: 'string', default: '1' },
      rate: { type: 'string', default: '200' },
      seed: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    requests: count('requests', values.requests),
    cutOvers: count('cut-overs', values['cut-overs']),
    strikeEvery: count('strike-every', values['strike-every']),
    rate: count('rate', values.rate),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : count('seed', values.seed),
    only: scenarios(values.only),
    quick: values.quick,
    json: values.json,
  };
}

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`expected a whole number above 0 for --${name}, found ${text}`);
}

function scenarios(only: string | undefined): readonly string[] {
  if (only === undefined) return SCENARIO_NAMES;
  const wanted = only.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !SCENARIO_NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`there is no scenario ${unknown}`);
  return wanted;
}
