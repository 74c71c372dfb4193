import { parseArgs } from 'node:util';

/** What is asked for: rounds of faults on a Patroni cluster, or runs through a pooler. */
export interface Options {
  readonly rounds: number;
  readonly pgbouncer: boolean;
  /** Patroni speaks etcd's v3 API, whose 3.0.2 form has a fault that this suite shows. */
  readonly etcd3: boolean;
  readonly json: boolean;
}

export const USAGE = `usage: node tests/patroni/main.ts [--rounds N] [--etcd3] [--json]
       node tests/patroni/main.ts --pgbouncer [--json]
`;

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '1' },
      pgbouncer: { type: 'boolean', default: false },
      etcd3: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`expected a whole number above 0 for --rounds, found ${values.rounds}`);
  const { pgbouncer, etcd3, json } = values;
  return { rounds, pgbouncer, etcd3, json };
}
