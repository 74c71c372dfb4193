-- Exchanges as one set-based statement; attempts appended and counted once by a constraint; the
-- queue fair between repositories (ADR 0008).
-- minReader: 2
-- minWriter: 2

-- A result is told once per attempt: what was stored per report is now read from the rows it made.
DROP TABLE agent_report;

-- What the agent told at the job's end, until the run's machine has heard of it.
ALTER TABLE job ADD COLUMN reported jsonb;
-- A question that must be answered before the job may run again (HOLDFAST_ON_LOST: ask).
ALTER TABLE job ADD COLUMN asks text;
ALTER TABLE job ADD COLUMN repository_id uuid;
UPDATE job SET repository_id = run.repository_id FROM run WHERE run.id = job.run_id;
ALTER TABLE job ALTER COLUMN repository_id SET NOT NULL;
ALTER TABLE job DROP COLUMN not_portable;
ALTER TABLE job SET (fillfactor = 70);

DROP INDEX job_queue;
CREATE INDEX job_queue ON job (repository_id, queued_at) WHERE state = 'queued' AND agent_id IS NULL;
CREATE INDEX job_unsettled ON job (run_id) WHERE reported IS NOT NULL AND ended_at IS NULL;
CREATE INDEX job_unacknowledged ON job (granted_at) WHERE agent_id IS NOT NULL AND acknowledged_at IS NULL AND ended_at IS NULL;

-- `counted`: this attempt is the one that finished its step. Late: told after its lease was lost.
ALTER TABLE attempt ADD COLUMN checkpoint text;
ALTER TABLE attempt ADD COLUMN not_portable text;
ALTER TABLE attempt ADD COLUMN late boolean NOT NULL DEFAULT false;
ALTER TABLE attempt ALTER COLUMN counted SET DEFAULT false;
UPDATE attempt SET counted = false WHERE ended_at IS NULL OR state = 'lost';
UPDATE attempt SET counted = false FROM (
  SELECT id, row_number() OVER (PARTITION BY job_id, step_index ORDER BY number DESC) AS place FROM attempt WHERE counted) ranked
  WHERE ranked.id = attempt.id AND ranked.place > 1;
ALTER TABLE attempt DROP CONSTRAINT attempt_pkey;
ALTER TABLE attempt DROP COLUMN number;
ALTER TABLE attempt ADD PRIMARY KEY (job_id, step_index, id);
ALTER TABLE attempt SET (fillfactor = 80);
CREATE UNIQUE INDEX attempt_counted_once ON attempt (job_id, step_index) WHERE counted;

-- When anybody last looked at the agents' silence, by the database's clock: after a gap the silence was ours.
CREATE TABLE liveness (
  only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  looked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  grace_until  timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO liveness DEFAULT VALUES;
ALTER TABLE agent ADD COLUMN lost_at timestamptz;

-- What the request makes gets this id, whichever replica performs it: performed twice it is one thing.
ALTER TABLE idempotency ADD COLUMN made_id uuid;

-- What each checkpoint is made of, so that garbage collection knows its roots though it cannot read them.
CREATE TABLE checkpoint (
  name     text PRIMARY KEY,
  blobs    text[] NOT NULL,
  kept_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX attempt_checkpoint ON attempt (checkpoint) WHERE checkpoint IS NOT NULL;

-- When the row was last written, by the database's clock: later than now means that the clock went back.
ALTER TABLE duty ADD COLUMN written_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- For garbage collection, which asks of each blob whether anything needs it.
CREATE INDEX checkpoint_blobs ON checkpoint USING gin (blobs);
CREATE INDEX release_artifact ON release (artifact_digest);
CREATE INDEX artifact_digest ON artifact (digest);
CREATE INDEX run_source ON run (source);
CREATE INDEX blob_idle ON blob (renewed_at) WHERE doomed_at IS NULL;
CREATE INDEX blob_doomed ON blob (doomed_at) WHERE doomed_at IS NOT NULL;
