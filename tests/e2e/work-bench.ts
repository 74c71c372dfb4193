import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { RunView } from '@holdfast/contract/api/resources.ts';
import { runHoldfast, type Said } from '@holdfast/testkit/run-holdfast.ts';
import { Machine, until } from '../../tools/demo/machine.ts';

/** A machine, a place for repositories, and the few sentences that end-to-end tests are told in. */
export class WorkBench {
  readonly root: string;
  readonly machine: Machine;

  private constructor(root: string, machine: Machine) {
    this.root = root;
    this.machine = machine;
  }

  static async start(env: Record<string, string> = {}, controllers = 1, blobs?: string): Promise<WorkBench> {
    const root = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
    chmodSync(root, 0o711);
    return new WorkBench(root, await Machine.start({ data: join(root, 'data'), controllers, env, blobs }));
  }

  async stop(): Promise<void> {
    await this.machine.stop();
    rmSync(this.root, { recursive: true, force: true });
  }

  /** The command line as somebody who is logged in types it. */
  holdfast(words: readonly string[], env: Record<string, string> = {}): Promise<Said> {
    const credentials = join(this.root, 'credentials.json');
    if (!existsSync(credentials)) {
      const token = readFileSync(join(this.machine.data, 'admin.token'), 'utf8').trim();
      writeFileSync(credentials, JSON.stringify({ controllers: this.machine.addresses, token }));
    }
    return runHoldfast(words, {
      cwd: this.root,
      env: { ...process.env, HOLDFAST_CREDENTIALS: credentials, ...env },
    });
  }

  /** A git repository with these files, watched under its name. */
  async repository(name: string, files: Record<string, string>, pollSeconds = 1): Promise<string> {
    const folder = join(this.root, name);
    this.write(folder, files);
    git(folder, 'init', '--quiet', '--initial-branch=main');
    this.commit(folder, 'first');
    await this.machine.client('addRepository', { body: { name, url: folder, pollSeconds } });
    return folder;
  }

  write(folder: string, files: Record<string, string>): void {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  }

  commit(folder: string, message: string): string {
    git(folder, 'add', '--all');
    git(
      folder,
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@localhost',
      'commit',
      '--quiet',
      '--allow-empty',
      '--message',
      message,
    );
    return git(folder, 'rev-parse', 'HEAD').trim();
  }

  /** Starts the repository's workflow; a refused one gives its reason. */
  async run(repository: string, inputs: Record<string, string> = {}): Promise<RunView> {
    const { client } = this.machine;
    const { trigger } = await client('startRun', { body: { repository, inputs } });
    const settled = await until('the trigger to be read', async () => {
      const seen = await client('showTrigger', { params: { id: trigger } });
      return seen.state === 'pending' ? null : seen;
    });
    if (settled.state === 'refused') throw new Error(settled.reason ?? 'refused');
    return this.runEnded(settled.runs[0] ?? '');
  }

  /** Starts the repository's workflow and waits until this step of its first job runs. */
  async begun(repository: string, step: number): Promise<RunView> {
    return this.runsAt(await this.startedId(repository), step);
  }

  runsAt(id: string, step: number): Promise<RunView> {
    return until(`step ${step + 1} to run`, async () => {
      const run = await this.machine.client('showRun', { params: { id } });
      return run.jobs[0]?.steps[step]?.state === 'running' ? run : null;
    });
  }

  /** The id of a run that was asked for and exists. */
  async startedId(repository: string): Promise<string> {
    const { client } = this.machine;
    const { trigger } = await client('startRun', { body: { repository, inputs: {} } });
    return until(
      'the run to exist',
      async () => (await client('showTrigger', { params: { id: trigger } })).runs[0],
    );
  }

  runEnded(id: string): Promise<RunView> {
    return until('the run to end', async () => {
      const run = await this.machine.client('showRun', { params: { id } });
      return run.endedAt ? run : null;
    });
  }

  async log(run: RunView, job: string, step: number): Promise<string> {
    let text = '';
    for (let offset = 0; ; ) {
      const part = await this.machine.client('readLog', {
        params: { id: run.id, job, step },
        query: { offset },
      });
      if (part.text === '') return text;
      text += part.text;
      offset = part.next;
    }
  }
}

function git(folder: string, ...words: string[]): string {
  return execFileSync('git', ['-C', folder, ...words], {
    encoding: 'utf8',
    env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: folder },
  });
}

export const workflow = (jobs: string, head = '') =>
  `name: ci\non:\n  push:\n    branches: [main]\n  workflow_dispatch:\n    inputs:\n      who: { type: string, default: nobody }\n${head}jobs:\n${jobs}`;

/** One job of these steps, for agents with this label. */
export const stepsOn = (label: string, steps: string) =>
  workflow(`  a:\n    runs-on: ${label}\n    steps:\n${steps}`);

export const APP = {
  'server.js': `require('node:http').createServer((q, a) => a.end(process.env.VERSION + ' ' + (process.env.API_KEY ?? ''))).listen(process.env.PORT, '127.0.0.1');\n`,
};

export const shipWorkflow = workflow(`  ship:
    runs-on: self-hosted
    outputs: { artifact: "\${{ steps.p.outputs.artifact }}" }
    steps:
      - uses: actions/checkout@v4
      - id: p
        uses: holdfast/publish@v1
        with: { name: app, path: . }
  deploy:
    needs: ship
    runs-on: self-hosted
    steps:
      - uses: holdfast/deploy@v1
        with: { environment: production, artifact: "\${{ needs.ship.outputs.artifact }}" }
`);

export const config = (port: number, version: string) => `version: 1
app: app
environments:
  production:
    target:
      command: [node, server.js]
      replicas: 1
      env: { VERSION: "${version}", API_KEY: "\${{ secrets.API_KEY }}" }
    readiness: { path: /, successes: 1, interval: 200ms }
    drain: { deadline: 5s, grace: 2s }
    traffic: { listen: ${port} }
    strategy:
      steps: [50%]
      soak: 100ms
      analysis: { dwell: 200ms, deadline: 400ms, warmup: 100ms }
`;
