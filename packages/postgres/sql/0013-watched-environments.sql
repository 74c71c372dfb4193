-- When an environment was looked at last, and since when without a gap: how long a router has been silent is counted from there, because
-- while nobody looked nobody could hear it either.
-- minReader: 2
-- minWriter: 2

ALTER TABLE environment ADD COLUMN looked_at timestamptz, ADD COLUMN watched_since timestamptz;
