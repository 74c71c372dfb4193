import { loadParser } from '@holdfast/migration/sql/parse-sql.ts';
import { type CheckedVersion, checkVersion } from './check-version.ts';
import { WRITTEN } from './corpus/catalogue.ts';
import { generatedCase } from './generated/generated-case.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { report } from './report.ts';
import { judge, passed } from './verdict.ts';

/**
 * `node tests/lock-oracle/main.ts [--seeds N] [--only 14..18]`: runs statements on PostgreSQL and
 * compares the locks, rewrites and reads with those that the linter claims.
 */
const options = askedFor();
await loadParser();
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
const cases = [
  ...WRITTEN,
  ...Array.from({ length: options.seeds }, (_, place) => generatedCase(options.seed + place)),
].filter(({ name }) => name.includes(options.match));
process.stdout.write(
  `${cases.length} cases, generated from seed ${options.seed} on; again with --seed ${options.seed} --seeds ${options.seeds}\n`,
);
const results = await Promise.all(
  options.versions.map(
    async (version) => [version, await checkVersion(version, cases, stopping.signal)] as const,
  ),
);
const missing = results.flatMap(([version, result]) => (result ? [] : [version]));
const verdicts = results.flatMap(([, result]) => (result ? [judge(timed(result))] : []));
process.stdout.write(`${report(verdicts)}\n`);
for (const version of missing)
  process.stdout.write(
    `\nNOT RUN: there is no PostgreSQL ${version} in /usr/lib/postgresql/${version}/bin, so nothing was checked on it\n`,
  );
const good = verdicts.filter(passed).length;
const bad = verdicts.length - good + (process.env.CI ? missing.length : 0);
process.stdout.write(`${good} passed, ${bad} failed\n`);
if (stopping.signal.aborted) process.stdout.write('interrupted: not every case was run\n');
process.exitCode = bad > 0 || good === 0 || stopping.signal.aborted ? 1 : 0;

function askedFor(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

function timed(result: CheckedVersion): CheckedVersion {
  process.stdout.write(`PostgreSQL ${result.version}: ${result.seconds.toFixed(1)} s\n`);
  return result;
}
