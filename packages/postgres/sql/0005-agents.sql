-- Agents say why they take nothing new: a disk that is nearly full.
-- minReader: 2
-- minWriter: 2

ALTER TABLE agent ADD COLUMN holds_back text;
