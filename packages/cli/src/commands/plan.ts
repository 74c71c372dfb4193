import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { printJson, say } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';

export function addPlan(program: Command): void {
  program
    .command('plan')
    .argument('<environment>', 'APP/ENV')
    .description('what a rollout would do, and whether the traffic can judge it')
    .action(async (name: string, _options: unknown, command: Command) => {
      const client = connect(command);
      const { app, environment } = await environmentNamed(client, name);
      const plan = await client('planDeploy', { params: { app, environment } });
      if (globals(command).json) return printJson(plan);
      say(
        `${plan.environment}: ${plan.strategy}, ${plan.replicas} replicas: ${[...plan.steps.map((step) => `${step.gate ? '‖' : ''}${formatShare(step.weight)} on ${step.replicas}`), ...(plan.strategy === 'blueGreen' ? [] : ['100%'])].join(' → ')}`,
      );
      for (const sentence of plan.sentences) say(`  ${sentence}`);
    });
}
