import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { HoldfastError, KINDS } from '@holdfast/contract/errors.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { parseWorkflow } from '@holdfast/workflow/parse-workflow.ts';
import { LocalRun } from './local-run.ts';

/** `holdfast run --local`: the same machine and the same step engine on the work tree at hand. */
try {
  const { values } = parseArgs({
    options: { workflow: { type: 'string' }, job: { type: 'string' }, quiet: { type: 'boolean' } },
  });
  const root = process.cwd();
  const path = values.workflow ?? onlyWorkflow(root);
  if (!existsSync(path)) throw new HoldfastError('workflowInvalid', `there is no ${path}`);
  const readFile = (name: string) =>
    existsSync(resolve(root, name)) ? readFileSync(resolve(root, name), 'utf8') : null;
  const { definition } = parseWorkflow({ path, text: readFileSync(path, 'utf8'), readFile });
  const data = mkdtempSync(join(tmpdir(), 'holdfast-local-'));
  const identityFile = join(data, 'agent.pid');
  writeFileSync(identityFile, `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`);
  const run = new LocalRun({
    root,
    data,
    identityFile,
    definition,
    onlyJob: values.job ?? null,
    quiet: values.quiet ?? false,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.cancel());
  const succeeded = await run.run();
  await rm(data, { recursive: true, force: true });
  process.exit(succeeded ? 0 : 1);
} catch (error) {
  const known = error instanceof HoldfastError;
  process.stderr.write(`holdfast run --local: ${known ? error.located : (error as Error).stack}\n`);
  process.exit(known ? KINDS[error.kind].exit : 1);
}

function onlyWorkflow(root: string): string {
  for (const folder of ['.holdfast/workflows', '.github/workflows']) {
    const found = existsSync(join(root, folder))
      ? readdirSync(join(root, folder)).filter((name) => /\.ya?ml$/.test(name))
      : [];
    if (found.length === 1) return join(folder, found[0] as string);
    if (found.length > 1)
      throw new HoldfastError(
        'usageInvalid',
        `name the workflow: ${found.map((name) => join(folder, name)).join(', ')}`,
      );
  }
  throw new HoldfastError(
    'usageInvalid',
    'there is no .holdfast/workflows or .github/workflows here; holdfast init writes one',
  );
}
