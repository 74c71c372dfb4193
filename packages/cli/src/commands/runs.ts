import type { RunView } from '@holdfast/contract/api/resources.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, lasted, paint, printJson, say, short, state, table } from '../terminal/output.ts';
import { runNamed } from './names.ts';

export function addRuns(program: Command): void {
  program
    .command('runs')
    .description('runs, newest first')
    .option('--repository <name>', 'only of this repository')
    .option('--limit <n>', 'how many', '20')
    .action(async (options: { repository?: string; limit: string }, command: Command) => {
      const page = await connect(command)('listRuns', {
        query: { limit: options.limit, ...(options.repository ? { repository: options.repository } : {}) },
      });
      if (globals(command).json) return printJson(page);
      say(
        table(
          ['run', 'state', 'repository', 'workflow', 'ref', 'commit', 'started', 'took'],
          page.items.map((run) => [
            String(run.number),
            state(run.state),
            run.repository,
            run.name,
            run.ref.replace(/^refs\/(heads|tags)\//, ''),
            short(run.commit),
            ago(run.createdAt),
            lasted(run.startedAt, run.endedAt),
          ]),
        ),
      );
    });
}

export function describeRun(run: RunView): string {
  const head = `Run ${run.number} of ${run.repository}: ${run.name}, ${run.ref} ${short(run.commit)} "${run.message}"  ${state(run.state)}  ${lasted(run.startedAt, run.endedAt)}`;
  const jobs = run.jobs.map((job) => {
    const where = job.agent ? ` on ${job.agent}` : '';
    const reason = job.reason ? paint('dim', `  ${job.reason}`) : '';
    const steps = job.steps.map((step) => {
      const last = step.attempts.at(-1);
      const again = step.attempts.length > 1 ? paint('yellow', `  ran ${step.attempts.length} times`) : '';
      return `    ${state(step.state).padEnd(12)} ${step.name}${last ? `  ${lasted(last.startedAt, last.endedAt)}` : ''}${again}${last?.reason ? paint('dim', `  ${last.reason}`) : ''}`;
    });
    return [
      `  ${state(job.state)}  ${job.name}${where}  ${lasted(job.startedAt, job.endedAt)}${reason}`,
      ...steps,
    ].join('\n');
  });
  return [head, ...(run.reason ? [`  ${run.reason}`] : []), ...jobs].join('\n');
}

export async function showRun(command: Command, name: string): Promise<void> {
  const client = connect(command);
  const run = await client('showRun', { params: { id: await runNamed(client, name) } });
  if (globals(command).json) return printJson(run);
  say(describeRun(run));
}
