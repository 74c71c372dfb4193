-- Three strategies: a newer rollout waits as `planned` until the older one has let go; freezes, and
-- approvals that are bound to what is approved.
-- minReader: 2
-- minWriter: 2

DROP INDEX rollout_one_live;
CREATE UNIQUE INDEX rollout_one_live ON rollout (environment_id) WHERE ended_at IS NULL AND state <> 'planned';
CREATE INDEX rollout_live ON rollout (environment_id, started_at) WHERE ended_at IS NULL;

ALTER TABLE environment ADD COLUMN frozen_until timestamptz;
ALTER TABLE environment ADD COLUMN frozen_why text;

-- `digest` is of artifact, configuration and secret versions together: other content, other approval.
CREATE TABLE approval (
  environment_id  uuid NOT NULL REFERENCES environment ON DELETE CASCADE,
  digest          text NOT NULL,
  token_id        uuid NOT NULL,
  name            text NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (environment_id, digest, token_id)
);

-- What a provider said of a metric of the user's own, one row a moment; `judged`: counted as evidence.
CREATE TABLE metric_sample (
  rollout_id  uuid NOT NULL REFERENCES rollout ON DELETE CASCADE,
  metric      text NOT NULL,
  second      bigint NOT NULL,
  candidate   double precision,
  baseline    double precision,
  problem     text,
  judged      boolean NOT NULL DEFAULT false,
  PRIMARY KEY (rollout_id, metric, second)
);
