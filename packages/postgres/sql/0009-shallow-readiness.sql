-- What an instance's readiness says of it: a plain 200 is believed and called shallow; null: it was not ready yet, or its agent is older.
-- minReader: 2
-- minWriter: 2

ALTER TABLE instance ADD COLUMN shallow boolean;
