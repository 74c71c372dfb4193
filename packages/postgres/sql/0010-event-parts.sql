-- Events in parts by their place, so that old ones go as a table and leave no dead rows. What has no place yet, and what no part
-- was made for in time, lies in event_rest.
-- minReader: 2
-- minWriter: 2

ALTER TABLE event RENAME TO event_before;
ALTER TABLE event_before RENAME CONSTRAINT event_pkey TO event_before_pkey;
ALTER TABLE event_before RENAME CONSTRAINT event_position_key TO event_before_position_key;
ALTER SEQUENCE event_id_seq OWNED BY NONE;
CREATE TABLE event (LIKE event_before INCLUDING DEFAULTS, UNIQUE (position)) PARTITION BY RANGE (position);
ALTER SEQUENCE event_id_seq OWNED BY event.id;
CREATE TABLE event_rest PARTITION OF event DEFAULT;

DROP INDEX event_unplaced;
CREATE INDEX event_unplaced ON event_rest (id) WHERE position IS NULL;

DO $$
DECLARE
  ends bigint := (SELECT (coalesce(max(position), 0) / 250000 + 1) * 250000 FROM event_before);
BEGIN
  INSERT INTO event_rest SELECT * FROM event_before WHERE position IS NULL;
  DELETE FROM event_before WHERE position IS NULL;
  EXECUTE format('ALTER TABLE event ATTACH PARTITION event_before FOR VALUES FROM (MINVALUE) TO (%s)', ends);
END $$;
