import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, printJson, say, short, state, table } from '../terminal/output.ts';
import { environmentNamed, onlyEnvironment } from './names.ts';

export function addReleases(program: Command): void {
  program
    .command('releases')
    .argument('<environment>', 'APP/ENV')
    .description('releases, newest first, and which can be returned to')
    .action(async (name: string, _options: unknown, command: Command) => {
      const client = connect(command);
      const { app, environment } = await environmentNamed(client, name);
      const page = await client('listReleases', { params: { app, environment } });
      if (globals(command).json) return printJson(page);
      say(
        table(
          ['release', 'returnable', 'back in', 'artifact', 'commit', 'served'],
          page.items.map((release) => [
            String(release.number),
            state(release.returnable),
            release.secondsToServe === null ? '-' : `${release.secondsToServe} s`,
            short(release.artifact),
            short(release.commit ?? '-'),
            ago(release.servedAt),
          ]),
        ),
      );
    });

  program
    .command('diff')
    .argument('<from>', 'number of a release')
    .argument('<to>', 'number of a release')
    .option('--environment <name>', 'APP/ENV; may be left out where there is only one')
    .description('what changed from one release to another')
    .action(async (from: string, to: string, options: { environment?: string }, command: Command) => {
      for (const text of [from, to])
        if (!/^\d+$/.test(text))
          throw new HoldfastError('usageInvalid', `expected the number of a release, found ${text}`);
      const client = connect(command);
      const { app, environment } = await (options.environment
        ? environmentNamed(client, options.environment)
        : onlyEnvironment(client));
      const difference = await client('diffReleases', { params: { app, environment }, query: { from, to } });
      if (globals(command).json) return printJson(difference);
      say(`Release ${from} → ${to}`);
      const commitLine = ({ commit, author, subject }: (typeof difference.commits)[number]) =>
        `${short(commit)}  ${author}: ${subject}`;
      for (const commit of difference.commits) say(`  ${commitLine(commit)}`);
      for (const commit of difference.commitsGone) say(`  without ${commitLine(commit)}`);
      for (const change of difference.config)
        say(`  ${change.path}: ${JSON.stringify(change.from)} → ${JSON.stringify(change.to)}`);
      for (const secret of difference.secrets)
        say(`  secret ${secret.name}: version ${secret.from ?? 'none'} → ${secret.to ?? 'none'}`);
      for (const { version, change } of difference.schema) say(`  schema change ${version}: ${change}`);
      const { commits, commitsGone, config, secrets, schema } = difference;
      if ([commits, commitsGone, config, secrets, schema].every(({ length }) => length === 0))
        say('  nothing but the build');
    });
}
