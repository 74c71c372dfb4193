-- The first shape. Expand/contract from here on: a later file may add, backfill and, one version
-- later, remove. `schema_version` says which versions of Holdfast may read and write this database.

CREATE TABLE schema_version (
  version     integer PRIMARY KEY,
  name        text NOT NULL,
  min_reader  integer NOT NULL,
  min_writer  integer NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Fence of the whole installation, bound to the database's identity (protocol §3).
CREATE TABLE generation (
  only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  generation        bigint NOT NULL,
  system_identifier text NOT NULL,
  timeline          bigint NOT NULL
);

CREATE TABLE setting (
  name   text PRIMARY KEY,
  value  jsonb NOT NULL
);

-- Access --------------------------------------------------------------------------------------

CREATE TABLE token (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,
  hash        bytea NOT NULL UNIQUE,
  scopes      text[] NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  revoked_at  timestamptz
);

CREATE TABLE idempotency (
  token_id   uuid NOT NULL,
  route      text NOT NULL,
  key        text NOT NULL,
  body_hash  bytea NOT NULL,
  answer     jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (token_id, route, key)
);

-- Sealed values: AES-256-GCM under a data key that is itself sealed under the master key.
CREATE TABLE sealed_key (
  name    text PRIMARY KEY,
  sealed  bytea NOT NULL,
  public  text
);

CREATE TABLE secret (
  repository  text NOT NULL DEFAULT '',
  name        text NOT NULL,
  version     integer NOT NULL,
  sealed      bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  removed_at  timestamptz,
  PRIMARY KEY (repository, name, version)
);

CREATE TABLE variable (
  repository  text NOT NULL DEFAULT '',
  name        text NOT NULL,
  value       text NOT NULL,
  PRIMARY KEY (repository, name)
);

-- Duties and events ---------------------------------------------------------------------------

-- Whatever the controllers must keep looking at: one row somebody leases.
CREATE TABLE duty (
  kind         text NOT NULL,
  id           text NOT NULL,
  due_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  holder       text,
  epoch        bigint NOT NULL DEFAULT 0,
  leased_until timestamptz,
  failures     integer NOT NULL DEFAULT 0,
  parked       text,
  PRIMARY KEY (kind, id)
);
CREATE INDEX duty_due ON duty (due_at) WHERE parked IS NULL;

-- `position` is given after commit by the one leased sequencer; readers go by it, never by id.
CREATE TABLE event (
  id        bigserial PRIMARY KEY,
  position  bigint UNIQUE,
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  topic     text NOT NULL,
  subject   text NOT NULL,
  kind      text NOT NULL,
  data      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_unplaced ON event (id) WHERE position IS NULL;
CREATE SEQUENCE event_position;

CREATE TABLE outbox (
  id         uuid PRIMARY KEY,
  kind       text NOT NULL,
  payload    jsonb NOT NULL,
  state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
  attempts   integer NOT NULL DEFAULT 0,
  due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  outcome    text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outbox_pending ON outbox (due_at) WHERE state = 'pending';

CREATE TABLE blob (
  digest      text PRIMARY KEY,
  bytes       bigint NOT NULL,
  renewed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  doomed_at   timestamptz
);

-- Pipeline ------------------------------------------------------------------------------------

CREATE TABLE repository (
  id              uuid PRIMARY KEY,
  name            text NOT NULL UNIQUE,
  url             text NOT NULL,
  poll_seconds    integer NOT NULL,
  webhook_secret  bytea NOT NULL,
  refs            jsonb,
  next_number     bigint NOT NULL DEFAULT 1,
  polled_at       timestamptz,
  problem         text,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Triggers, written before they are acknowledged, deduplicated by delivery id.
CREATE TABLE inbox (
  id             uuid PRIMARY KEY,
  repository_id  uuid NOT NULL REFERENCES repository ON DELETE CASCADE,
  delivery       text NOT NULL,
  kind           text NOT NULL,
  payload        jsonb NOT NULL,
  state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'refused')),
  runs           uuid[] NOT NULL DEFAULT '{}',
  reason         text,
  received_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (repository_id, delivery)
);
CREATE INDEX inbox_pending ON inbox (received_at) WHERE state = 'pending';

CREATE TABLE run (
  id             uuid PRIMARY KEY,
  repository_id  uuid NOT NULL REFERENCES repository ON DELETE CASCADE,
  number         bigint NOT NULL,
  workflow       text NOT NULL,
  name           text NOT NULL,
  event          text NOT NULL,
  ref            text NOT NULL,
  commit         text NOT NULL,
  message        text NOT NULL,
  definition     jsonb NOT NULL,
  definition_hash text NOT NULL,
  contexts       jsonb NOT NULL,
  source         text NOT NULL,
  config         text,
  state          text NOT NULL,
  cancel_requested boolean NOT NULL DEFAULT false,
  reason         text,
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at     timestamptz,
  ended_at       timestamptz
);
CREATE INDEX run_newest ON run (id DESC);
CREATE INDEX run_live ON run (id) WHERE ended_at IS NULL;

CREATE TABLE job (
  id               uuid PRIMARY KEY,
  run_id           uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  ordinal          integer NOT NULL,
  key              text NOT NULL,
  name             text NOT NULL,
  state            text NOT NULL,
  matrix           jsonb,
  matrix_index     integer NOT NULL,
  matrix_total     integer NOT NULL,
  fail_fast        boolean NOT NULL,
  max_parallel     integer NOT NULL,
  labels           text[] NOT NULL,
  lane             text NOT NULL,
  continue_on_error boolean NOT NULL,
  outputs          jsonb NOT NULL DEFAULT '{}',
  reason           text,
  cancel           boolean NOT NULL DEFAULT false,
  agent_id         uuid,
  epoch            bigint NOT NULL DEFAULT 0,
  granted_at       timestamptz,
  acknowledged_at  timestamptz,
  resume_index     integer NOT NULL DEFAULT 0,
  checkpoint       text,
  not_portable     text,
  losses           integer NOT NULL DEFAULT 0,
  queued_at        timestamptz,
  started_at       timestamptz,
  ended_at         timestamptz
);
CREATE INDEX job_of_run ON job (run_id, ordinal);
CREATE INDEX job_queue ON job (queued_at) WHERE state = 'queued' AND agent_id IS NULL;
CREATE INDEX job_leased ON job (agent_id) WHERE agent_id IS NOT NULL AND ended_at IS NULL;

CREATE TABLE attempt (
  id           uuid PRIMARY KEY,
  job_id       uuid NOT NULL REFERENCES job ON DELETE CASCADE,
  step_index   integer NOT NULL,
  number       integer NOT NULL,
  name         text NOT NULL,
  agent_id     uuid,
  epoch        bigint NOT NULL,
  state        text NOT NULL,
  counted      boolean NOT NULL DEFAULT true,
  exit_code    integer,
  signal       text,
  reason       text,
  outputs      jsonb NOT NULL DEFAULT '{}',
  annotations  jsonb NOT NULL DEFAULT '[]',
  summary      text,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at     timestamptz,
  UNIQUE (job_id, step_index, number)
);

CREATE TABLE log_chunk (
  attempt_id  uuid NOT NULL,
  start       bigint NOT NULL,
  text        bytea NOT NULL,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (attempt_id, start)
);

CREATE TABLE agent (
  id           uuid PRIMARY KEY,
  name         text NOT NULL,
  session_id   uuid NOT NULL,
  labels       text[] NOT NULL,
  zone         text NOT NULL,
  slots        integer NOT NULL,
  host         boolean NOT NULL,
  address      text NOT NULL,
  intent       text NOT NULL DEFAULT 'work' CHECK (intent IN ('work', 'pause', 'drain')),
  state        text NOT NULL,
  seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  connected_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Answers to reports, so that a replay gets the same answer.
CREATE TABLE agent_report (
  session_id  uuid NOT NULL,
  number      bigint NOT NULL,
  outcome     text NOT NULL,
  reason      text,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (session_id, number)
);

-- Delivery ------------------------------------------------------------------------------------

CREATE TABLE artifact (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,
  digest      text NOT NULL,
  bytes       bigint NOT NULL,
  run_id      uuid,
  job_id      uuid,
  commit      text,
  envelope    jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (name, digest)
);

CREATE TABLE environment (
  id          uuid PRIMARY KEY,
  app         text NOT NULL,
  name        text NOT NULL,
  stable      uuid,
  previous    uuid,
  next_number integer NOT NULL DEFAULT 1,
  hold        text,
  hold_since  timestamptz,
  config      jsonb NOT NULL,
  snapshot    jsonb NOT NULL,
  revision    bigint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (app, name)
);

CREATE TABLE release (
  id              uuid PRIMARY KEY,
  environment_id  uuid NOT NULL REFERENCES environment ON DELETE CASCADE,
  number          integer NOT NULL,
  artifact_name   text NOT NULL,
  artifact_digest text NOT NULL,
  config          jsonb NOT NULL,
  secret_versions jsonb NOT NULL,
  repository_id   uuid,
  commit          text,
  start_ms        integer,
  served_at       timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (environment_id, number)
);

-- One rollout for one asking: `asked_by` is (run, job, step, matrix) or the caller's id.
CREATE TABLE rollout (
  id              uuid PRIMARY KEY,
  environment_id  uuid NOT NULL REFERENCES environment ON DELETE CASCADE,
  asked_by        text NOT NULL UNIQUE,
  kind            text NOT NULL,
  state           text NOT NULL,
  candidate       uuid NOT NULL REFERENCES release,
  stable          uuid REFERENCES release,
  data            jsonb NOT NULL,
  requests        jsonb NOT NULL DEFAULT '[]',
  started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at        timestamptz
);
CREATE UNIQUE INDEX rollout_one_live ON rollout (environment_id) WHERE ended_at IS NULL;
CREATE INDEX rollout_newest ON rollout (environment_id, id DESC);

CREATE TABLE rollout_history (
  rollout_id  uuid NOT NULL REFERENCES rollout ON DELETE CASCADE,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  state       text NOT NULL,
  weight      integer NOT NULL,
  reason      text
);
CREATE INDEX rollout_history_of ON rollout_history (rollout_id, at);

CREATE TABLE instance (
  id              uuid PRIMARY KEY,
  environment_id  uuid NOT NULL REFERENCES environment ON DELETE CASCADE,
  release_id      uuid NOT NULL REFERENCES release,
  arm             text NOT NULL,
  agent_id        uuid NOT NULL,
  host            text NOT NULL,
  port            integer,
  desired         text NOT NULL DEFAULT 'run',
  state           text NOT NULL DEFAULT 'starting',
  reason          text,
  generation      bigint NOT NULL,
  epoch           bigint NOT NULL DEFAULT 1,
  drain_since     timestamptz,
  excluded_by     jsonb,
  ready_at        timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at        timestamptz
);
CREATE INDEX instance_live ON instance (environment_id) WHERE ended_at IS NULL;
CREATE INDEX instance_of_agent ON instance (agent_id) WHERE ended_at IS NULL;

CREATE TABLE router_worker (
  id              uuid PRIMARY KEY,
  router_id       uuid NOT NULL,
  environment     text NOT NULL,
  generation      bigint NOT NULL,
  revision        bigint NOT NULL,
  in_flight       jsonb NOT NULL,
  seen_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE traffic_interval (
  environment  text NOT NULL,
  worker_id    uuid NOT NULL,
  second       bigint NOT NULL,
  counts       jsonb NOT NULL,
  judged       boolean NOT NULL DEFAULT false,
  PRIMARY KEY (environment, second, worker_id)
);
CREATE INDEX traffic_interval_unjudged ON traffic_interval (environment, second) WHERE NOT judged;
