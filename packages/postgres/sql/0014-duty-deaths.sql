-- How often in a row whoever worked on a duty never came back: what ends its controller would end the next one, too.
-- minReader: 2
-- minWriter: 2

ALTER TABLE duty ADD COLUMN deaths integer NOT NULL DEFAULT 0;
