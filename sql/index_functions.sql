-- Indexes: options, statistics, prewarm, evict, check, and who may call them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

CREATE TABLE fruit (name text, weight int, note text) WITH (autovacuum_enabled = false);
INSERT INTO fruit SELECT 'fruit ' || g, g, 'n' || g FROM generate_series(1, 10000) g;

-- options
CREATE INDEX fruit_name ON fruit USING zipora (name)
	WITH (fillfactor = 50, access = one_writer, pool = lock_free, preset = memory);
CREATE INDEX fruit_bad ON fruit USING zipora (name) WITH (fillfactor = 5);
CREATE INDEX fruit_bad ON fruit USING zipora (name) WITH (access = read_only);
CREATE INDEX fruit_bad ON fruit USING zipora (name) WITH (pool = fixed);
CREATE INDEX fruit_bad ON fruit USING zipora (name) WITH (preset = large);
CREATE INDEX fruit_bad ON fruit USING zipora (name) WITH (buckets = 7);
CREATE INDEX fruit_weight ON fruit USING zipora (weight);
ALTER INDEX fruit_name SET (preset = balanced);
ALTER INDEX fruit_name RESET (fillfactor);

-- what it cannot do
CREATE UNIQUE INDEX fruit_bad ON fruit USING zipora (name);
CREATE INDEX fruit_bad ON fruit USING zipora ((ARRAY[weight]));
INSERT INTO fruit VALUES (repeat('x', 9000), 0);
CREATE TABLE long (k text);
INSERT INTO long SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g;
CREATE INDEX long_k ON long USING zipora (k);
TRUNCATE long;
CREATE INDEX long_k ON long USING zipora (k);
INSERT INTO long SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g;
INSERT INTO long SELECT string_agg(md5(g::text), '') FROM generate_series(1, 250) g;
SET enable_seqscan = off;
SELECT length(k) FROM long WHERE k ^@ 'c4ca4238a0b923820dcc509a6f75849bc81e728d9d4c2f636f067f89cc14862c';
RESET enable_seqscan;

-- statistics
SELECT index, "table", state, reason, entries, base_entries, dead_entries, generation, lag_pages,
	loads, evictions, scans, log_scans
FROM zipora_index_stats WHERE index = 'fruit_name'::regclass;
SET enable_seqscan = off;
SELECT weight FROM fruit WHERE name = 'fruit 77';
SELECT count(*) FROM fruit WHERE name ^@ 'fruit 19';
SELECT index, state, reason, entries, lag_pages, loads, evictions, scans, log_scans,
	bytes_per_key > 8 AS bytes_per_key, used_bytes <= reserved_bytes AS sizes, access, pool_level
FROM zipora_index_stats WHERE index = 'fruit_name'::regclass;

-- prewarm and evict
SELECT zipora_evict('fruit_name');
SELECT zipora_evict('fruit_name');
SELECT state, reason, entries, loads, evictions, scans
FROM zipora_index_stats WHERE index = 'fruit_name'::regclass;
SELECT zipora_prewarm('fruit_name');
SELECT state, reason, entries, loads, evictions, scans
FROM zipora_index_stats WHERE index = 'fruit_name'::regclass;
SELECT zipora_prewarm('fruit');
SELECT zipora_prewarm('pg_class_oid_index');
SELECT zipora_prewarm(NULL);
SELECT zipora_evict('fruit');

-- check
SELECT zipora_index_check('fruit_name');
SELECT zipora_index_check('fruit_name', true);
SELECT zipora_index_check('fruit', true);

-- removal and compaction
DELETE FROM fruit WHERE weight % 2 = 0;
VACUUM fruit;
SELECT count(*) FROM fruit WHERE name ^@ 'fruit 1';
SELECT index, state, base_entries, dead_entries, generation
FROM zipora_index_stats WHERE "table" = 'fruit'::regclass ORDER BY 1;
CLUSTER fruit USING fruit_weight;
SELECT zipora_index_check('fruit_name', true);
DELETE FROM fruit;
VACUUM fruit;
SELECT count(*) FROM fruit WHERE name ^@ 'fruit';
SELECT entries, base_entries, dead_entries
FROM zipora_index_stats WHERE index = 'fruit_name'::regclass;
SELECT zipora_index_check('fruit_name', true);

-- both ways of writing WAL
SHOW zipora.fast_wal;
SET zipora.fast_wal = off;
INSERT INTO fruit SELECT 'slow ' || g, g FROM generate_series(1, 500) g;
SET zipora.fast_wal = on;
INSERT INTO fruit SELECT 'fast ' || g, g FROM generate_series(1, 500) g;
SELECT count(*) FROM fruit WHERE name ^@ 'slow';
SELECT count(*) FROM fruit WHERE name ^@ 'fast';
SELECT zipora_index_check('fruit_name', true);

-- another role
CREATE ROLE regress_zipora_reader;
SET ROLE regress_zipora_reader;
SELECT zipora_prewarm('fruit_name');
SELECT zipora_evict('fruit_name');
SELECT zipora_index_check('fruit_name');
SET zipora.fast_wal = off;
RESET ROLE;
GRANT SELECT ON fruit TO regress_zipora_reader;
SET ROLE regress_zipora_reader;
SELECT zipora_prewarm('fruit_name');
SELECT zipora_evict('fruit_name');
RESET ROLE;
REVOKE ALL ON fruit FROM regress_zipora_reader;
DROP ROLE regress_zipora_reader;

-- a partitioned index has no pages of its own
CREATE TABLE parted (k int) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE INDEX parted_k ON parted USING zipora (k);
INSERT INTO parted SELECT generate_series(0, 99);
SELECT zipora_prewarm('parted_k');
SELECT zipora_prewarm('parted_1_k_idx');
SELECT zipora_index_check('parted_1_k_idx', true);
SELECT index, entries FROM zipora_index_stats WHERE "table" = 'parted_1'::regclass;

-- an included value that the table's row has compressed, and the index as it came
CREATE TABLE remark (k text, note text) WITH (autovacuum_enabled = false);
CREATE INDEX remark_k ON remark USING zipora (k) INCLUDE (note);
INSERT INTO remark SELECT 'k' || g % 3, repeat('remark ' || g, 300) FROM generate_series(1, 20) g;
SELECT pg_column_size(note) < length(note) AS compressed, count(*) FROM remark GROUP BY 1;
SELECT zipora_index_check('remark_k', true);
SELECT zipora_prewarm('remark_k');
SELECT zipora_index_check('remark_k', true);
REINDEX INDEX remark_k;
SELECT zipora_index_check('remark_k', true);

-- a row that is dead to all leaves the image when a scan for its key has found it so
CREATE TABLE gone (k int, note text) WITH (autovacuum_enabled = false);
INSERT INTO gone SELECT g, g FROM generate_series(1, 10) g;
CREATE INDEX gone_k ON gone USING zipora (k);
SELECT zipora_prewarm('gone_k');
DELETE FROM gone WHERE k = 5;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT note FROM gone WHERE k = 5;
SELECT note FROM gone WHERE k = 5;
SELECT entries, killed FROM zipora_index_stats WHERE index = 'gone_k'::regclass;
RESET enable_seqscan;
RESET enable_bitmapscan;

DROP TABLE fruit, gone, long, parted, remark;
