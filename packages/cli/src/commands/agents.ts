import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, printJson, say, state, table } from '../terminal/output.ts';

export function addAgents(program: Command): void {
  program
    .command('agents')
    .description('agents and what they do')
    .action(async (_options: unknown, command: Command) => {
      const page = await connect(command)('listAgents');
      if (globals(command).json) return printJson(page);
      say(
        table(
          ['agent', 'state', 'busy', 'host', 'zone', 'labels', 'seen'],
          page.items.map((agent) => [
            agent.name,
            state(agent.state),
            `${agent.busy}/${agent.slots}`,
            agent.host ? 'yes' : 'no',
            agent.zone || '-',
            agent.labels.join(','),
            ago(agent.lastSeenAt),
          ]),
        ),
      );
    });
  for (const verb of ['pause', 'resume', 'drain'] as const) {
    const agents = program.commands.find((command) => command.name() === 'agents');
    if (agents) addIntent(agents, verb);
  }
}

const MEANINGS = {
  pause: 'give it nothing new',
  resume: 'give it work again',
  drain: 'let it finish its jobs and hand over what it serves, then leave',
} as const;

/** A word to an agent: below `agents`, and `drain` below `agent`, too. */
export function addIntent(parent: Command, verb: keyof typeof MEANINGS): void {
  parent
    .command(verb)
    .argument('<agent>', 'name or id')
    .description(MEANINGS[verb])
    .action(async (id: string, _options: unknown, command: Command) => {
      const done = await connect(command)('pauseAgent', { params: { id, verb } });
      if (globals(command).json) printJson(done);
      else say(done.did);
    });
}
