-- Logs in a part a day, so that old ones go as a table and leave no dead rows. Attempts' ids are UUIDv7, made when a
-- step begins, so a range of ids is a range of time. What is dated otherwise (a clock that is wrong) lies in log_chunk_rest.
-- minReader: 2
-- minWriter: 2

CREATE FUNCTION log_day_begins(day date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT rpad(lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

ALTER TABLE log_chunk RENAME TO log_chunk_before;
ALTER INDEX log_chunk_pkey RENAME TO log_chunk_before_pkey;
CREATE TABLE log_chunk (LIKE log_chunk_before INCLUDING DEFAULTS, PRIMARY KEY (attempt_id, start)) PARTITION BY RANGE (attempt_id);
CREATE TABLE log_chunk_rest PARTITION OF log_chunk DEFAULT;

DO $$
DECLARE
  tomorrow uuid := log_day_begins((clock_timestamp() AT TIME ZONE 'utc')::date + 1);
BEGIN
  INSERT INTO log_chunk_rest SELECT * FROM log_chunk_before WHERE attempt_id >= tomorrow;
  DELETE FROM log_chunk_before WHERE attempt_id >= tomorrow;
  EXECUTE format('ALTER TABLE log_chunk ATTACH PARTITION log_chunk_before FOR VALUES FROM (MINVALUE) TO (%L)', tomorrow);
END $$;
