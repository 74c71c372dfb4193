import type { EnvironmentView } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { live } from '../terminal/live.ts';
import { ago, paint, printJson, say, short, state, table } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';

export function addStatus(program: Command): void {
  program
    .command('status')
    .argument('[environment]', 'APP/ENV; all without it')
    .option('--watch', 'a live table')
    .description('what serves, what is on its way, and how it is doing')
    .action(async (name: string | undefined, options: { watch?: boolean }, command: Command) => {
      const client = connect(command);
      const look = async () =>
        name ? [await environmentNamed(client, name)] : (await client('listEnvironments')).items;
      if (globals(command).json) return printJson(await look());
      if (options.watch)
        return live(async () => ({ text: describe(await look()), over: false }), globals(command).quiet);
      say(describe(await look()));
    });
}

function describe(environments: readonly EnvironmentView[]): string {
  if (environments.length === 0)
    return 'Nothing was deployed yet. A workflow with holdfast/deploy makes the first environment.';
  const head = ['environment', 'release', 'instances', 'requests/s', 'errors', 'p95', 'rollout'];
  const lines = [table(head, environments.map(row))];
  for (const environment of environments) {
    if (environment.hold)
      lines.push(paint('yellow', `${environment.name}: ${environment.hold}; automation holds still`));
    const { rollout } = environment;
    if (rollout && rollout.endedAt === null)
      lines.push(
        `${environment.name}: release ${rollout.candidate.number} at ${formatShare(rollout.weight)}, ${state(rollout.state)} for ${ago(rollout.stateSince).replace(' ago', '')}${rollout.judgement ? `: ${rollout.judgement.sentence}` : ''}`,
      );
    for (const instance of environment.instances)
      if (instance.reason)
        lines.push(
          paint(
            'dim',
            `  instance ${instance.id.slice(-6)} of release ${instance.release} is ${instance.state}: ${instance.reason}`,
          ),
        );
  }
  return lines.join('\n');
}

function row(environment: EnvironmentView): string[] {
  const { stable, traffic, rollout } = environment;
  const serving = environment.instances.filter((instance) => stable && instance.release === stable.number);
  const ready = serving.filter((instance) => instance.state === 'ready').length;
  return [
    environment.name,
    stable ? `${stable.number} ${paint('dim', short(stable.artifact))}` : '-',
    `${ready}/${serving.length} ready`,
    String(traffic.requestsPerSecond),
    `${(traffic.errorRate * 100).toFixed(2)} %`,
    traffic.p95Ms === null ? '-' : `${traffic.p95Ms.toFixed(0)} ms`,
    rollout ? `${state(rollout.state)} ${formatShare(rollout.weight)}` : '-',
  ];
}
