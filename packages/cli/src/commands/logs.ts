import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@holdfast/contract/api/client.ts';
import type { JobView, StepView } from '@holdfast/contract/api/resources.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { paint, printJson, say } from '../terminal/output.ts';
import { runNamed } from './names.ts';

export function addLogs(program: Command): void {
  program
    .command('logs')
    .description('logs of a run, a job or a step, from their beginning')
    .argument('<run>')
    .argument('[job]')
    .argument('[step]', 'number of the step, from 1')
    .option('--follow', 'stay until it ends')
    .action(
      async (
        name: string,
        jobName: string | undefined,
        stepNumber: string | undefined,
        options: { follow?: boolean },
        command: Command,
      ) => {
        const client = connect(command);
        const id = await runNamed(client, name);
        const run = await client('showRun', { params: { id } });
        const jobs = run.jobs.filter(
          (job) => jobName === undefined || job.key === jobName || job.name === jobName,
        );
        if (jobs.length === 0)
          throw new HoldfastError(
            'jobUnknown',
            `run ${run.number} has no job ${jobName}; it has ${run.jobs.map((job) => job.key).join(', ')}`,
          );
        const steps = jobs.flatMap((job) =>
          job.steps
            .filter((step) => stepNumber === undefined || step.index + 1 === Number(stepNumber))
            .map((step) => ({ job, step })),
        );
        if (globals(command).json)
          return printJson(
            await Promise.all(
              steps.map(async ({ job, step }) => ({
                job: job.key,
                step: step.index + 1,
                name: step.name,
                text: await wholeLog(client, { id, job, step }),
              })),
            ),
          );
        for (const at of steps)
          await printLog(client, { id, ...at, follow: options.follow ?? false, headed: steps.length > 1 });
      },
    );
}

interface At {
  readonly id: string;
  readonly job: JobView;
  readonly step: StepView;
}

async function wholeLog(client: Client, { id, job, step }: At): Promise<string> {
  let text = '';
  for (let offset = 0; ; ) {
    const part = await client('readLog', {
      params: { id, job: job.id, step: step.index },
      query: { offset },
    });
    if (part.text === '') return text;
    text += part.text;
    offset = part.next;
  }
}

async function printLog(
  client: Client,
  { id, job, step, follow, headed }: At & { readonly follow: boolean; readonly headed: boolean },
): Promise<void> {
  let began = false;
  for (let offset = 0; ; ) {
    const part = await client('readLog', {
      params: { id, job: job.id, step: step.index },
      query: { offset },
    });
    if (part.text !== '' && headed && !began) say(paint('bold', `${job.name} / ${step.name}`));
    if (part.text !== '') began = true;
    process.stdout.write(part.text);
    offset = part.next;
    if (part.text !== '') continue;
    if (part.ended || !follow) return;
    if (await isOver(client, { id, job, step })) return;
    await sleep(300);
  }
}

/** A step that was skipped, or never reached, has no log to wait for. */
async function isOver(client: Client, { id, job, step }: At): Promise<boolean> {
  const run = await client('showRun', { params: { id } });
  const now = run.jobs.find((candidate) => candidate.id === job.id);
  const state = now?.steps[step.index]?.state ?? 'skipped';
  return now?.endedAt !== null || !['queued', 'running', 'leased', 'lost'].includes(state);
}
