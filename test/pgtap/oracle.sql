-- A trie against a table: the same random writes to both, then every way of reading.
BEGIN;
SELECT plan(14);
SELECT setseed(0.42);

CREATE TEMPORARY TABLE oracle (k text COLLATE "C" PRIMARY KEY, v bigint);
SELECT zipora_create('oracle', 'bigint');

CREATE TEMPORARY TABLE candidates AS
SELECT (ARRAY['', 'a', 'ab', 'key_', 'ключ', E'\x01', repeat('r', 255)])[1 + (random() * 6)::integer]
	|| CASE WHEN random() < 0.5 THEN (random() * 99)::integer::text ELSE '' END
	|| repeat(chr(97 + (random() * 3)::integer), (random() * 5)::integer) AS k,
	(random() * 1000000)::bigint AS v, random() AS action, i
FROM generate_series(1, 6000) i;

DO $$
DECLARE
	c record;
	was_there boolean;
BEGIN
	FOR c IN SELECT * FROM candidates ORDER BY i LOOP
		was_there := EXISTS (SELECT FROM oracle o WHERE o.k = c.k);
		IF c.action < 0.4 THEN
			ASSERT zipora_insert('oracle', c.k, c.v) = NOT was_there;
			INSERT INTO oracle VALUES (c.k, c.v) ON CONFLICT DO NOTHING;
		ELSIF c.action < 0.6 THEN
			ASSERT zipora_upsert('oracle', c.k, c.v) = NOT was_there;
			INSERT INTO oracle VALUES (c.k, c.v) ON CONFLICT (k) DO UPDATE SET v = excluded.v;
		ELSIF c.action < 0.7 THEN
			INSERT INTO oracle VALUES (c.k, 3) ON CONFLICT (k) DO UPDATE SET v = oracle.v + 3;
			ASSERT zipora_increment('oracle', c.k, 3) = (SELECT v FROM oracle o WHERE o.k = c.k);
		ELSE
			DELETE FROM oracle o WHERE o.k = c.k;
			ASSERT zipora_delete('oracle', c.k) = was_there;
		END IF;
	END LOOP;
END $$;
SELECT pass('each write says whether the key was there');

SELECT is(zipora_count('oracle'), (SELECT count(*) FROM oracle), 'as many keys');
SELECT is_empty($$
	SELECT DISTINCT c.k FROM candidates c LEFT JOIN oracle o USING (k)
	WHERE zipora_lookup_bigint('oracle', c.k) IS DISTINCT FROM o.v
	   OR zipora_contains('oracle', c.k) <> (o.k IS NOT NULL)
	   OR zipora_lookup('oracle', c.k) IS DISTINCT FROM o.v::text$$, 'the same values');
SELECT results_eq($$SELECT key COLLATE "C", value::bigint FROM zipora_scan('oracle')$$,
	'SELECT k, v FROM oracle ORDER BY k', 'the same order');
SELECT results_eq($$SELECT key COLLATE "C" FROM zipora_scan('oracle', descending => true)$$,
	'SELECT k FROM oracle ORDER BY k DESC', 'and backward');
SELECT results_eq($$SELECT key COLLATE "C" FROM zipora_scan('oracle', 'a5', 'key_3')$$,
	$$SELECT k FROM oracle WHERE k >= 'a5' AND k < 'key_3' ORDER BY k$$, 'a range');
SELECT results_eq($$SELECT key COLLATE "C" FROM zipora_scan('oracle', 'a5', 'key_3', true)$$,
	$$SELECT k FROM oracle WHERE k >= 'a5' AND k < 'key_3' ORDER BY k DESC$$, 'a range backward');
SELECT results_eq($$SELECT key COLLATE "C" FROM zipora_scan('oracle', 'b', max_rows => 7)$$,
	$$SELECT k FROM oracle WHERE k >= 'b' ORDER BY k LIMIT 7$$, 'the next seven');
SELECT is_empty($$
	SELECT p FROM unnest(ARRAY['', 'a', 'ab', 'key_1', 'ключ', 'none', repeat('r', 255)]) p
	WHERE ARRAY(SELECT key FROM zipora_prefix('oracle', p))
		<> ARRAY(SELECT k FROM oracle WHERE k ^@ p ORDER BY k)$$, 'prefixes');
SELECT is_empty($$
	SELECT p FROM unnest(ARRAY['', 'a', 'ab', 'key_1', 'ключ', 'none', repeat('r', 255)]) p
	WHERE ARRAY(SELECT key FROM zipora_prefix('oracle', p, descending => true))
		<> ARRAY(SELECT k FROM oracle WHERE k ^@ p ORDER BY k DESC)$$, 'prefixes backward');
SELECT is_empty($$
	SELECT q FROM (SELECT DISTINCT k || 'abc' AS q FROM candidates) AS queries
	WHERE ARRAY(SELECT key FROM zipora_prefixes_of('oracle', q))
		<> ARRAY(SELECT k FROM oracle WHERE q ^@ k ORDER BY length(k))$$, 'all prefixes of a string');
SELECT is_empty($$
	SELECT q FROM (SELECT DISTINCT k || 'abc' AS q FROM candidates) AS queries
	WHERE (SELECT key FROM zipora_longest_prefix('oracle', q))
		IS DISTINCT FROM (SELECT k FROM oracle WHERE q ^@ k ORDER BY length(k) DESC LIMIT 1)$$,
	'the longest prefix of a string');
SELECT lives_ok($$SELECT zipora_check('oracle')$$, 'the trie is sound');
SELECT is(zipora_drop('oracle'), true, 'and goes');

SELECT * FROM finish();
ROLLBACK;
