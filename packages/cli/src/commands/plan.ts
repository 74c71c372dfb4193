import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { printJson, say } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';

export function addPlan(program: Command): void {
  program
    .command('plan')
    .argument('<environment>', 'APP/ENV')
    .option('--artifact <name@digest>', 'check its bytes and its signature, too')
    .description(
      'what a rollout would do, and whether the traffic can judge it and the replicas carry it; 1 when they cannot',
    )
    .action(async (name: string, options: { artifact?: string }, command: Command) => {
      const client = connect(command);
      const { app, environment } = await environmentNamed(client, name);
      const plan = await client('planDeploy', { params: { app, environment }, query: options });
      const refuse = () => {
        if (plan.overloads.length > 0) throw new ExitWith(1);
      };
      if (globals(command).json) {
        printJson(plan);
        return refuse();
      }
      say(
        `${plan.environment}: ${plan.strategy}, ${plan.replicas} replicas: ${[...plan.steps.map((step) => `${step.gate ? '‖' : ''}${formatShare(step.weight)} on ${step.replicas}`), ...(plan.strategy === 'blueGreen' ? [] : ['100%'])].join(' → ')}`,
      );
      for (const sentence of plan.sentences) say(`  ${sentence}`);
      refuse();
    });
}
