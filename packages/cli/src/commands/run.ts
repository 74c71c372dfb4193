import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@holdfast/contract/api/client.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { runLocally } from '../local/run-locally.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { live } from '../terminal/live.ts';
import { printJson, say } from '../terminal/output.ts';
import { runNamed } from './names.ts';
import { describeRun, showRun } from './runs.ts';

interface RunOptions {
  readonly ref?: string;
  readonly workflow?: string;
  readonly input: readonly string[];
  readonly watch?: boolean;
  readonly local?: boolean;
  readonly job?: string;
}

export function addRun(program: Command): void {
  const run = program
    .command('run')
    .description('start a workflow, or look at a run')
    .argument('[repository]', 'name of a watched repository; with --local a workflow file')
    .option('--ref <ref>', 'branch, tag or commit')
    .option('--workflow <name>', 'file of the workflow')
    .option(
      '--input <key=value>',
      'an input of workflow_dispatch',
      (text: string, all: string[]) => [...all, text],
      [],
    )
    .option('--watch', 'stay until it ends')
    .option('--local', 'run it here on the work tree, without a server')
    .option('--job <key>', 'with --local: only this job and what it needs')
    .action(async (repository: string | undefined, options: RunOptions, command: Command) => {
      if (options.local)
        return runLocally({
          workflow: repository ?? options.workflow,
          job: options.job,
          quiet: globals(command).quiet,
        });
      await startRun(command, repository, options);
    });
  run
    .command('show')
    .argument('<id>')
    .description('one run with jobs, steps and attempts')
    .action((id: string, _options: unknown, command: Command) => showRun(command, id));
  run
    .command('cancel')
    .argument('<id>')
    .option('--force', 'do not wait for its agents')
    .description('cancel a run')
    .action(async (id: string, options: { force?: boolean }, command: Command) => {
      const client = connect(command);
      const done = await client('cancelRun', {
        params: { id: await runNamed(client, id) },
        body: { force: options.force ?? false },
      });
      report(command, done, done.did);
    });
  run
    .command('rerun')
    .argument('<id>')
    .option('--failed', 'only what failed and whatever needs it; what succeeded comes along with its outputs')
    .option(
      '--from <job/step>',
      'from a job on, or from a step of it, by id or number: at the last checkpoint before it',
    )
    .description('run the same commit and definition again')
    .action(async (id: string, options: { failed?: boolean; from?: string }, command: Command) => {
      if (options.failed && options.from)
        throw new HoldfastError('usageInvalid', 'expected --failed or --from, found both');
      const client = connect(command);
      const [job = '', step] = options.from?.split('/') ?? [];
      const done = await client('rerunRun', {
        params: { id: await runNamed(client, id) },
        body: {
          failed: options.failed ?? false,
          ...(options.from ? { from: { job, ...(step ? { step } : {}) } } : {}),
        },
      });
      report(command, done, `run ${done.run} started`);
    });
}

function report(command: Command, value: object, sentence: string): void {
  if (globals(command).json) printJson(value);
  else say(sentence);
}

async function startRun(
  command: Command,
  repository: string | undefined,
  options: RunOptions,
): Promise<void> {
  const client = connect(command);
  const { trigger } = await client('startRun', {
    body: {
      id: newId(),
      repository: repository ?? (await onlyRepository(client)),
      inputs: readInputs(options.input),
      ...(options.ref ? { ref: options.ref } : {}),
      ...(options.workflow ? { workflow: options.workflow } : {}),
    },
  });
  const id = await runOfTrigger(client, trigger);
  if (!options.watch) return report(command, { run: id }, `run ${id} started`);
  const ended = await watchRun(client, id, globals(command).quiet || globals(command).json);
  if (globals(command).json) printJson(ended);
  if (ended.state !== 'succeeded') throw new ExitWith(1);
}

async function onlyRepository(client: Client): Promise<string> {
  const { items } = await client('listRepositories');
  const only = items[0];
  if (only && items.length === 1) return only.name;
  throw new HoldfastError(
    'usageInvalid',
    items.length === 0
      ? 'no repository is watched yet: holdfast repo add NAME URL'
      : `name the repository: ${items.map((item) => item.name).join(', ')}`,
  );
}

function readInputs(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new HoldfastError('usageInvalid', `expected --input KEY=VALUE, found ${text}`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

async function runOfTrigger(client: Client, id: string): Promise<string> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200)) {
    const trigger = await client('showTrigger', { params: { id } });
    if (trigger.state === 'refused')
      throw new HoldfastError('workflowInvalid', trigger.reason ?? 'the trigger was refused');
    if (trigger.runs[0]) return trigger.runs[0];
  }
  throw new HoldfastError(
    'timedOut',
    'the run did not start within a minute; holdfast runs shows it when it does',
  );
}

export async function watchRun(client: Client, id: string, quiet: boolean) {
  let run = await client('showRun', { params: { id } });
  await live(async () => {
    run = await client('showRun', { params: { id } });
    return { text: describeRun(run), over: run.endedAt !== null };
  }, quiet);
  return run;
}
