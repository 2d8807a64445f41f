-- recovered.sql
--      After the server was killed: the index answers as before.  psql variables: after (rows that
--      were committed after the checkpoint).
\pset footer off
\set QUIET on
SET max_parallel_workers_per_gather = 0;
SET enable_bitmapscan = off;
SET enable_seqscan = off;
EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) SELECT count(*) FROM paths WHERE key ^@ '/after/the/checkpoint/';
SELECT state, reason, entries, loads, scans, log_scans FROM zipora_index_stats WHERE index = 'paths_zipora'::regclass;
SELECT zipora_index_check('paths_zipora', true);
