import { type Case, group } from '../case.ts';
import { CHAIN, FIXTURE, REST } from './fixture.ts';

const CHECK = 'ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)';
const FOREIGN = 'ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (loose) REFERENCES parent';
const TREE_KEY = 'ALTER TABLE part ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES parent (id)';
const ZERO = "INSERT INTO parent VALUES (0, 'c0', 0)";

/** Rows 16 to 20 and 27. */
export const CONSTRAINTS: readonly Case[] = group('constraints', FIXTURE, [
  CHECK,
  `${CHECK} NOT VALID`,
  `${CHECK} NO INHERIT`,
  { statement: `${CHECK} NOT ENFORCED`, since: 18 },
  'ALTER TABLE part ADD CONSTRAINT k CHECK (id >= 0)',
  'ALTER TABLE part ADD CONSTRAINT k CHECK (id >= 0) NOT VALID',
  {
    statement: 'ALTER TABLE t VALIDATE CONSTRAINT k',
    setup: `${CHECK} NOT VALID`,
    title: 'validate a CHECK',
  },
  { statement: 'ALTER TABLE t VALIDATE CONSTRAINT k', setup: CHECK, title: 'validate a valid CHECK' },
  {
    statement: 'ALTER TABLE part VALIDATE CONSTRAINT k',
    setup: 'ALTER TABLE part ADD CONSTRAINT k CHECK (id >= 0) NOT VALID',
  },
  { statement: `${CHECK} NOT VALID, VALIDATE CONSTRAINT k`, title: 'CHECK added and validated at once' },
  { statement: 'ALTER TABLE t ADD CONSTRAINT k NOT NULL a', since: 18 },
  { statement: 'ALTER TABLE t ADD CONSTRAINT k NOT NULL a NOT VALID', since: 18 },
  {
    statement: 'ALTER TABLE t VALIDATE CONSTRAINT k',
    setup: 'ALTER TABLE t ADD CONSTRAINT k NOT NULL a NOT VALID',
    since: 18,
    title: 'validate a NOT NULL',
  },
  {
    statement: 'ALTER TABLE t ALTER CONSTRAINT k NO INHERIT',
    setup: 'ALTER TABLE t ADD CONSTRAINT k NOT NULL a',
    since: 18,
  },
  FOREIGN,
  `${FOREIGN} NOT VALID`,
  { statement: `${FOREIGN} NOT ENFORCED`, since: 18 },
  {
    statement: 'ALTER TABLE child VALIDATE CONSTRAINT k',
    setup: `${FOREIGN} NOT VALID`,
    title: 'validate a foreign key',
  },
  {
    statement: 'ALTER TABLE child VALIDATE CONSTRAINT child_parent_id_fkey',
    title: 'validate a valid foreign key',
  },
  'ALTER TABLE child ALTER CONSTRAINT child_parent_id_fkey DEFERRABLE INITIALLY DEFERRED',
  {
    statement: 'ALTER TABLE child ALTER CONSTRAINT k ENFORCED',
    setup: `${FOREIGN} NOT ENFORCED`,
    since: 18,
  },
  { statement: 'ALTER TABLE tree ADD FOREIGN KEY (id) REFERENCES tree', setup: CHAIN },
  { statement: TREE_KEY, setup: ZERO, title: 'foreign key of a partitioned table' },
  {
    statement: `${TREE_KEY} NOT VALID`,
    setup: ZERO,
    since: 18,
    title: 'foreign key of a partitioned table, not valid',
  },
  {
    statement: 'ALTER TABLE part VALIDATE CONSTRAINT k',
    setup: `${ZERO}; ${TREE_KEY} NOT VALID`,
    since: 18,
    title: 'validate a foreign key of a partitioned table',
  },
  {
    statement: 'ALTER TABLE small ADD FOREIGN KEY (k) REFERENCES part',
    setup: 'ALTER TABLE part ADD PRIMARY KEY (k); CREATE TABLE small (k int); INSERT INTO small VALUES (1)',
    title: 'foreign key to a partitioned table',
  },
  'ALTER TABLE t ADD CONSTRAINT k UNIQUE (a)',
  'ALTER TABLE t ADD CONSTRAINT k UNIQUE (a, b) DEFERRABLE',
  { statement: 'ALTER TABLE loner ADD PRIMARY KEY (k)' },
  { statement: 'ALTER TABLE loner ADD PRIMARY KEY (id)' },
  {
    statement: 'ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i',
    setup: 'CREATE UNIQUE INDEX i ON t (a)',
  },
  {
    statement: 'ALTER TABLE loner ADD PRIMARY KEY USING INDEX i',
    setup: 'CREATE UNIQUE INDEX i ON loner (k)',
    title: 'primary key of a NOT NULL column using an index',
  },
  {
    statement: 'ALTER TABLE loner ADD PRIMARY KEY USING INDEX i',
    setup: 'CREATE UNIQUE INDEX i ON loner (id)',
    title: 'primary key of a nullable column using an index',
  },
  {
    statement: 'ALTER TABLE loner ADD PRIMARY KEY USING INDEX i',
    setup: 'CREATE UNIQUE INDEX i ON loner (id); ALTER TABLE loner ADD CHECK (id IS NOT NULL)',
    title: 'primary key of a checked column using an index',
  },
  'ALTER TABLE part ADD PRIMARY KEY (k)',
  'ALTER TABLE part ADD PRIMARY KEY (k, id)',
  'ALTER TABLE part ADD UNIQUE (k, id)',
  'ALTER TABLE t ADD EXCLUDE USING btree (a WITH =)',
  "ALTER TABLE t ADD EXCLUDE USING gist (int4range(a, a, '[]') WITH &&)",
  { statement: 'ALTER TABLE t DROP CONSTRAINT k', setup: CHECK, title: 'drop a CHECK' },
  { statement: 'ALTER TABLE t DROP CONSTRAINT IF EXISTS k', title: 'drop no constraint' },
  'ALTER TABLE t DROP CONSTRAINT t_pkey',
  'ALTER TABLE parent DROP CONSTRAINT parent_code_key',
  'ALTER TABLE parent DROP CONSTRAINT parent_pkey CASCADE',
  'ALTER TABLE child DROP CONSTRAINT child_parent_id_fkey',
  {
    statement: 'ALTER TABLE part DROP CONSTRAINT k',
    setup: `${ZERO}; ${TREE_KEY}`,
    title: 'drop a foreign key of a partitioned table',
  },
  { statement: 'ALTER TABLE part DROP CONSTRAINT part_pkey', setup: 'ALTER TABLE part ADD PRIMARY KEY (k)' },
  'ALTER TABLE t RENAME CONSTRAINT t_pkey TO t_key',
  'ALTER TABLE child RENAME CONSTRAINT child_parent_id_fkey TO k',
  { statement: `${CHECK}, ADD CONSTRAINT l UNIQUE (a)` },
  { statement: `${CHECK} NOT VALID, ADD COLUMN c serial` },
  { statement: 'ALTER TABLE part_low ADD CONSTRAINT k CHECK (k >= 0)', setup: REST },
  'ALTER DOMAIN plain_text ADD CONSTRAINT k CHECK (length(VALUE) < 100)',
  'ALTER DOMAIN plain_text ADD CONSTRAINT k CHECK (length(VALUE) < 100) NOT VALID',
  {
    statement: 'ALTER DOMAIN plain_text VALIDATE CONSTRAINT k',
    setup: 'ALTER DOMAIN plain_text ADD CONSTRAINT k CHECK (length(VALUE) < 100) NOT VALID',
  },
  'ALTER DOMAIN plain_text SET NOT NULL',
  'ALTER DOMAIN short_text DROP CONSTRAINT short_text_check',
  "ALTER DOMAIN plain_text SET DEFAULT 'x'",
]);
