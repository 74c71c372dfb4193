import { z } from 'zod';
import { bytes, duration } from './quantities.ts';
import { window } from './window.ts';

/** How an environment's database is changed: where the files are, which database, and what makes it wait. */
export const SECRET_ALONE = /^\$\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$/;

const throttle = z.strictObject({
  batch: duration.prefault('25ms').describe('How long one batch of a backfill should take.'),
  nice: z
    .number()
    .min(0)
    .max(20)
    .default(0.25)
    .describe('Rest after each batch, in parts of the time it took.'),
  replicaLag: duration.prefault('1500ms').describe('A replica that is further behind makes it wait.'),
  replicaBytes: bytes.prefault('64MiB').describe('The same in WAL that was not replayed yet.'),
  slotBytes: bytes.prefault('1GiB').describe('WAL that a replication slot holds back.'),
  transaction: duration.prefault('5m').describe('A transaction that is open for longer makes it wait.'),
  sessions: z.int().min(1).default(50).describe('Active sessions.'),
  deadRows: z.number().min(0).max(1).default(0.6).describe('Part of a large table that is dead rows.'),
  databaseSize: bytes.optional().describe('Watermark: a larger database makes it wait.'),
  p95: z.number().min(1).default(1.5).describe("The app's p95, times what it was before."),
  windows: z
    .array(window)
    .default([])
    .describe('Backfills, comparisons, index builds and copies work inside these only; none: always.'),
  query: z.string().min(1).optional().describe('SQL; a first value above 0 makes it wait.'),
});

export const migrations = z.strictObject({
  path: z
    .string()
    .regex(
      /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[A-Za-z0-9._/-]+$/,
      'expected a folder in the repository, such as db/migrations',
    )
    .default('db/migrations')
    .describe('Folder of the schema changes, of the commit that is deployed.'),
  database: z
    .string()
    .regex(SECRET_ALONE, 'expected one secret and nothing else, such as ${{ secrets.DATABASE_URL }}')
    .describe(
      'Where they run: a secret with the address, postgres://user:password@host/database, or mysql:// for MySQL and MariaDB.',
    ),
  contract: z
    .enum(['automatic', 'manual'])
    .default('automatic')
    .describe(
      'automatic: the old shape goes when no release that is kept needs it. manual: when somebody also says so.',
    ),
  schema: z
    .strictObject({
      min: z.int().min(0).optional().describe('The oldest version that this release can live with.'),
      max: z.int().min(0).optional().describe('The newest; derived from its folder, as the oldest is.'),
    })
    .default({})
    .describe('Versions this release can live with, where they are not those of its folder.'),
  baseline: z.int().min(0).default(0).describe('Versions up to it were applied by another tool.'),
  throttle: throttle.prefault({}),
});
export type MigrationsConfig = z.output<typeof migrations>;
