import { posix } from 'node:path';
import { readConfig } from '@holdfast/contract/config/read-config.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { SchemaFile } from '@holdfast/postgres/run/run-store.ts';
import type { GitMirrors } from '../git/mirrors.ts';

/** So much SQL nobody reviews; more than that is data, and belongs elsewhere. */
const MOST_BYTES = 4 * 1024 * 1024;

/** The schema changes of a commit, of every folder that its holdfast.yaml names; null: it names none. */
export async function readSchemaFiles(
  mirrors: GitMirrors,
  {
    mirror,
    commit,
    config,
  }: { readonly mirror: string; readonly commit: string; readonly config: string | null },
): Promise<readonly SchemaFile[] | null> {
  const folders = config === null ? [] : foldersIn(config);
  if (folders.length === 0) return null;
  const files: SchemaFile[] = [];
  let bytes = 0;
  for (const folder of folders) {
    for (const path of await mirrors.listBelow(mirror, commit, folder)) {
      const text = (await mirrors.readFile(mirror, commit, path)) ?? '';
      bytes += text.length;
      if (bytes > MOST_BYTES)
        throw new HoldfastError(
          'limitExceeded',
          `the schema changes in ${folders.join(', ')} have more than 4 MiB`,
        );
      files.push({ path, text });
    }
  }
  return files;
}

/** A file that cannot be read is said where it is used: the deploy. */
function foldersIn(config: string): readonly string[] {
  try {
    const environments = readConfig('holdfast.yaml', config).flatMap((app) =>
      Object.values(app.environments),
    );
    return [
      ...new Set(
        environments.flatMap(({ migrations }) =>
          migrations ? [posix.normalize(`${migrations.path}/`).replace(/\/+$/, '')] : [],
        ),
      ),
    ];
  } catch {
    return [];
  }
}
