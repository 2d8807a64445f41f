-- Scans against ORDER BY COLLATE "C" of a table, on random keys from a fixed seed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

SELECT setseed(0.20261124);
CREATE FUNCTION pg_temp.next_number(below int) RETURNS int LANGUAGE sql VOLATILE AS $$
	SELECT floor(random() * below)::int
$$;
-- short keys over few letters collide often and are prefixes of each other
CREATE FUNCTION pg_temp.next_key() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(substr('abäz~', 1 + pg_temp.next_number(5), 1), ''), '')
	FROM generate_series(1, pg_temp.next_number(8))
$$;

CREATE TEMP TABLE model (k text COLLATE "C" PRIMARY KEY, v bigint);
SELECT zipora_create('s', 'bigint');
DO $$
DECLARE
	key text;
	was_there boolean;
	answer boolean;
	number bigint;
BEGIN
	FOR i IN 1 .. 6000 LOOP
		key := pg_temp.next_key();
		was_there := EXISTS (SELECT FROM model WHERE k = key);
		CASE pg_temp.next_number(5)
			WHEN 0 THEN
				answer := NOT zipora_insert('s', key, i);
				INSERT INTO model VALUES (key, i) ON CONFLICT DO NOTHING;
			WHEN 1 THEN
				answer := NOT zipora_upsert('s', key, i);
				INSERT INTO model VALUES (key, i) ON CONFLICT (k) DO UPDATE SET v = i;
			WHEN 2 THEN
				answer := zipora_delete('s', key);
				DELETE FROM model WHERE k = key;
			WHEN 3 THEN
				answer := zipora_contains('s', key);
			ELSE
				number := zipora_increment('s', key, i);
				INSERT INTO model VALUES (key, i) ON CONFLICT (k) DO UPDATE SET v = model.v + i;
				IF number IS DISTINCT FROM (SELECT v FROM model WHERE k = key) THEN
					RAISE 'step %: increment of "%" gave %', i, key, number;
				END IF;
				answer := was_there;
		END CASE;
		IF answer IS DISTINCT FROM was_there THEN
			RAISE 'step %: key "%": % instead of %', i, key, answer, was_there;
		END IF;
	END LOOP;
END $$;
SELECT zipora_count('s') = (SELECT count(*) FROM model) AS same_count, count(*) > 1000 AS enough FROM model;
SELECT count(*) AS wrong FROM model WHERE zipora_lookup_bigint('s', k) IS DISTINCT FROM v;

-- whole scans, both ways, in both forms of keys
CREATE FUNCTION pg_temp.same(scan text, query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	a text;
	b text;
BEGIN
	EXECUTE 'SELECT string_agg(key || ''='' || value, '','') FROM ' || scan INTO a;
	EXECUTE 'SELECT string_agg(k || ''='' || v, '','') FROM (' || query || ') q' INTO b;
	IF a IS DISTINCT FROM b THEN
		RAISE NOTICE '% gave % instead of %', scan, a, b;
	END IF;
	RETURN a IS NOT DISTINCT FROM b;
END $$;
SELECT pg_temp.same('zipora_scan(''s'')', 'SELECT * FROM model ORDER BY k');
SELECT pg_temp.same('zipora_scan(''s'', descending => true)', 'SELECT * FROM model ORDER BY k DESC');
SELECT count(*) AS wrong FROM
	(SELECT row_number() OVER () AS n, * FROM zipora_scan('s', NULL::bytea, NULL)) s
	FULL JOIN (SELECT row_number() OVER (ORDER BY k) AS n, * FROM model) m USING (n)
WHERE key IS DISTINCT FROM convert_to(k, getdatabaseencoding()) OR value IS DISTINCT FROM v::text;

-- random ranges, prefixes and limits
DO $$
DECLARE
	a text;
	b text;
	few int;
	way text;
BEGIN
	FOR i IN 1 .. 400 LOOP
		a := pg_temp.next_key();
		b := pg_temp.next_key();
		few := pg_temp.next_number(40);
		way := CASE pg_temp.next_number(2) WHEN 0 THEN '' ELSE 'DESC' END;
		IF NOT pg_temp.same(
				format('zipora_scan(''s'', %L, %L, %L, %s)', a, b, way = 'DESC', few),
				format('SELECT * FROM model WHERE k >= %L AND k < %L ORDER BY k %s LIMIT %s', a, b, way, few)) OR
			NOT pg_temp.same(
				format('zipora_scan(''s'', lower => %L, descending => %L)', a, way = 'DESC'),
				format('SELECT * FROM model WHERE k >= %L ORDER BY k %s', a, way)) OR
			NOT pg_temp.same(
				format('zipora_scan(''s'', upper => %L, descending => %L)', b, way = 'DESC'),
				format('SELECT * FROM model WHERE k < %L ORDER BY k %s', b, way)) OR
			NOT pg_temp.same(
				format('zipora_prefix(''s'', %L, %L, %s)', left(a, 3), way = 'DESC', few),
				format('SELECT * FROM model WHERE starts_with(k, %L) ORDER BY k %s LIMIT %s', left(a, 3), way, few)) OR
			NOT pg_temp.same(
				format('zipora_prefixes_of(''s'', %L)', a || b),
				format('SELECT * FROM model WHERE starts_with(%L, k) ORDER BY length(k)', a || b)) OR
			NOT pg_temp.same(
				format('(SELECT * FROM zipora_longest_prefix(''s'', %L)) l WHERE key IS NOT NULL', a || b),
				format('SELECT * FROM model WHERE starts_with(%L, k) ORDER BY length(k) DESC LIMIT 1', a || b))
		THEN
			RAISE 'round %: "%" "%" % %', i, a, b, few, way;
		END IF;
	END LOOP;
END $$;

-- limits and bounds at their edges
SELECT count(*) FROM zipora_scan('s', max_rows => 0);
SELECT count(*) FROM zipora_scan('s', max_rows => 1);
SELECT count(*) = zipora_count('s') FROM zipora_scan('s', max_rows => 9223372036854775807);
SELECT count(*) FROM zipora_scan('s', 'b', 'b');
SELECT count(*) FROM zipora_scan('s', 'z', 'a');
SELECT count(*) FROM zipora_scan('s', 'z', 'a', true);
SELECT count(*) FROM zipora_scan('s', upper => '');
SELECT count(*) = zipora_count('s') FROM zipora_prefix('s', '');
SELECT * FROM zipora_scan('s', max_rows => -1);
SELECT * FROM zipora_prefix('s', 'a', max_rows => -1);
SELECT * FROM zipora_scan('s', descending => NULL);
SELECT * FROM zipora_scan(NULL);
SELECT * FROM zipora_prefix('s', NULL::text);
SELECT count(*) FROM zipora_prefixes_of('s', NULL::text);
SELECT zipora_longest_prefix('s', NULL::text) IS NULL;

-- no match
SELECT * FROM zipora_prefix('s', 'no such prefix');
SELECT zipora_delete('s', '');
SELECT * FROM zipora_prefixes_of('s', 'none of them');
SELECT * FROM zipora_longest_prefix('s', 'none of them');
SELECT zipora_longest_prefix('s', 'none of them') IS NULL;

-- one by one in the select list, a scan reads no more than is asked for, and can be left
SELECT (zipora_scan('s')).key FROM generate_series(1, 1) LIMIT 0;
SELECT count(*) FROM (SELECT zipora_scan('s') LIMIT 3) s;

-- a cursor that rests while its trie changes, and while it is dropped
BEGIN;
DECLARE c CURSOR FOR SELECT (zipora_scan('s')).key;
MOVE 5 IN c;
SELECT count(*) > 0 AS deleted FROM zipora_scan('s') s WHERE zipora_delete('s', s.key);
MOVE 5 IN c;
SELECT zipora_count('s');
CLOSE c;
SELECT count(*) FILTER (WHERE zipora_insert('s', n::text, n)) FROM generate_series(1, 1000) n;
DECLARE d CURSOR FOR SELECT (zipora_scan('s')).key;
FETCH 2 FROM d;
SAVEPOINT s;
SELECT zipora_drop('s');
MOVE ALL IN d;
ROLLBACK TO s;
SELECT zipora_create('s', 'bigint');
SELECT count(*) FILTER (WHERE zipora_insert('s', n::text, n)) FROM generate_series(1, 1000) n;
DECLARE e CURSOR FOR SELECT (zipora_scan('s')).key;
FETCH 2 FROM e;
SELECT zipora_drop('s'), zipora_create('s', 'bigint'), zipora_insert('s', '5', 5);
-- rows of one trie, then rows of another, would be wrong
MOVE ALL IN e;
ROLLBACK;
SELECT keys, pending_frees FROM zipora_tries;
SELECT zipora_drop('s');
