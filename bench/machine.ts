import { describeMachine, firstLine, type Machine } from '../tools/describe-machine.ts';

/** The machine with every peer that takes part. */
export function describeBench(): Machine {
  const { machine, ...at } = describeMachine();
  const peers = {
    haproxy: firstLine('haproxy', ['-v']),
    nginx: firstLine('nginx', ['-v']),
    caddy: firstLine('caddy', ['version']),
    wrk: firstLine('wrk', ['-v']),
  };
  return { ...at, machine: { ...machine, ...peers } };
}
