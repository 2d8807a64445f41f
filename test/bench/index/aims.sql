-- What is aimed at with 5 M keys.
-- psql variables: keys; rows in d; left, those in the last w at the restart
INSERT INTO aim (keys, work, against, at_least, at_most)
SELECT :'keys', work, against, at_least, at_most
FROM (VALUES
	('point, hit, with the row', 'btree', 3.0, NULL),
	('point, hit, with the row', 'hash', 1.7, NULL),
	('point, hit, with the row', 'no index', NULL, 1.4),
	('point, miss', 'btree', 4, NULL),
	('point, miss', 'hash', 2, NULL),
	('point, hit, index only', 'btree', 4, NULL),
	('prefix, about 1, index only', 'btree', 2, NULL),
	('prefix, about 100, index only', 'btree', 2, NULL),
	('prefix, about 10000, index only', 'btree', 2, NULL),
	('next 100 in order, index only', 'btree', 1.5, NULL),
	('all in order, index only, per key', 'btree', 1, NULL),
	('CREATE INDEX', 'btree', 2, NULL),
	('bytes a key, on disk', 'btree', 2, NULL),
	('bytes a key, in memory', 'btree', 2, NULL),
	('point SELECT, 2 sessions (pgbench)', 'btree', 1.15, NULL),
	('inserts, 1 session', 'btree', 3, NULL),
	('inserts, 1 session', 'hash', 1.5, NULL),
	('inserts, 2 sessions', 'btree', 3, NULL),
	('inserts, 2 sessions', 'hash', 1.5, NULL),
	('WAL of an insert, after a checkpoint', 'btree', 3, NULL),
	('VACUUM after DELETE of a fifth', 'btree', 1, NULL),
	-- 5 M keys in 2 seconds
	('first query after a restart', NULL, NULL, 2.0 * :rows / 5000000),
	('first query after a restart, after all this', NULL, NULL, 2.0 * :left / 5000000)) AS a (work, against, at_least, at_most)
WHERE :'keys' = 'paths' OR work NOT LIKE 'prefix, %' AND work NOT LIKE 'bytes a key%';
