-- Tokens and access levels: what one session sees, errors, rights.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;
\set VERBOSITY default

-- ---- levels --------------------------------------------------------------------

SELECT zipora_create('levels', 'bigint', access => 'one_writer');
SELECT zipora_insert('levels', 'a', 1::bigint);
SELECT access FROM zipora_tries WHERE trie = 'levels';
SELECT zipora_set_access('levels', 'read_only');
SELECT zipora_lookup_bigint('levels', 'a'), zipora_contains('levels', 'b');
SELECT zipora_insert('levels', 'b', 2::bigint);
SELECT zipora_upsert('levels', 'a', 2::bigint);
SELECT zipora_delete('levels', 'a');
SELECT zipora_increment('levels', 'a');
SELECT zipora_load('levels', 'SELECT ''x''::text, 1');
SELECT zipora_writer_token('levels');
SELECT zipora_set_access('levels', 'single_strict');
SELECT zipora_insert('levels', 'b', 2::bigint), zipora_lookup_bigint('levels', 'b');
SELECT owner_process = pg_backend_pid() AS mine FROM zipora_token_stats WHERE trie = 'levels';
SELECT * FROM zipora_scan('levels');
SELECT zipora_set_access('levels', 'single_shared');
SELECT zipora_increment('levels', 'b', 5), zipora_delete('levels', 'a');
SELECT zipora_set_access('levels', 'multi_writer', nowait => true);
SELECT zipora_insert('levels', 'c', 3::bigint);
SELECT owner_process FROM zipora_token_stats WHERE trie = 'levels';
-- A level that is there already.
SELECT zipora_set_access('levels', 'multi_writer');
SELECT zipora_set_access('levels', 'exclusive');
SELECT zipora_set_access('levels', NULL);
SELECT zipora_set_access(NULL, 'read_only');
SELECT zipora_set_access('no such trie', 'read_only');
SELECT zipora_create('levels2', access => 'whatever');
SELECT * FROM zipora_check('levels') LIMIT 1;

-- ---- tokens --------------------------------------------------------------------

SELECT zipora_create('other', 'none');
BEGIN;
SELECT zipora_reader_token('levels') AS reader \gset
SELECT zipora_writer_token('levels') AS writer \gset
SELECT zipora_writer_token('other', nowait => true) AS other \gset
SELECT zipora_token_valid(:'reader'), zipora_token_valid(:'writer');
SELECT zipora_lookup_bigint('levels', 'b', :'reader'), zipora_lookup('levels', 'b', :'writer'),
	zipora_contains('levels', 'b', :'reader');
SELECT zipora_insert('levels', 'd', 4::bigint, :'writer'), zipora_upsert('levels', 'd', 5::bigint, :'writer'),
	zipora_increment('levels', 'd', 1, :'writer'), zipora_delete('levels', 'c', :'writer');
SELECT zipora_insert('other', 'k', :'other'::zipora_token), zipora_upsert('other', 'k', :'other'::zipora_token),
	zipora_contains('other', 'k'::bytea, :'other'), zipora_delete('other', 'k'::bytea, :'other');
-- Operations without a token go on beside them.
SELECT zipora_insert('levels', 'e', 4::bigint), zipora_lookup_bigint('levels', 'e');
SELECT trie, process = pg_backend_pid() AS mine, kind, tokens, since <= clock_timestamp() AS since,
	version > 0 AS version
FROM zipora_tokens WHERE trie IN ('levels', 'other') ORDER BY trie, kind;
SAVEPOINT s;
SELECT zipora_insert('levels', 'f', 1::bigint, NULL::zipora_token);
ROLLBACK TO s;
SELECT zipora_lookup('levels', 'b', NULL::zipora_token);
ROLLBACK TO s;
SELECT zipora_lookup('levels', NULL::text, :'reader') IS NULL AS null_key;
-- (A token's number is not for expected output.)
\set VERBOSITY sqlstate
SELECT zipora_insert('levels', 'f', 1::bigint, :'reader');
ROLLBACK TO s;
SELECT zipora_lookup('levels', 'b', :'other');
ROLLBACK TO s;
SELECT zipora_lookup('levels', 'b', '1.1');
ROLLBACK TO s;
SELECT zipora_release_token('1.1');
ROLLBACK TO s;
SELECT zipora_set_access('levels', 'read_only');
ROLLBACK TO s;
SELECT zipora_drop('levels');
ROLLBACK TO s;
\set VERBOSITY default
SELECT zipora_set_access('levels', 'read_only');
ROLLBACK TO s;
SELECT zipora_drop('levels');
ROLLBACK TO s;
SELECT zipora_lookup('levels', 'b', '1.1');
ROLLBACK TO s;
SELECT zipora_release_token(:'reader');
SELECT zipora_token_valid(:'reader'), zipora_token_valid(:'writer'), zipora_token_valid('1.1');
\set VERBOSITY sqlstate
SELECT zipora_lookup('levels', 'b', :'reader');
ROLLBACK TO s;
SELECT zipora_release_token(:'reader');
\set VERBOSITY default
ROLLBACK TO s;
SELECT zipora_release_token(NULL);
ROLLBACK;
SELECT zipora_token_valid(:'writer'), zipora_token_valid(:'other');
SELECT count(*) FROM zipora_tokens;

-- Outside a transaction block a token lives as long as its statement.
SELECT zipora_token_valid(zipora_reader_token('levels'));
SELECT count(*) FROM zipora_tokens;

-- Text forms.
SELECT '12.7'::zipora_token;
SELECT '12'::zipora_token;
SELECT '12.x'::zipora_token;
SELECT '99999999999.1'::zipora_token;
SELECT zipora_reader_token(NULL);
SELECT zipora_writer_token('levels', NULL);
SELECT zipora_reader_token('no such trie');

-- ---- subtransactions -----------------------------------------------------------

BEGIN;
SAVEPOINT outer_one;
SELECT zipora_reader_token('levels') AS kept \gset
SAVEPOINT inner_one;
SELECT zipora_reader_token('levels') AS inner \gset
RELEASE inner_one;
SELECT zipora_token_valid(:'kept'), zipora_token_valid(:'inner');
SAVEPOINT inner_two;
SELECT zipora_writer_token('levels') AS undone \gset
ROLLBACK TO inner_two;
SELECT zipora_token_valid(:'kept'), zipora_token_valid(:'inner'), zipora_token_valid(:'undone');
-- What a subtransaction passed on can be released, with its lock.
SELECT zipora_release_token(:'inner');
SELECT count(*), min(mode) FROM pg_locks
WHERE locktype = 'userlock' AND pid = pg_backend_pid();
ROLLBACK TO outer_one;
SELECT zipora_token_valid(:'kept');
SELECT count(*) FROM pg_locks WHERE locktype = 'userlock' AND pid = pg_backend_pid();
COMMIT;
DO $$
DECLARE
	token zipora_token;
BEGIN
	BEGIN
		token := zipora_writer_token('levels');
		PERFORM zipora_insert('levels', 'plpgsql', 1::bigint, token);
		RAISE 'undo';
	EXCEPTION WHEN raise_exception THEN
		RAISE NOTICE 'valid: %', zipora_token_valid(token);
	END;
	token := zipora_writer_token('levels');
	RAISE NOTICE 'valid: %', zipora_token_valid(token);
END $$;

-- ---- what a token holds back ---------------------------------------------------

SELECT zipora_create('pinned', 'text');
SELECT count(zipora_insert('pinned', 'k' || i, repeat('x', 100))) FROM generate_series(1, 1000) i;
BEGIN;
SELECT zipora_reader_token('pinned') AS pin \gset
SELECT count(zipora_upsert('pinned', 'k' || i, repeat('y', 100))) FROM generate_series(1, 1000) i;
SELECT pending_frees >= 1000 AS held_back FROM zipora_tries WHERE trie = 'pinned';
SELECT held_back_blocks >= 1000 AS blocks, held_back_bytes >= 100000 AS bytes
FROM zipora_tokens WHERE trie = 'pinned';
SELECT pending >= 1000 AS pending, oldest_version < version AS older FROM zipora_token_stats
WHERE trie = 'pinned';
SELECT zipora_release_token(:'pin');
SELECT pending FROM zipora_token_stats WHERE trie = 'pinned';
COMMIT;

-- Untyped literals are text.
BEGIN;
SELECT zipora_writer_token('pinned') AS token \gset
SELECT zipora_insert('pinned', 'literal', 'A', :'token'), zipora_upsert('pinned', 'literal', 'B', :'token'),
	zipora_lookup('pinned', 'literal', :'token'), zipora_delete('pinned', 'literal', :'token');
SELECT zipora_insert('pinned', 'literal', '{}'::jsonb, :'token');
COMMIT;

-- ---- freezing ------------------------------------------------------------------

SELECT count(zipora_upsert('pinned', 'z' || i * 7919 % 50000, repeat('z', i % 50))) FROM generate_series(1, 50000) i;
SELECT count(zipora_delete('pinned', 'z' || i * 7919 % 50000)) FROM generate_series(1, 20000) i;
SELECT count(*) AS keys, md5(string_agg(key || value, ',' ORDER BY key COLLATE "C")) AS content FROM zipora_scan('pinned') \gset
SELECT nodes > 0 AS nodes, rewritten > 0 AS rewritten, used_bytes_after < used_bytes_before AS used,
	reserved_bytes_after < reserved_bytes_before AS reserved
FROM zipora_freeze('pinned');
SELECT count(*) = :keys AS keys, md5(string_agg(key || value, ',' ORDER BY key COLLATE "C")) = :'content' AS content
FROM zipora_scan('pinned');
SELECT zipora_insert('pinned', 'new', 'x');
SELECT rewritten FROM zipora_freeze('pinned');
SELECT pending FROM zipora_token_stats WHERE trie = 'pinned';
SELECT count(*) > 0 AS sound FROM zipora_check('pinned');
SELECT zipora_set_access('pinned', 'multi_writer');
SELECT zipora_insert('pinned', 'new', 'x');
SELECT zipora_freeze(NULL);
SELECT zipora_freeze('no such trie');

-- Every level to every other, with all that a session does in between.
DO $$
DECLARE
	levels text[] := '{read_only,single_strict,single_shared,one_writer,multi_writer}';
	a text;
	b text;
	sum bigint := 0;
	before text;
BEGIN
	PERFORM zipora_create('pairs', 'bigint');
	PERFORM zipora_insert('pairs', 'n', 0::bigint);
	FOREACH a IN ARRAY levels LOOP
		FOREACH b IN ARRAY levels LOOP
			PERFORM zipora_set_access('pairs', a);
			before := zipora_set_access('pairs', b);
			IF before <> a THEN
				RAISE 'from % instead of %', before, a;
			END IF;
			BEGIN
				PERFORM zipora_increment('pairs', 'n', 1);
				sum := sum + 1;
			EXCEPTION WHEN object_not_in_prerequisite_state THEN
				IF b <> 'read_only' THEN
					RAISE;
				END IF;
			END;
			IF zipora_lookup_bigint('pairs', 'n') <> sum THEN
				RAISE 'lost at % after %', b, a;
			END IF;
		END LOOP;
	END LOOP;
	RAISE NOTICE 'increments: %', sum;
END $$;

-- ---- statistics ----------------------------------------------------------------

SELECT zipora_create('counted', 'bigint');
SELECT zipora_token_stats_reset('counted');
SELECT count(zipora_increment('counted', 'n')) FROM generate_series(1, 10000);
SELECT acquired = 10000 AS acquired, misses, hit_rate > 0.999 AS hit_rate, invalidations, waits, in_use,
	stats_reset <= clock_timestamp() AS stats_reset
FROM zipora_token_stats WHERE trie = 'counted';
SELECT zipora_set_access('counted', 'one_writer');
SELECT zipora_increment('counted', 'n');
SELECT misses, invalidations FROM zipora_token_stats WHERE trie = 'counted';
SELECT zipora_token_stats_reset('counted');
SELECT acquired, hits, misses, hit_rate, invalidations FROM zipora_token_stats WHERE trie = 'counted';
-- Without token work: nothing is counted but the first of each transaction.
SELECT zipora_set_access('counted', 'single_strict');
SELECT count(zipora_increment('counted', 'n')) FROM generate_series(1, 10000);
SELECT acquired < 10 AS few FROM zipora_token_stats WHERE trie = 'counted';
SELECT zipora_set_access('counted', 'read_only');
SELECT count(zipora_lookup_bigint('counted', 'n')) FROM generate_series(1, 10000);
SELECT acquired < 20 AS few FROM zipora_token_stats WHERE trie = 'counted';

-- ---- rights --------------------------------------------------------------------

CREATE ROLE regress_zipora_reader;
CREATE ROLE regress_zipora_stranger;
SELECT zipora_grant('levels', 'regress_zipora_reader', 'read');
SET ROLE regress_zipora_reader;
SELECT zipora_token_valid(zipora_reader_token('levels'));
SELECT zipora_writer_token('levels');
SELECT zipora_set_access('levels', 'read_only');
SELECT zipora_freeze('levels');
SELECT zipora_token_stats_reset('levels');
SELECT trie, access, acquired IS NULL AS hidden FROM zipora_token_stats
WHERE trie IN ('levels', 'other') ORDER BY trie;
SET ROLE regress_zipora_stranger;
SELECT zipora_reader_token('levels');
RESET ROLE;
SELECT zipora_revoke('levels', 'regress_zipora_reader', 'read');
DROP ROLE regress_zipora_reader, regress_zipora_stranger;

SELECT zipora_drop(trie) FROM zipora_tries
WHERE trie IN ('levels', 'other', 'pinned', 'pairs', 'counted') ORDER BY trie;
