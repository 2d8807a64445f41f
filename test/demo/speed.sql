-- speed.sql
--      The same lookups in the trie and in a btree, one after the other in one session,
--      then what the tries take.  All pages are in shared_buffers; best of three runs.
\pset footer off
\set QUIET on
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;

-- Every path once, in an order that is neither the trie's, nor the table's.
CREATE UNLOGGED TABLE probe AS SELECT key, id FROM paths ORDER BY hashtext(key);
CREATE UNIQUE INDEX paths_key ON paths (key) INCLUDE (id);
VACUUM ANALYZE paths, probe;

-- Only the plan that each query is to show.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
SET enable_bitmapscan = off;

CREATE TEMP TABLE speed (number int, what text, query text, settings text,
                         hits bigint, seconds numeric);
INSERT INTO speed VALUES
    (1, 'scan and length(key): no lookup', 'SELECT count(length(key)) FROM probe', 'on'),
    (2, 'trie: zipora_lookup_bigint',
     'SELECT count(zipora_lookup_bigint(''paths'', key)) FROM probe', 'on'),
    (3, 'btree and row: nested loop',
     'SELECT count(p.id) FROM probe AS q JOIN paths AS p ON p.key = q.key', 'off'),
    (4, 'btree alone: nested loop, index-only',
     'SELECT count(p.id) FROM probe AS q JOIN paths AS p ON p.key = q.key', 'on'),
    (5, 'trie: keys that are not there',
     'SELECT count(zipora_lookup_bigint(''paths'', key || ''~'')) FROM probe', 'on');

DO $$
DECLARE
    measured record;
    began timestamptz;
    best numeric;
    result bigint;
BEGIN
    FOR measured IN SELECT * FROM speed ORDER BY number LOOP
        PERFORM set_config('enable_indexonlyscan', measured.settings, false);
        best := NULL;
        FOR repetition IN 1..3 LOOP
            began := clock_timestamp();
            EXECUTE measured.query INTO result;
            best := least(best, extract(epoch FROM clock_timestamp() - began));
        END LOOP;
        UPDATE speed SET hits = result, seconds = best WHERE number = measured.number;
    END LOOP;
END
$$;

\echo
\echo == How fast: each path looked up once, in random order, one session
\echo
SELECT what, hits AS found, round(probes / seconds) AS "a second",
       round(seconds * 1e6 / probes, 2) AS "us each",
       round(seconds / trie_seconds, 2) AS "time, trie = 1"
FROM speed,
     (SELECT seconds AS trie_seconds FROM speed WHERE number = 2) AS trie,
     (SELECT count(*) AS probes FROM probe) AS input
ORDER BY number;

DO $$
BEGIN
    IF (SELECT count(DISTINCT hits) FROM speed WHERE number <= 4) <> 1
        OR (SELECT hits FROM speed WHERE number = 5) <> 0
    THEN
        RAISE EXCEPTION 'the lookups do not agree on what is there';
    END IF;
END
$$;

\echo == What they take
\echo
SELECT trie, keys, pg_size_pretty(used_bytes) AS used, pg_size_pretty(reserved_bytes) AS reserved,
       round(bytes_per_key::numeric, 1) AS "bytes a key"
FROM zipora_tries ORDER BY trie;
SELECT pg_size_pretty(pg_relation_size('paths_key')) AS "btree on the paths",
       round(pg_relation_size('paths_key') / count(*)::numeric, 1) AS "bytes a key"
FROM paths;

\pset expanded on
\echo == Memory (zipora_memory)
\echo
SELECT * FROM zipora_memory;
\echo == Pools (zipora_pool_stats)
\echo
SELECT * FROM zipora_pool_stats;
