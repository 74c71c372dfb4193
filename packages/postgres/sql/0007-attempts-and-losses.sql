-- Attempts go with their jobs by a trigger instead of a foreign key: whoever writes an attempt holds its job's row, and
-- looking the job up again for each one was a sixth of what a group of steps cost.
-- minReader: 2
-- minWriter: 2

ALTER TABLE attempt DROP CONSTRAINT attempt_job_id_fkey;

CREATE FUNCTION remove_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM attempt USING gone WHERE attempt.job_id = gone.id;
  RETURN NULL;
END $$;

CREATE TRIGGER attempts_go_too AFTER DELETE ON job REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION remove_attempts();

-- Requests that were cut off when instances were stopped in the wake of this rollout.
ALTER TABLE rollout ADD COLUMN lost_requests integer NOT NULL DEFAULT 0;
