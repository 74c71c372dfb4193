import type { Client } from '@holdfast/contract/api/client.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, printJson, say, table } from '../terminal/output.ts';

/** Everything that waits for a person, and the command that answers it. */
interface Waiting {
  readonly what: string;
  readonly since: string | null;
  readonly why: string;
  readonly answer: string;
}

export function addGates(program: Command): void {
  program
    .command('gates')
    .description('what waits for a person, and how to answer')
    .action(async (_options: unknown, command: Command) => {
      const client = connect(command);
      const waiting = [...(await rolloutsWaiting(client)), ...(await jobsWaiting(client))];
      if (globals(command).json) return printJson(waiting);
      if (waiting.length === 0) return say('Nothing waits for a person.');
      const rows = waiting.map((item) => [item.what, ago(item.since), item.answer, item.why]);
      say(table(['what', 'since', 'answer', 'why'], rows));
    });
}

async function rolloutsWaiting(client: Client): Promise<Waiting[]> {
  const { items } = await client('listEnvironments');
  return items.flatMap(({ name, rollout }) => {
    if (!rollout || !['awaitingApproval', 'held', 'paused'].includes(rollout.state)) return [];
    const answers = {
      awaitingApproval: `holdfast approve ${name}`,
      held: `holdfast rollout advance ${name}`,
      paused: `holdfast rollout resume ${name}`,
    };
    return {
      what: `release ${rollout.candidate.number} of ${name}`,
      since: rollout.stateSince,
      why: rollout.reason ?? rollout.state,
      answer: answers[rollout.state as keyof typeof answers],
    };
  });
}

async function jobsWaiting(client: Client): Promise<Waiting[]> {
  // A run goes on while one of its jobs asks.
  const pages = await Promise.all(
    (['waiting', 'running'] as const).map((state) => client('listRuns', { query: { state } })),
  );
  const items = pages.flatMap((page) => page.items);
  const runs = await Promise.all(items.map(({ id }) => client('showRun', { params: { id } })));
  return runs.flatMap((run) =>
    run.jobs.flatMap((job) =>
      job.asks === null
        ? []
        : {
            what: `job ${job.name} of run ${run.number} of ${run.repository}`,
            since: job.startedAt,
            why: job.asks,
            answer: `holdfast approve ${job.id}`,
          },
    ),
  );
}
