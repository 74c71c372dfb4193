-- A job that was begun at a step of another run (`run rerun --from`) needs that run's checkpoint though no attempt of its own names
-- it: garbage collection asks the jobs, too.
-- minReader: 2
-- minWriter: 2

CREATE INDEX job_checkpoint ON job (checkpoint) WHERE checkpoint IS NOT NULL AND ended_at IS NULL;
