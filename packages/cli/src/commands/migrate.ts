import type { Client } from '@holdfast/contract/api/client.ts';
import type { MigrationPlanView, MigrationView } from '@holdfast/contract/api/resources.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { formatDuration } from '@holdfast/core/kernel/quantity.ts';
import { openSession } from '@holdfast/migration/execute/session.ts';
import { isMysqlUrl } from '@holdfast/migration/mysql/mysql-session.ts';
import { describePlan } from '@holdfast/migration/plan/describe-plan.ts';
import { rehearse } from '@holdfast/migration/plan/rehearse.ts';
import type { Command } from 'commander';
import { connect, globals } from '../connection.ts';
import { ago, paint, printJson, say, state, table } from '../terminal/output.ts';
import { addMigrateLint, readSources } from './migrate-lint.ts';
import { environmentNamed } from './names.ts';

export function addMigrate(program: Command): void {
  const migrate = program
    .command('migrate')
    .description("change a database's schema while two releases use it");
  addMigrateLint(migrate);
  migrate
    .command('status')
    .argument('<environment>')
    .description('every schema change, how far it got, and why no further')
    .action(async (name: string, _options: unknown, command: Command) => {
      const items = await migrationsNamed(connect(command), name);
      if (globals(command).json) printJson(items);
      else say(items.length === 0 ? 'no schema change yet' : statusText(items));
    });
  migrate
    .command('plan')
    .argument('[environment]', 'its changes that were pushed and are not done')
    .option('--database <url>', 'of files that were not pushed yet: what they would do to this database')
    .option('--path <folder>', 'where they are', 'db/migrations')
    .option('--since <version>', 'only changes after this version')
    .description('what schema changes would do: phases, locks, rows, point of no return')
    .action(async (name: string | undefined, options: PlanOptions, command: Command) => {
      const items = options.database
        ? await planFiles(options.database, options)
        : await planPushed(connect(command), name);
      if (globals(command).json) printJson(items);
      else say(items.map(planText).join('\n\n') || 'every schema change is done');
    });
  for (const [verb, words] of Object.entries(VERBS)) {
    migrate
      .command(verb)
      .argument('<environment>')
      .argument('[version]', 'of the change; the first that fits without it')
      .description(words)
      .action(async (name: string, version: string | undefined, _options: unknown, command: Command) => {
        const done = await steer(connect(command), name, { verb: verb as Verb, version });
        if (globals(command).json) printJson(done);
        else say(done.did);
      });
  }
}

interface PlanOptions {
  readonly database?: string;
  readonly path: string;
  readonly since?: string;
}

async function planPushed(client: Client, name: string | undefined): Promise<readonly MigrationPlanView[]> {
  if (name === undefined)
    throw new HoldfastError(
      'usageInvalid',
      'name an environment, whose changes were pushed, or --database URL for the files here',
    );
  const { app, environment } = await environmentNamed(client, name);
  return (await client('planMigrations', { params: { app, environment } })).items;
}

/** Needs no controller, and changes nothing. */
async function planFiles(url: string, options: PlanOptions): Promise<readonly MigrationPlanView[]> {
  if (isMysqlUrl(url))
    throw new HoldfastError(
      'usageInvalid',
      '--database asks a PostgreSQL; changes of MySQL and MariaDB are planned once they are pushed',
    );
  const sources = readSources(options.path, options);
  const session = await openSession([url], 'holdfast migrate plan');
  try {
    const plans: MigrationPlanView[] = [];
    for (const source of sources) plans.push(describePlan(source, await rehearse(session, source), null));
    return plans;
  } finally {
    await session.close();
  }
}

const VERBS = {
  expand: 'add the new shape now, before a release needs it, and fill it',
  backfill: 'go on filling, after a pause or a failure',
  contract: 'take the old shape away as soon as no release needs it',
  abort: 'take the new shape away; only while no release needs it',
  pause: 'stop where it is',
  resume: 'go on',
} as const;
type Verb = keyof typeof VERBS;

const FITS: { readonly [verb in Verb]: readonly MigrationView['state'][] } = {
  expand: ['planned', 'aborted'],
  backfill: ['paused', 'expanded', 'backfilling', 'verifying', 'expanding', 'planned'],
  contract: ['ready', 'contracting'],
  abort: ['expanding', 'expanded', 'backfilling', 'paused', 'verifying', 'ready', 'planned'],
  pause: ['expanding', 'backfilling', 'verifying', 'contracting', 'paused'],
  resume: ['paused'],
};

async function steer(
  client: Client,
  name: string,
  { verb, version }: { readonly verb: Verb; readonly version: string | undefined },
): Promise<{ readonly did: string }> {
  const items = await migrationsNamed(client, name);
  const found =
    version === undefined
      ? items.toReversed().find((item) => FITS[verb].includes(item.state))
      : items.find((item) => String(item.version) === version.replace(/^0+/, ''));
  if (!found)
    throw new HoldfastError(
      'migrationUnknown',
      version === undefined
        ? `no schema change of ${name} can be told to ${verb}`
        : `${name} has no schema change ${version}`,
    );
  const [app = '', environment = ''] = found.environment.split('/');
  const asked = verb !== 'backfill' ? verb : found.state === 'paused' ? 'resume' : 'expand';
  return client('steerMigration', { params: { app, environment, version: found.version, verb: asked } });
}

async function migrationsNamed(client: Client, name: string): Promise<readonly MigrationView[]> {
  const { app, environment } = await environmentNamed(client, name);
  return (await client('listMigrations', { params: { app, environment } })).items;
}

function statusText(items: readonly MigrationView[]): string {
  const rows = items.map((item) => [
    String(item.version).padStart(4, '0'),
    item.name,
    state(item.state),
    progressText(item),
    ago(item.stateSince),
    item.reason ?? (item.pointOfNoReturn === 'passed' ? 'the point of no return is passed' : ''),
  ]);
  return table(['version', 'name', 'state', 'rows', 'since', 'why'], rows);
}

function progressText({ progress }: MigrationView): string {
  if (!progress) return '';
  const { rows, total, rowsPerSecond } = progress;
  const part = total ? ` of ${total.toLocaleString('en')}` : '';
  const left =
    total && rowsPerSecond
      ? `, ${formatDuration((Math.max(0, total - rows) / rowsPerSecond) * 1_000)} left`
      : '';
  return `${rows.toLocaleString('en')}${part}${rowsPerSecond ? `, ${rowsPerSecond.toLocaleString('en')}/s` : ''}${left}`;
}

function planText({ version, name, steps, findings, sentences }: MigrationPlanView): string {
  const lines = [paint('bold', `${String(version).padStart(4, '0')} ${name}`)];
  let phase = '';
  for (const step of steps) {
    if (step.phase !== phase) lines.push(`  ${paint('cyan', step.phase)}`);
    phase = step.phase;
    for (const sql of step.sql) lines.push(`    ${sql.split('\n')[0]}${sql.includes('\n') ? ' …' : ''}`);
    for (const { relation, lock, blocks, scan, rewrite } of step.locks)
      lines.push(
        paint(
          'dim',
          `      ${lock} on ${relation}${rewrite ? ', writes it anew' : scan ? ', reads all of it' : ''}${blocks ? `; ${blocks} wait for a moment` : ''}`,
        ),
      );
  }
  for (const finding of findings)
    lines.push(
      `  ${state(finding.severity === 'error' ? 'failed' : 'held')} ${finding.place}: ${finding.message} [${finding.rule}]`,
    );
  return [...lines, ...sentences.map((sentence) => `  ${sentence}`)].join('\n');
}
