import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@holdfast/contract/api/client.ts';
import { until } from '../../tools/demo/machine.ts';
import type { BenchController } from '../orchestrator/controller.ts';
import type { BenchDatabase } from '../orchestrator/database.ts';
import type { Started, Workbench } from '../workbench.ts';
import { numberedLine } from './numbered-lines.ts';

/** A repository whose workflow prints numbered lines at full speed, and a real agent that runs it. */
export interface LogRun {
  readonly id: string;
  readonly lines: number;
  /** From the step's first sign to its end, as the database has it: everything printed is kept by then. */
  readonly seconds: number;
}

const AGENT = fileURLToPath(new URL('../../packages/agent/src/main.ts', import.meta.url));
const RUN_LIMIT_MS = 300_000;
export const JOB = 'print';

/** A printf that prints a line a number, as fast as one process can. */
const WORKFLOW = `name: print
on:
  workflow_dispatch:
    inputs:
      lines: { type: string, required: true }
jobs:
  ${JOB}:
    runs-on: self-hosted
    steps:
      - run: seq -f '${numberedLine('%010.0f')}' 1 "$LINES_WANTED"
        env: { LINES_WANTED: "\${{ inputs.lines }}" }
`;

export class LogRuns {
  readonly agent: Started;
  readonly client: Client;
  private readonly database: BenchDatabase;

  private constructor(agent: Started, client: Client, database: BenchDatabase) {
    this.agent = agent;
    this.client = client;
    this.database = database;
  }

  static async start(
    workbench: Workbench,
    { controller, database }: { readonly controller: BenchController; readonly database: BenchDatabase },
  ): Promise<LogRuns> {
    const { address, token } = controller;
    const client = createClient({ controllers: [address], token });
    const folder = makeRepository(join(workbench.folder, 'repository'));
    await client('addRepository', { body: { name: 'print', url: folder, pollSeconds: 1 } });
    const args = [
      '--controller',
      address,
      '--name',
      'bench',
      '--slots',
      '2',
      '--data',
      join(workbench.folder, 'agent'),
    ];
    const env = { HOLDFAST_TOKEN: token, HOLDFAST_LOG_LEVEL: 'warn' };
    const agent = workbench.startNode({ name: 'agent', path: AGENT, args, env });
    await agent.message(60_000);
    return new LogRuns(agent, client, database);
  }

  async print(lines: number): Promise<LogRun> {
    const { trigger } = await this.client('startRun', {
      body: { repository: 'print', inputs: { lines: String(lines) } },
    });
    const id = await until('the run to begin', async () => {
      const seen = await this.client('showTrigger', { params: { id: trigger } });
      if (seen.state === 'refused') throw new Error(seen.reason ?? 'refused');
      return seen.runs[0];
    });
    const run = await until(
      'the run to end',
      async () => {
        const shown = await this.client('showRun', { params: { id } });
        return shown.endedAt ? shown : null;
      },
      RUN_LIMIT_MS,
    );
    if (run.state !== 'succeeded') throw new Error(`run ${id} ${run.state}: ${run.reason}`);
    return { id, lines, seconds: await this.stepSeconds(id) };
  }

  private async stepSeconds(id: string): Promise<number> {
    return this.database.withClient('holdfast', async (client) => {
      const found = await client.query<{ seconds: number }>(
        `SELECT extract(epoch FROM attempt.ended_at - attempt.started_at)::float8 AS seconds
         FROM attempt JOIN job ON job.id = attempt.job_id WHERE job.run_id = $1 AND attempt.counted`,
        [id],
      );
      return found.rows[0]?.seconds ?? Number.NaN;
    });
  }
}

function makeRepository(folder: string): string {
  mkdirSync(join(folder, '.holdfast', 'workflows'), { recursive: true });
  writeFileSync(join(folder, '.holdfast', 'workflows', 'print.yml'), WORKFLOW);
  const git = (...words: readonly string[]) =>
    execFileSync(
      'git',
      ['-C', folder, '-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', ...words],
      {
        env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: folder },
        stdio: 'ignore',
      },
    );
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'print');
  return folder;
}
