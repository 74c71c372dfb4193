import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { readMigrations } from '@holdfast/migration/files/read-migrations.ts';

/** The folder of one declared change, as a repository would hold it. */
export function sourceOf(yaml: string): MigrationSource {
  const text = `changes:\n  ${yaml}\n`;
  const [source] = readMigrations('m', [{ path: 'm/7_life/migration.yaml', text }]);
  if (!source) throw new Error('no migration was read');
  return source;
}
