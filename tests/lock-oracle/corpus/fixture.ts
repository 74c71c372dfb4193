/**
 * The tables of the written cases. `t` stands alone; `child` refers to `parent`, which views look
 * at; `part` is partitioned by k below 2000; `loner` could become a partition of it.
 */
export const FIXTURE = `
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN plain_text AS text;
CREATE DOMAIN plain_int AS int;
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 1000);
CREATE DOMAIN filled_text AS text NOT NULL;
CREATE DOMAIN given_int AS int DEFAULT 7;
CREATE DOMAIN checked_int AS int DEFAULT 7 CHECK (VALUE > 0);
CREATE DOMAIN over_checked AS short_text;
CREATE SEQUENCE counter;
CREATE FUNCTION f_volatile() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION f_stable() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION f_immutable(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION f_inlined() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE t (id int PRIMARY KEY, a int, b text, v varchar(20), n numeric(10,2), ts timestamp, tz timestamptz,
  j json, net cidr, u uuid, m mood, tags text[], names varchar(20)[], f real, flag boolean NOT NULL DEFAULT false,
  big bigint, small smallint, d date, p plain_text, pi plain_int, bits varbit(8), ch char(5), iv interval, tm time(3), x xml,
  spare int);
INSERT INTO t SELECT g, g, 'b' || g, 'v' || g, g, now(), now(), '{}', '10.0.0.0/8', gen_random_uuid(), 'glad', '{a}', '{a}', g,
  true, g, 1, now(), 'p', 1, B'1', 'c', '1 day', '10:00', NULL, g FROM generate_series(1, 2000) g;
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE, a int);
INSERT INTO parent SELECT g, 'c' || g, g FROM generate_series(1, 2000) g;
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent, loose int, code text);
INSERT INTO child SELECT g, g, g, 'c' || g FROM generate_series(1, 2000) g;
CREATE TABLE part (id int, k int NOT NULL, note text) PARTITION BY RANGE (k);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (1000);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (1000) TO (2000);
INSERT INTO part SELECT g, g, 'n' || g FROM generate_series(0, 1999) g;
CREATE TABLE loner (id int, k int NOT NULL, note text);
INSERT INTO loner SELECT g, g, 'n' || g FROM generate_series(2000, 2999) g;
CREATE VIEW seen AS SELECT id, a FROM parent;
CREATE MATERIALIZED VIEW summed AS SELECT a, count(*) AS n FROM parent GROUP BY a;
CREATE UNIQUE INDEX summed_a ON summed (a);
ANALYZE t, parent, child, part, loner, summed;`;

/** A partition for what fits nowhere else, with rows in it. */
export const REST = `CREATE TABLE part_rest PARTITION OF part DEFAULT;
INSERT INTO part SELECT g, g, 'r' || g FROM generate_series(3000, 3999) g;`;

/** Another table that refers to `child`, and one that refers to itself. */
export const CHAIN = `CREATE TABLE grandchild (id int PRIMARY KEY, child_id int REFERENCES child);
INSERT INTO grandchild SELECT g, g FROM generate_series(1, 2000) g;
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree);
INSERT INTO tree SELECT g, g FROM generate_series(1, 2000) g;`;
