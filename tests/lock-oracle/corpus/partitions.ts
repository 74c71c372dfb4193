import { type Case, group } from '../case.ts';
import { FIXTURE, REST } from './fixture.ts';

const ATTACH = 'ALTER TABLE part ATTACH PARTITION loner FOR VALUES FROM (2000) TO (3000)';
const BOUND = 'ALTER TABLE loner ADD CONSTRAINT bound CHECK (k >= 2000 AND k < 3000)';
const NOT_HERE = 'ALTER TABLE part_rest ADD CONSTRAINT not_here CHECK (k >= 3000)';
const DETACH = 'ALTER TABLE part DETACH PARTITION part_high';
const REFERRED = 'ALTER TABLE part ADD PRIMARY KEY (k)';
const NEW = 'CREATE TABLE part_new PARTITION OF part FOR VALUES FROM (5000) TO (6000)';

/** Rows 25 and 26, and inheritance. */
export const PARTITIONS: readonly Case[] = group('partitions', FIXTURE, [
  ATTACH,
  { statement: ATTACH, setup: BOUND, title: 'attach with a CHECK of the bounds' },
  { statement: ATTACH, setup: `${BOUND} NOT VALID`, title: 'attach with a CHECK that is not valid' },
  {
    statement: ATTACH,
    setup: 'ALTER TABLE loner ADD CONSTRAINT bound CHECK (k >= 0)',
    title: 'attach with a CHECK that proves too little',
  },
  {
    statement: ATTACH,
    setup: "ALTER TABLE loner ADD CONSTRAINT other CHECK (note <> 'x')",
    title: 'attach with a CHECK of something else',
  },
  { statement: ATTACH, setup: REST, title: 'attach beside a default partition' },
  { statement: ATTACH, setup: `${REST}${BOUND}`, title: 'attach with a CHECK beside a default partition' },
  { statement: ATTACH, setup: `${REST}${NOT_HERE}`, title: 'attach beside a default partition with a CHECK' },
  {
    statement: ATTACH,
    setup: `${REST}${BOUND}; ${NOT_HERE}`,
    title: 'attach with a CHECK beside one with a CHECK',
  },
  { statement: ATTACH, setup: 'CREATE INDEX ON part (id)', title: 'attach where the parent has an index' },
  {
    statement: ATTACH,
    setup: `CREATE INDEX ON part (id); CREATE INDEX ON loner (id); ${BOUND}`,
    title: 'attach where both have the index',
  },
  {
    statement: ATTACH,
    setup: `CREATE INDEX ON part (id); ${BOUND}`,
    title: 'attach with a CHECK where only the parent has an index',
  },
  {
    statement: ATTACH,
    setup: `INSERT INTO parent SELECT g, 'n' || g, 1 FROM generate_series(2001, 2999) g; INSERT INTO parent VALUES (0); ALTER TABLE part ADD FOREIGN KEY (id) REFERENCES parent; ${BOUND}`,
    title: 'attach where the parent has a foreign key',
  },
  'ALTER TABLE part ATTACH PARTITION loner DEFAULT',
  {
    statement: 'ALTER TABLE part ATTACH PARTITION sub FOR VALUES FROM (2000) TO (3000)',
    setup:
      'CREATE TABLE sub (id int, k int NOT NULL, note text) PARTITION BY RANGE (id); CREATE TABLE sub_one PARTITION OF sub DEFAULT; INSERT INTO sub SELECT g, g FROM generate_series(2000, 2999) g',
    title: 'attach a partitioned table',
  },
  DETACH,
  { statement: DETACH, setup: REST, title: 'detach beside a default partition' },
  {
    statement: DETACH,
    setup: `${REFERRED}; CREATE TABLE small (k int REFERENCES part); INSERT INTO small VALUES (1)`,
    title: 'detach where a foreign key refers to the parent',
  },
  {
    statement: DETACH,
    setup: "INSERT INTO parent VALUES (0, 'c0', 0); ALTER TABLE part ADD FOREIGN KEY (id) REFERENCES parent",
    title: 'detach where the parent has a foreign key',
  },
  `${DETACH} CONCURRENTLY`,
  {
    statement: `${DETACH} FINALIZE`,
    setup: "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'part_high'::regclass",
  },
  NEW,
  { statement: NEW, setup: REST, title: 'new partition beside a default one' },
  {
    statement: NEW,
    setup: `${REST}ALTER TABLE part_rest ADD CHECK (k < 5000)`,
    title: 'new partition beside one with a CHECK',
  },
  'CREATE TABLE part_all PARTITION OF part DEFAULT',
  'CREATE TABLE heir () INHERITS (t)',
  { statement: 'DROP TABLE part_high' },
  { statement: 'DROP TABLE part_high', setup: REST, title: 'drop a partition beside a default one' },
  'DROP TABLE part',
  'TRUNCATE part',
  'TRUNCATE part_low',
  { statement: 'ALTER TABLE heir INHERIT t', setup: 'CREATE TABLE heir (LIKE t)' },
  { statement: 'ALTER TABLE heir NO INHERIT t', setup: 'CREATE TABLE heir () INHERITS (t)' },
  'CREATE INDEX ON part (id)',
  'CREATE INDEX ON ONLY part (id)',
  {
    statement: 'ALTER INDEX whole ATTACH PARTITION piece',
    setup: 'CREATE INDEX whole ON ONLY part (id); CREATE INDEX piece ON part_low (id)',
  },
  { statement: 'DROP INDEX whole', setup: 'CREATE INDEX whole ON part (id)' },
  'UPDATE part SET note = 1',
  'INSERT INTO part VALUES (1, 1)',
  'DELETE FROM part WHERE k = 1',
  'SELECT * FROM part',
  'ANALYZE part',
  'ALTER TABLE part RENAME TO pieces',
  'ALTER TABLE part_low RENAME TO pieces',
  'ALTER TABLE part SET SCHEMA public',
  'CREATE TRIGGER w AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION touch()',
  'ALTER TABLE part ENABLE ROW LEVEL SECURITY',
  'ALTER TABLE part OWNER TO CURRENT_USER',
]);
