-- Tries are memory: immediate, not transactional; and what an error leaves behind.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

SELECT zipora_create('m', 'bigint');

-- a rollback undoes nothing
BEGIN;
SELECT zipora_insert('m', 'rolled back', 1);
ROLLBACK;
SELECT zipora_lookup_bigint('m', 'rolled back');
BEGIN;
SELECT zipora_create('in transaction');
ROLLBACK;
SELECT zipora_drop('in transaction');
BEGIN;
SAVEPOINT s;
SELECT zipora_upsert('m', 'rolled back', 2);
ROLLBACK TO s;
SELECT zipora_lookup_bigint('m', 'rolled back');
COMMIT;

-- an error in the middle of a statement leaves what was done before it
SELECT zipora_insert('m', 'row ' || n, 100 / (50 - n)) FROM generate_series(1, 100) n;
SELECT count(*) FROM zipora_prefix('m', 'row ');
SELECT line FROM zipora_check('m') line WHERE line LIKE 'keys%';

-- in a read-only transaction they can be written: they are no part of the database
BEGIN READ ONLY;
SELECT zipora_upsert('m', 'read only', 1);
COMMIT;

-- a name that is dropped and used again is found anew, also by a statement that is prepared
PREPARE look(text) AS SELECT zipora_lookup('m', $1);
SET plan_cache_mode = force_generic_plan;
EXECUTE look('read only');
SELECT zipora_drop('m');
EXECUTE look('read only');
SELECT zipora_create('m', 'text');
EXECUTE look('read only');
SELECT zipora_insert('m', 'read only', 'another');
EXECUTE look('read only');

-- within one statement
DO $$
DECLARE
	answers text[];
BEGIN
	FOR i IN 1 .. 400 LOOP
		PERFORM zipora_upsert('m', 'k', i::text);
		answers := answers || zipora_lookup('m', 'k');
		PERFORM zipora_drop('m');
		PERFORM zipora_create('m', 'text');
	END LOOP;
	RAISE NOTICE '% answers, all right: %', cardinality(answers),
		(SELECT bool_and(a = n::text) FROM unnest(answers) WITH ORDINALITY u(a, n));
END $$;

-- many names, then none
SELECT count(zipora_create('many ' || n, 'bigint')) FROM generate_series(1, 1000) n;
SELECT count(zipora_insert('many ' || n, 'k', n)) FROM generate_series(1, 1000) n;
SELECT sum(zipora_lookup_bigint('many ' || n, 'k')) FROM generate_series(1, 1000) n;
SELECT count(*), sum(keys) FROM zipora_tries WHERE trie LIKE 'many %';
SELECT count(zipora_drop('many ' || n)) FROM generate_series(1, 1000) n;
SELECT count(*) FROM zipora_tries WHERE trie LIKE 'many %';
SELECT zipora_lookup('many 1', 'k');

-- emptied, a trie is as small as a new one
SELECT zipora_create('fill', 'text');
CREATE TEMP TABLE before AS SELECT used_bytes, reserved_bytes FROM zipora_tries WHERE trie = 'fill';
SELECT count(*) FILTER (WHERE zipora_insert('fill', md5(n::text), repeat('v', n % 3000))) FROM generate_series(1, 5000) n;
SELECT count(*) FILTER (WHERE zipora_delete('fill', md5(n::text))) FROM generate_series(1, 5000) n;
SELECT keys, pending_frees, t.used_bytes - before.used_bytes AS used_more FROM zipora_tries t, before WHERE trie = 'fill';
SELECT zipora_drop('fill');
SELECT zipora_drop('m');

-- max_bytes: a clear error, nothing lost, and room again after deleting
\set VERBOSITY terse
SELECT zipora_create('bounded', 'text', max_bytes => 1000000);
CREATE FUNCTION pg_temp.fill() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN 1 .. 100000 LOOP
		PERFORM zipora_insert('bounded', 'key ' || n, repeat('v', 1000));
	END LOOP;
	RETURN 'never full';
EXCEPTION WHEN configuration_limit_exceeded THEN
	RETURN SQLERRM;
END $$;
SELECT pg_temp.fill();
SELECT keys BETWEEN 500 AND 1000 AS about_right, reserved_bytes <= max_bytes AS bounded, pending_frees FROM zipora_tries;
SELECT count(*) = zipora_count('bounded') FROM zipora_scan('bounded') WHERE length(value) = 1000;
SELECT zipora_insert('bounded', 'large', repeat('v', 2000000));
SELECT zipora_lookup('bounded', 'large');
SELECT line = 'keys: ' || zipora_count('bounded') FROM zipora_check('bounded') line WHERE line LIKE 'keys%';
SELECT count(*) FROM zipora_scan('bounded') s WHERE NOT zipora_delete('bounded', s.key);
SELECT zipora_count('bounded'), zipora_insert('bounded', 'again', repeat('v', 1000));
SELECT zipora_drop('bounded');

-- no_lock: the session that created it may write; others read, and may drop it
SELECT zipora_create('own', 'bigint', pool_level => 'no_lock');
SELECT count(*) FILTER (WHERE zipora_insert('own', n::text, n)) FROM generate_series(1, 1000) n;
SELECT count(*) FILTER (WHERE zipora_delete('own', n::text)) FROM generate_series(2, 1000) n;
\c
SELECT zipora_lookup('own', '1');
SELECT * FROM zipora_scan('own');
SELECT zipora_insert('own', 'k', 1);
SELECT zipora_insert('own', '1', 1);
SELECT zipora_delete('own', '1');
SELECT trie, keys FROM zipora_tries;
SELECT line FROM zipora_check('own') line WHERE line LIKE 'keys%';
SELECT zipora_drop('own');
