-- Schema changes of the users' databases. What was done stands in those databases; here is what is wanted,
-- how far it got, and what each release can live with.
-- minReader: 2
-- minWriter: 2

-- Files below the folders that holdfast.yaml names, [{path, text}]; null: it names none.
ALTER TABLE run ADD COLUMN schema_files jsonb;
-- {range: {min, max}, versions: [{version, digest}]}; null: the environment changes no database.
ALTER TABLE release ADD COLUMN schema jsonb;

CREATE TABLE migration (
  environment_id  uuid NOT NULL REFERENCES environment ON DELETE CASCADE,
  version         bigint NOT NULL,
  source          jsonb NOT NULL,
  data            jsonb NOT NULL,
  requests        jsonb NOT NULL DEFAULT '[]',
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (environment_id, version)
);

CREATE TABLE migration_history (
  environment_id  uuid NOT NULL,
  version         bigint NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  state           text NOT NULL,
  reason          text,
  FOREIGN KEY (environment_id, version) REFERENCES migration ON DELETE CASCADE
);
CREATE INDEX migration_history_of ON migration_history (environment_id, version, at);
