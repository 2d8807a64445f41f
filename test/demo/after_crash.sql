-- after_crash.sql
--      The index answers after a crash of the server: its first query loads its image from the log.
\pset footer off
\set QUIET on
SET max_parallel_workers_per_gather = 0;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

SELECT index, state, reason, entries FROM zipora_index_stats WHERE index = 'files_zipora'::regclass;
BEGIN; DROP INDEX files_btree;
EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM files WHERE path = '/made up 777';
EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM files WHERE path = '/made up 778';
ROLLBACK;
SELECT index, state, reason, entries, bytes_per_key FROM zipora_index_stats
WHERE index = 'files_zipora'::regclass;
SELECT zipora_index_check('files_zipora', true) AS "zipora_index_check: sound, and nothing is missing";
