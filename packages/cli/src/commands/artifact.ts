import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ExitWith } from '../terminal/exit-with.ts';
import { ago, paint, printJson, say, table } from '../terminal/output.ts';

export function addArtifact(program: Command): void {
  const artifact = program.command('artifact').description('sealed artifacts');
  artifact
    .command('list')
    .option('--name <name>')
    .action(async (options: { name?: string }, command: Command) => {
      const page = await connect(command)('listArtifacts', {
        query: options.name ? { name: options.name } : {},
      });
      if (globals(command).json) return printJson(page);
      say(
        table(
          ['artifact', 'bytes', 'commit', 'made'],
          page.items.map((item) => [
            `${item.name}@${item.digest}`,
            String(item.bytes),
            item.commit?.slice(0, 10) ?? '-',
            ago(item.createdAt),
          ]),
        ),
      );
    });
  artifact
    .command('show')
    .argument('<name@digest>')
    .action(async (text: string, _options: unknown, command: Command) => {
      const { name, digest } = parts(text);
      const page = await connect(command)('listArtifacts', { query: { name, limit: 200 } });
      const found = page.items.find((item) => item.digest === digest);
      if (!found) throw new HoldfastError('artifactUnknown', `there is no artifact ${text}`);
      const { payload } = found.envelope as { payload: string };
      printJson({ ...found, statement: JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) });
    });
  artifact
    .command('verify')
    .argument('<name@digest>')
    .description('read the bytes again; check digest and signature')
    .action(async (text: string, _options: unknown, command: Command) => {
      const checked = await connect(command)('verifyArtifact', { params: parts(text) });
      if (globals(command).json) printJson(checked);
      else say(`${checked.ok ? paint('green', 'ok') : paint('red', 'refused')}: ${checked.sentence}`);
      if (!checked.ok) throw new ExitWith(1);
    });
}

function parts(text: string): { readonly name: string; readonly digest: string } {
  const match = /^(.+)@(sha256:[0-9a-f]{64})$/.exec(text);
  if (!match) throw new HoldfastError('usageInvalid', `expected NAME@sha256:…, found ${text}`);
  return { name: match[1] ?? '', digest: match[2] ?? '' };
}
