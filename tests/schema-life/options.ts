import { parseArgs } from 'node:util';
import { LIFE_NAMES, NO_TRIGGER } from './changes/catalogue.ts';

/** What the suite is asked to do. */
export interface Options {
  /** Strikes a change: kills of its worker, pauses of it, crashes of its database. */
  readonly points: number;
  readonly seed: number;
  /** Names of lives: `rename`, or `rename-aborted`. */
  readonly only: readonly string[];
  readonly json: boolean;
}

export const USAGE = `usage: node tests/schema-life/main.ts [--points N] [--seed S] [--only change,change] [--without-trigger] [--json]
changes: ${LIFE_NAMES.join(', ')}
`;

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      points: { type: 'string', default: '20' },
      seed: { type: 'string' },
      only: { type: 'string' },
      'without-trigger': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    points: count('points', values.points),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : count('seed', values.seed),
    only: values['without-trigger'] ? [NO_TRIGGER] : lives(values.only),
    json: values.json,
  };
}

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`expected a whole number above 0 for --${name}, found ${text}`);
}

/** A change's name stands for its life to the end; its abort is named on its own. */
function lives(only: string | undefined): readonly string[] {
  if (only === undefined) return LIFE_NAMES;
  const wanted = only.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !LIFE_NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`there is no change ${unknown}`);
  return wanted;
}
