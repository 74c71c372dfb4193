import type { Client } from '@holdfast/contract/api/client.ts';
import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { live } from '../terminal/live.ts';
import { ago, paint, printJson, say, short, state } from '../terminal/output.ts';
import { environmentNamed } from './names.ts';

export function addRollout(program: Command): void {
  const rollout = program.command('rollout').description('look at a rollout, or steer it');
  rollout
    .command('show')
    .argument('<environment>')
    .action(async (name: string, _options: unknown, command: Command) => {
      const found = await currentRollout(connect(command), name);
      if (globals(command).json) printJson(found);
      else say(describeRollout(found));
    });
  rollout
    .command('watch')
    .argument('<environment>')
    .action(async (name: string, _options: unknown, command: Command) => {
      const client = connect(command);
      await watchRollout(command, client, (await currentRollout(client, name)).id);
    });
  for (const verb of ['advance', 'pause', 'resume', 'abort', 'retry'] as const) {
    const words = VERBS[verb];
    const added = rollout.command(verb).argument('<environment>').description(words);
    if (verb === 'advance') added.option('--full', 'to the whole traffic at once');
    if (verb === 'abort') added.option('--reason <text>', 'kept with the rollout');
    added.action(async (name: string, options: { full?: boolean; reason?: string }, command: Command) => {
      const client = connect(command);
      const { id } = await currentRollout(client, name);
      const done = await client('steerRollout', {
        params: { id, verb },
        body: { full: options.full ?? false, ...(options.reason ? { reason: options.reason } : {}) },
      });
      if (globals(command).json) printJson(done);
      else say(done.did);
    });
  }
}

const VERBS = {
  advance: 'open the gate it is held at, or go on to the next step',
  pause: 'stay where it is',
  resume: 'go on after a pause',
  abort: 'all traffic back to the stable release',
  retry: 'the same release again, after an abort or a failure',
} as const;

export async function currentRollout(client: Client, name: string): Promise<RolloutView> {
  const { rollout, name: full } = await environmentNamed(client, name);
  if (!rollout) throw new HoldfastError('rolloutUnknown', `${full} has had no rollout yet`);
  return rollout;
}

export function describeRollout(rollout: RolloutView): string {
  const from = rollout.stable ? `release ${rollout.stable.number} → ` : '';
  const lines = [
    `${rollout.environment}: ${from}release ${rollout.candidate.number} (${short(rollout.candidate.artifact)})  ${state(rollout.state)} at ${formatShare(rollout.weight)}  ${paint('dim', ago(rollout.stateSince))}`,
  ];
  const steps = rollout.steps.map((step, index) => {
    const text = `${step.gate ? '‖' : ''}${formatShare(step.weight)} on ${step.candidates}`;
    return index === rollout.step && rollout.endedAt === null ? paint('bold', `[${text}]`) : text;
  });
  if (rollout.strategy !== 'blueGreen') steps.push('100%');
  lines.push(`  ${rollout.strategy}: ${steps.join(' → ')}`);
  if (rollout.reason) lines.push(`  ${rollout.reason}`);
  if (rollout.lostRequests > 0)
    lines.push(`  ${rollout.lostRequests} requests were cut off when the drain deadline passed`);
  const { needed, given } = rollout.approvals;
  if (needed > 0)
    lines.push(`  approvals: ${given.length} of ${needed}${given.map(({ name }) => `, ${name}`).join('')}`);
  for (const metric of rollout.judgement?.metrics ?? []) {
    const scale = metric.unit === 'ms' ? 1 : 100;
    const unit = { rate: 'pp', ms: 'ms', share: '%' }[metric.unit];
    const interval = metric.interval
      ? ` in [${(metric.interval[0] * scale).toFixed(2)}, ${(metric.interval[1] * scale).toFixed(2)}]`
      : '';
    lines.push(
      `  ${metric.metric}: ${state(metric.verdict)}, difference ${metric.estimate === null ? '-' : (metric.estimate * scale).toFixed(2)}${interval} ${unit}, allowed ${(metric.margin * scale).toFixed(2)}, n ${metric.n.candidate}/${metric.n.baseline}`,
    );
  }
  return lines.join('\n');
}

/** Stays until it ends; a rollout that did not succeed is exit code 1. */
export async function watchRollout(command: Command, client: Client, id: string): Promise<void> {
  const quiet = globals(command).quiet || globals(command).json;
  let seen = await client('showRollout', { params: { id } });
  await live(async () => {
    seen = await client('showRollout', { params: { id } });
    return { text: describeRollout(seen), over: seen.endedAt !== null };
  }, quiet);
  if (globals(command).json) printJson(seen);
  if (seen.state !== 'done' && seen.state !== 'rolledBack') throw new ExitWith(1);
}
