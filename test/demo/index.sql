-- index.sql
--      A trie-backed index on the paths beside a btree: the same query by each, with its plan,
--      and the same million look-ups.
\pset footer off
\set QUIET on
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;
SET enable_bitmapscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;

-- A table that a crash does not empty; the btree is that of the comparison above.
ALTER TABLE paths SET LOGGED;
\echo
\echo == An index on the paths: CREATE INDEX ... USING zipora
\echo
\timing on
\echo btree:
CREATE INDEX paths_btree ON paths (key);
\echo zipora:
CREATE INDEX paths_zipora ON paths USING zipora (key text_c_ops);
\timing off
DROP INDEX paths_key;
VACUUM ANALYZE paths;
SELECT zipora_prewarm('paths_zipora') AS "entries in the image";
SELECT max(key) AS some_path FROM (SELECT key FROM paths ORDER BY id LIMIT 1000) AS few \gset

\echo == One path, by the btree
\echo
BEGIN;
DROP INDEX paths_zipora;
EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM paths WHERE key = :'some_path';
ROLLBACK;
\echo == by the zipora index
\echo
BEGIN;
DROP INDEX paths_btree;
EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM paths WHERE key = :'some_path';
\echo == and what begins with a prefix, in order
\echo
EXPLAIN (ANALYZE, COSTS OFF) SELECT key FROM paths WHERE key ^@ '/usr/share/doc/' ORDER BY key LIMIT 10;
ROLLBACK;

CREATE TEMP TABLE index_speed (method text, probes bigint, found bigint, seconds numeric);
DO $$
DECLARE
    other record;
    began timestamptz;
    best numeric;
    result bigint;
    plan json;
BEGIN
    FOR other IN SELECT * FROM (VALUES ('btree', 'paths_zipora', 'paths_btree'),
                                       ('zipora', 'paths_btree', 'paths_zipora')) AS v (method, hidden, used)
    LOOP
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = other.hidden::regclass;
        EXECUTE 'EXPLAIN (FORMAT json) SELECT count(p.id) FROM probe AS q JOIN paths AS p ON p.key = q.key' INTO plan;
        IF position(other.used IN plan::text) = 0 THEN
            RAISE EXCEPTION 'the plan does not use %', other.used;
        END IF;
        best := NULL;
        FOR repetition IN 1..3 LOOP
            began := clock_timestamp();
            EXECUTE 'SELECT count(p.id) FROM probe AS q JOIN paths AS p ON p.key = q.key' INTO result;
            best := least(best, extract(epoch FROM clock_timestamp() - began));
        END LOOP;
        UPDATE pg_index SET indisvalid = true WHERE indexrelid = other.hidden::regclass;
        INSERT INTO index_speed SELECT other.method, count(*), result, best FROM probe;
    END LOOP;
END
$$;
\echo == Every path looked up once, in random order, with its row
\echo
SELECT method, found, round(probes / seconds) AS "a second", round(seconds * 1e6 / probes, 2) AS "us each",
       round(seconds / (SELECT seconds FROM index_speed WHERE method = 'zipora'), 2) AS "time, zipora = 1"
FROM index_speed ORDER BY method;
SELECT pg_size_pretty(pg_relation_size('paths_btree')) AS "btree on disk",
       pg_size_pretty(pg_relation_size('paths_zipora')) AS "zipora on disk",
       pg_size_pretty(used_bytes) AS "its image in memory", round(bytes_per_key::numeric, 1) AS "bytes a key"
FROM zipora_index_stats WHERE index = 'paths_zipora'::regclass;
DO $$
BEGIN
    IF (SELECT count(DISTINCT s.found) FROM index_speed AS s) <> 1 THEN
        RAISE EXCEPTION 'the indexes do not agree on what is there';
    END IF;
END
$$;
DROP INDEX paths_btree;
CHECKPOINT;
