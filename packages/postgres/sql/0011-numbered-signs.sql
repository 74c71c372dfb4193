-- The latest sign of life that counted, and its session's: what a network or a controller that stood still delivers late is older, and says
-- nothing of now.
-- minReader: 2
-- minWriter: 2

ALTER TABLE agent ADD COLUMN sign bigint NOT NULL DEFAULT 0, ADD COLUMN sign_session uuid;
