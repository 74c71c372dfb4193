-- An agent's leases are read from when its oldest one was granted: a transaction that is held open elsewhere keeps the
-- rows of every job that it ever had.
-- minReader: 2
-- minWriter: 2

CREATE INDEX job_leased_since ON job (agent_id, granted_at) WHERE agent_id IS NOT NULL AND ended_at IS NULL;
DROP INDEX job_leased;
