-- index.sql
--      The paths in a logged table with a btree and a zipora index, one beside the other.
\pset footer off
\set QUIET on
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;

CREATE TABLE files (path text COLLATE "C", id bigint);
INSERT INTO files SELECT key, id FROM paths;
SELECT clock_timestamp() AS begun \gset
CREATE INDEX files_btree ON files (path);
SELECT clock_timestamp() AS between \gset
CREATE INDEX files_zipora ON files USING zipora (path text_c_ops);
SELECT clock_timestamp() AS ended \gset
VACUUM ANALYZE files;
-- Its image is loaded by the first query; here it has been loaded before.
SELECT zipora_prewarm('files_zipora') AS loaded \gset

SELECT 'btree' AS index, round(extract(epoch FROM :'between'::timestamptz - :'begun'), 2) AS "CREATE INDEX, s",
       pg_size_pretty(pg_relation_size('files_btree')) AS "on disk", NULL AS "in memory"
UNION ALL
SELECT 'zipora', round(extract(epoch FROM :'ended'::timestamptz - :'between'), 2),
       pg_size_pretty(pg_relation_size('files_zipora')), pg_size_pretty(reserved_bytes)
FROM zipora_index_stats WHERE index = 'files_zipora'::regclass;

-- The plans are those that the planner prefers, with one of the two indexes gone for the moment.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
SET enable_bitmapscan = off;

\echo == 50000 paths in random order, looked up by the btree, then by zipora
\echo
CREATE TEMP TABLE asked AS SELECT key AS path FROM probe LIMIT 50000;
ANALYZE asked;
-- once unseen, so that neither pays for the pages
SELECT count(f.id) FROM asked AS a JOIN files AS f USING (path) \g /dev/null
BEGIN; DROP INDEX files_zipora;
EXPLAIN (ANALYZE, COSTS OFF) SELECT count(f.id) FROM asked AS a JOIN files AS f USING (path);
ROLLBACK;
BEGIN; DROP INDEX files_btree;
EXPLAIN (ANALYZE, COSTS OFF) SELECT count(f.id) FROM asked AS a JOIN files AS f USING (path);
ROLLBACK;

\echo == The first ten below a folder, in order
\echo
BEGIN; DROP INDEX files_zipora;
EXPLAIN (ANALYZE, COSTS OFF) SELECT path FROM files WHERE path ^@ '/usr/share/doc/a' ORDER BY path LIMIT 10;
ROLLBACK;
BEGIN; DROP INDEX files_btree;
EXPLAIN (ANALYZE, COSTS OFF) SELECT path FROM files WHERE path ^@ '/usr/share/doc/a' ORDER BY path LIMIT 10;
ROLLBACK;

\echo == The longest path that a made-up one begins with: no btree can do that
\echo
SELECT path || '/and/more' AS asked FROM asked LIMIT 1 \gset
EXPLAIN (ANALYZE, COSTS OFF)
SELECT path FROM files WHERE path @^ :'asked' ORDER BY path DESC LIMIT 1;
SELECT path FROM files WHERE path @^ :'asked' ORDER BY path DESC LIMIT 1;
