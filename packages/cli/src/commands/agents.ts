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
    program.commands
      .find((command) => command.name() === 'agents')
      ?.command(verb)
      .argument('<agent>')
      .action(async (id: string, _options: unknown, command: Command) => {
        const done = await connect(command)('pauseAgent', { params: { id, verb } });
        if (globals(command).json) printJson(done);
        else say(done.did);
      });
  }
}
