-- Pools of memory: blocks, levels, presets, statistics; and tries at every pool level.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

-- one block's life
SELECT zipora_pool_create('p', 'mutex');
SELECT zipora_pool_create('p');
SELECT zipora_pool_create('p', if_not_exists => true);
SELECT zipora_pool_alloc('p', 100) AS b \gset
SELECT length(zipora_pool_read('p', :b)), zipora_pool_read('p', :b, 0, 8);
SELECT zipora_pool_write('p', :b, 'hello'), zipora_pool_write('p', :b, ' world', 5);
SELECT convert_from(zipora_pool_read('p', :b, 0, 11), 'UTF8');
SELECT convert_from(zipora_pool_read('p', :b, 6, 5), 'UTF8');
SELECT length(zipora_pool_read('p', :b, 100)), length(zipora_pool_read('p', :b, 112)), length(zipora_pool_read('p', :b, 5, 0));
SELECT object, kind, level, preset, adaptive, used_bytes, blocks, allocations, frees FROM zipora_pool_stats WHERE kind = 'pool';

-- every session sees it
\c
SELECT convert_from(zipora_pool_read('p', :b, 0, 5), 'UTF8');

-- what is refused, and changes nothing
\set VERBOSITY terse
SELECT zipora_pool_alloc('p', 0);
SELECT zipora_pool_alloc('p', -1);
SELECT zipora_pool_alloc('p', 1::bigint << 40);
SELECT zipora_pool_read('p', 0);
SELECT zipora_pool_read('p', -5);
SELECT zipora_pool_read('p', 1::bigint << 33);
SELECT zipora_pool_read('p', 4711);
SELECT count(*) FROM generate_series(1, 300) i WHERE (SELECT zipora_pool_read('p', NULL)) IS NULL;
DO $$ BEGIN PERFORM zipora_pool_read('p', (SELECT max(r) FROM (SELECT zipora_pool_alloc('p', 100) + 1 AS r) s));
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'not a block'; END $$;
DO $$ BEGIN PERFORM zipora_pool_write('p', zipora_pool_alloc('p', 64), repeat('x', 65)::bytea);
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'too long'; END $$;
DO $$ BEGIN PERFORM zipora_pool_write('p', zipora_pool_alloc('p', 64), 'x', -1);
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'before its begin'; END $$;
DO $$ BEGIN PERFORM zipora_pool_read('p', zipora_pool_alloc('p', 64), 9223372036854775807, 1);
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'far beyond its end'; END $$;
DO $$ BEGIN PERFORM zipora_pool_read('p', zipora_pool_alloc('p', 64), 0, 65);
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'longer than it is'; END $$;
DO $$ BEGIN PERFORM zipora_pool_read('p', zipora_pool_alloc('p', 64), 0, -1);
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'no length'; END $$;
DO $$
DECLARE
	b bigint;
BEGIN
	SELECT zipora_pool_alloc('p', 64) INTO b;
	BEGIN PERFORM zipora_pool_free('p', b, 4096); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'wrong size'; END;
	BEGIN PERFORM zipora_pool_free('p', b, 0); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'no size'; END;
	BEGIN PERFORM zipora_pool_free('p', b, -64); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'negative size'; END;
	BEGIN PERFORM zipora_pool_free('p', b + 1, 64); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'inside a block'; END;
	PERFORM zipora_pool_free('p', b, 64);
	BEGIN PERFORM zipora_pool_free('p', b, 64); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'double free'; END;
	BEGIN PERFORM zipora_pool_write('p', b, 'x'); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'written after it was freed'; END;
	BEGIN PERFORM zipora_pool_read('p', b); EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'read after it was freed'; END;
END $$;
SELECT zipora_pool_create('q', 'lock_free');
SELECT zipora_pool_alloc('q', 100) AS other \gset
DO $$
BEGIN
	PERFORM zipora_pool_free('p', (SELECT zipora_pool_alloc('q', 100)), 100);
EXCEPTION WHEN invalid_parameter_value THEN
	RAISE NOTICE 'a block of another pool';
END $$;
SELECT failures, bad_frees FROM zipora_pool_stats WHERE object = 'p';
SELECT convert_from(zipora_pool_read('p', :b, 0, 5), 'UTF8');
SELECT zipora_pool_free('p', :b, 100);
SELECT zipora_pool_drop('q');
SELECT zipora_pool_alloc('q', 1);
SELECT zipora_pool_drop('q');
SELECT zipora_pool_drop('q', if_exists => true);
SELECT zipora_pool_drop('p');
SELECT zipora_pool_create('');
SELECT zipora_pool_create(NULL);
SELECT zipora_pool_create(repeat('n', 64));
SELECT zipora_pool_create('p', 'fast');
SELECT zipora_pool_create('p', preset => 'large');
SELECT zipora_pool_create('p', 'fixed');
SELECT zipora_pool_create('p', 'mutex', capacity => 1000);
SELECT zipora_pool_create('p', 'fixed', max_bytes => 1000);
SELECT zipora_pool_create('p', 'fixed', capacity => 1000, max_bytes => 1000);
SELECT zipora_pool_create('p', 'fixed', capacity => -1);
SELECT zipora_pool_create('p', 'fixed', capacity => 1::bigint << 40);
SELECT zipora_pool_create('p', max_bytes => 0);

-- a trie and a pool may have one name
SELECT zipora_create('same', 'bigint'), zipora_pool_create('same', 'lock_free');
SELECT zipora_insert('same', 'k', 1), zipora_pool_alloc('same', 10) > 0;
SELECT object, kind FROM zipora_pool_stats WHERE object = 'same' ORDER BY kind;
SELECT zipora_drop('same'), zipora_pool_drop('same');

-- every level: many blocks of many sizes, their contents, and the books
CREATE TABLE blocks (level text, n integer, size bigint, block bigint);
SELECT l, zipora_pool_create(l, l, capacity => CASE WHEN l = 'fixed' THEN 30000000 END)
FROM unnest(ARRAY['no_lock', 'mutex', 'lock_free', 'local_cache', 'fixed']) l;
INSERT INTO blocks SELECT l, n, s, zipora_pool_alloc(l, s)
FROM unnest(ARRAY['no_lock', 'mutex', 'lock_free', 'local_cache', 'fixed']) l,
	 LATERAL (SELECT n, (1 + n * n % 3000 + CASE WHEN n % 100 = 0 THEN 100000 ELSE 0 END)::bigint AS s FROM generate_series(1, 2000) n) s;
SELECT level, count(*), count(DISTINCT block) FROM blocks GROUP BY level ORDER BY level;
SELECT count(zipora_pool_write(level, block, decode(md5(level || n), 'hex'), greatest(size - 16, 0))) FROM blocks WHERE size >= 16;
SELECT count(*) FROM blocks WHERE size >= 16 AND zipora_pool_read(level, block, size - 16, 16) <> decode(md5(level || n), 'hex');
SELECT object, level, adaptive, blocks, large_blocks, allocations, frees, failures, bad_frees, used_bytes >= (SELECT sum(size) FROM blocks WHERE blocks.level = object) AS used, capacity
FROM zipora_pool_stats WHERE kind = 'pool' ORDER BY object;
SELECT count(zipora_pool_free(level, block, size)) FROM blocks WHERE n % 3 > 0;
SELECT count(*) FROM blocks WHERE n % 3 = 0 AND size >= 16 AND zipora_pool_read(level, block, size - 16, 16) <> decode(md5(level || n), 'hex');
SELECT count(zipora_pool_free(level, block, size)) FROM blocks WHERE n % 3 = 0;
SELECT object, blocks, large_blocks, used_bytes, allocations - frees AS out, cached_blocks > 0 AS cached, own_cached_blocks = cached_blocks AS own, cache_hit_rate > 0.5 AS hits, participants
FROM zipora_pool_stats WHERE kind = 'pool' ORDER BY object;

-- a session that ends gives back what it kept; no_lock was its own
\c
DO $$ BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXIT WHEN (SELECT sum(participants) FROM zipora_pool_stats WHERE kind = 'pool') = 0;
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT object, reserved_bytes = 0 AS nothing_left, cached_blocks, participants FROM zipora_pool_stats WHERE kind = 'pool' AND object <> 'fixed' ORDER BY object;
SELECT zipora_pool_alloc('no_lock', 10);

-- so does a transaction that fails
SELECT zipora_pool_alloc('local_cache', 50) AS b \gset
SELECT zipora_pool_free('local_cache', :b, 50);
SELECT cached_blocks > 0 AS cached FROM zipora_pool_stats WHERE object = 'local_cache';
DO $$ BEGIN PERFORM zipora_pool_free('local_cache', zipora_pool_alloc('local_cache', 50), 50); PERFORM 1 / 0; END $$;
SELECT cached_blocks, reserved_bytes FROM zipora_pool_stats WHERE object = 'local_cache';

-- counters begin anew
SELECT zipora_pool_stats_reset('local_cache');
SELECT allocations, frees, failures, bad_frees, contention, cache_hit_rate FROM zipora_pool_stats WHERE object = 'local_cache';
SELECT zipora_pool_stats_reset('nobody');
SELECT zipora_pool_stats_reset('local_cache', 'index');
SELECT count(zipora_pool_drop(object)) FROM zipora_pool_stats WHERE kind = 'pool';
DROP TABLE blocks;

-- fixed: exactly its capacity, never more
SELECT zipora_pool_create('f', 'fixed', capacity => 64000);
DO $$
DECLARE
	n integer := 0;
BEGIN
	LOOP
		PERFORM zipora_pool_alloc('f', 64);
		n := n + 1;
	END LOOP;
EXCEPTION WHEN configuration_limit_exceeded THEN
	RAISE NOTICE '% blocks of 64 bytes: %', n, SQLERRM;
END $$;
SELECT capacity, used_bytes, free_bytes, blocks, failures FROM zipora_pool_stats WHERE object = 'f';
SELECT zipora_pool_drop('f');
SELECT zipora_pool_create('r', preset => 'realtime');
SELECT level, preset, adaptive, capacity FROM zipora_pool_stats WHERE object = 'r';
SELECT zipora_pool_drop('r');

-- max_bytes bounds the others
SELECT zipora_pool_create('bounded', 'lock_free', max_bytes => 100000);
SELECT zipora_pool_alloc('bounded', 200000);
SELECT max_bytes, reserved_bytes, failures > 0 AS failures FROM zipora_pool_stats WHERE object = 'bounded';
SELECT zipora_pool_drop('bounded');

-- presets: alignment and the largest small block
SELECT p, zipora_pool_create(p, 'mutex', p) FROM unnest(ARRAY['balanced', 'performance', 'memory', 'realtime']) p;
SELECT count(zipora_pool_alloc(p, 1)) FROM unnest(ARRAY['balanced', 'performance', 'memory', 'realtime']) p;
SELECT count(zipora_pool_alloc(p, 20000)) FROM unnest(ARRAY['balanced', 'performance', 'memory', 'realtime']) p;
SELECT preset, used_bytes, large_blocks FROM zipora_pool_stats WHERE kind = 'pool' ORDER BY preset;
SELECT count(zipora_pool_drop(object)) FROM zipora_pool_stats WHERE kind = 'pool';

-- what auto begins with
SELECT cores, zipora_pool_choose_level(cores, 32768, 2000000) AS balanced, zipora_pool_choose_level(cores, 16384, 1000000) AS memory,
	   zipora_pool_choose_level(cores, 8192, 500000, 16000000) AS realtime, zipora_pool_choose_level(cores, 8192, 500000, shared => false) AS alone
FROM unnest(ARRAY[1, 2, 4, 5, 16, 17, 128]) cores;
SELECT zipora_pool_choose_level(0, 1, 1);
SELECT zipora_pool_choose_level(1, -1, 1);
SELECT zipora_pool_choose_level(NULL, 1, 1);
SELECT zipora_pool_create('auto'), zipora_pool_create('auto_8', 'auto', 'memory');
SELECT object, adaptive, raises, raised_at, raise_reason FROM zipora_pool_stats WHERE kind = 'pool' ORDER BY object;
SELECT zipora_pool_drop('auto'), zipora_pool_drop('auto_8');

-- another role's pool
SELECT zipora_pool_create('mine', 'mutex');
CREATE ROLE regress_zipora_pools;
SET ROLE regress_zipora_pools;
SELECT zipora_pool_alloc('mine', 10);
SELECT zipora_pool_drop('mine');
SELECT zipora_pool_stats_reset('mine');
SELECT object, kind, level, blocks FROM zipora_pool_stats;
SELECT zipora_pool_create('its own'), zipora_pool_alloc('its own', 10) > 0;
SELECT object, blocks FROM zipora_pool_stats WHERE object = 'its own';
SELECT zipora_pool_drop('its own');
RESET ROLE;
DROP ROLE regress_zipora_pools;
SELECT zipora_pool_drop('mine');

-- tries at every pool level and in every preset
CREATE FUNCTION pg_temp.use(level text, preset text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	right_ones integer;
	stats record;
BEGIN
	PERFORM zipora_create('t', 'text', pool_level => level, preset => preset, max_bytes => 8000000);
	FOR n IN 1 .. 3000 LOOP
		PERFORM zipora_insert('t', md5(n::text), repeat(n::text, n % 100));
	END LOOP;
	FOR n IN 1 .. 3000 LOOP
		IF n % 2 = 0 THEN PERFORM zipora_delete('t', md5(n::text)); END IF;
	END LOOP;
	SELECT count(*) INTO right_ones FROM generate_series(1, 3000) n
	WHERE zipora_lookup('t', md5(n::text)) IS NOT DISTINCT FROM CASE WHEN n % 2 = 1 THEN repeat(n::text, n % 100) END;
	PERFORM count(*) FROM zipora_check('t');
	SELECT * INTO stats FROM zipora_pool_stats WHERE object = 't';
	PERFORM count(zipora_delete('t', s.key)) FROM zipora_scan('t') s;
	PERFORM zipora_drop('t');
	RETURN right_ones || CASE WHEN level IN ('auto', stats.level) THEN ' right' ELSE ' at another level' END ||
		CASE WHEN stats.preset = preset THEN '' ELSE ', another preset' END ||
		CASE WHEN stats.failures + stats.bad_frees = 0 THEN '' ELSE ', with failures' END;
END $$;
SELECT l, p, pg_temp.use(l, p)
FROM unnest(ARRAY['auto', 'no_lock', 'mutex', 'lock_free', 'local_cache', 'fixed']) l,
	 unnest(ARRAY['balanced', 'performance', 'memory', 'realtime']) p;
SELECT count(*) FROM zipora_tries;

-- a trie of fixed size: full, then keys can be deleted, then there is room again
SELECT zipora_create('full', 'text', pool_level => 'fixed', max_bytes => 500000);
CREATE FUNCTION pg_temp.fill() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN 1 .. 100000 LOOP
		PERFORM zipora_insert('full', 'key ' || n, repeat('v', 100));
	END LOOP;
	RETURN 'never full';
EXCEPTION WHEN configuration_limit_exceeded THEN
	RETURN SQLERRM;
END $$;
SELECT pg_temp.fill();
SELECT max_bytes, keys BETWEEN 1000 AND 3500 AS keys FROM zipora_tries;
SELECT count(*) FROM zipora_scan('full') s WHERE NOT zipora_delete('full', s.key);
SELECT zipora_count('full'), zipora_insert('full', 'again', repeat('v', 100));
SELECT zipora_drop('full');
SELECT zipora_create('none', pool_level => 'fixed');
SELECT count(*) FROM zipora_pool_stats WHERE kind <> 'system';
