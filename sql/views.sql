-- The views and their figures.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

-- the library comes with the first call; then its parameter is known
SELECT * FROM zipora_tries;
SHOW zipora.memory_limit;
SET zipora.memory_limit = '1GB';
SET zipora.no_such_parameter = 1;
\d zipora_tries
\d zipora_memory
\d zipora_pool_stats

SELECT zipora_create('v', 'bigint', max_bytes => 100000000);
SELECT zipora_load('v', 'SELECT md5(n::text), n FROM generate_series(1, 20000) n');
SELECT trie, owner = current_user AS mine, value_type, access, pool_level, preset, keys,
	   used_bytes > 20000 * 16 AS used, reserved_bytes >= used_bytes AS reserved, max_bytes,
	   round(bytes_per_key::numeric - used_bytes / keys, 0) IN (0, 1) AS per_key, pending_frees,
	   created BETWEEN now() - interval '1 hour' AND clock_timestamp() AS created
FROM zipora_tries;
SELECT memory_limit, reserved_bytes >= used_bytes AS reserved, tries >= 1 AS tries,
	   used_bytes = tries_bytes + pools_bytes + indexes_bytes + other_bytes AS adds_up, segments > 0 AS segments, mapped_bytes > 0 AS mapped,
	   growths >= decommits AS growths, failures >= 0 AS failures, largest_free_bytes >= 0 AS free
FROM zipora_memory;
SELECT object, kind, preset, adaptive, max_bytes, capacity, reserved_bytes >= used_bytes + free_bytes AS sizes,
	   utilisation BETWEEN 0 AND 1 AS utilisation, fragmentation BETWEEN 0 AND 1 AS fragmentation,
	   chunks > 0 AS chunks, blocks > 0 AS blocks, large_blocks, allocations - frees = blocks AS adds_up,
	   failures, bad_frees, sleeps >= 0 AS sleeps
FROM zipora_pool_stats WHERE object = 'v';
SELECT object FROM zipora_pool_stats ORDER BY object COLLATE "C";
SELECT t.used_bytes = p.used_bytes FROM zipora_tries t JOIN zipora_pool_stats p ON p.object = t.trie;

-- dropping gives all of it back
CREATE TEMP TABLE full_memory AS SELECT tries_bytes, used_bytes FROM zipora_memory;
SELECT zipora_drop('v');
SELECT f.tries_bytes - m.tries_bytes >= 20000 * 16 AS given_back, f.used_bytes > m.used_bytes AS less_used
FROM full_memory f, zipora_memory m;

-- the library can be relocated with its extension
CREATE SCHEMA elsewhere;
ALTER EXTENSION zipora SET SCHEMA elsewhere;
SELECT elsewhere.zipora_create('r'), elsewhere.zipora_insert('r', 'k', 'v'), elsewhere.zipora_drop('r');
SELECT count(*) FROM elsewhere.zipora_tries;
ALTER EXTENSION zipora SET SCHEMA public;
DROP SCHEMA elsewhere;

-- tries are no part of the extension: they stay when it is dropped and created anew
SELECT zipora_create('stays', 'bigint'), zipora_insert('stays', 'k', 1);
DROP EXTENSION zipora;
CREATE EXTENSION zipora;
SELECT zipora_lookup('stays', 'k'), zipora_drop('stays');

-- parallel workers read
SELECT zipora_create('p', 'bigint');
CREATE TABLE parallel_source AS SELECT n, md5(n::text) AS k FROM generate_series(1, 20000) n;
ANALYZE parallel_source;
SELECT zipora_load('p', 'SELECT k, n FROM parallel_source');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT sum(zipora_lookup_bigint('p', k)) FROM parallel_source;
SELECT sum(zipora_lookup_bigint('p', k)) FROM parallel_source;
SELECT count(*) FILTER (WHERE zipora_delete('p', k)) FROM parallel_source;
DROP TABLE parallel_source;
SELECT zipora_drop('p');
