-- Conditions of index scans: several columns, arrays, NULLs, parameters, joins, cursors.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

\getenv source_folder PG_ABS_SRCDIR
\set file :source_folder '/test/regress/compare_scans.sql'
\i :file

-- ---- several columns: each with no condition or one of several, in every combination ----
CREATE TABLE three (id int, a int, b text, c timestamp);
INSERT INTO three
SELECT i, nullif(i * 7 % 13, 5), nullif(substr('abcabdb', 1 + i % 5, i * 3 % 4), 'ab'),
	nullif(timestamp '2024-01-01' + i * 5 % 7 * interval '12 hours', '2024-01-02')
FROM generate_series(1, 800) i;

CREATE FUNCTION pg_temp.check_three(columns text, ordering text,
	keys text DEFAULT 'row(a, b, c)') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	condition text;
	wrong text;
	checked int := 0;
BEGIN
	EXECUTE format('CREATE INDEX three_index ON three USING zipora (%s) INCLUDE (id)', columns);
	FOR condition IN
		SELECT array_to_string(array_remove(ARRAY[x, y, z], NULL), ' AND ')
		FROM unnest(ARRAY[NULL, 'a = 3', 'a IN (1, 4, 12, NULL)', 'a > 4::bigint', 'a <= 7',
				'a IS NULL', 'a IS NOT NULL', 'a >= 2::smallint AND a < 9']) x,
			unnest(ARRAY[NULL, $s$b = 'a'$s$, $s$b ^@ 'ab'$s$, $s$b @^ 'abcd'$s$, $s$b = ANY ('{ab,bc,"",zz}')$s$,
				$s$b ~>=~ 'b'$s$, 'b IS NULL', $s$b @^ ANY ('{abd,bcab}') AND b ~>~ ''$s$]) y,
			unnest(ARRAY[NULL, $s$c = date '2024-01-03'$s$, $s$c > '2024-01-02 12:00'$s$, 'c IS NULL',
				$s$c = ANY ('{2024-01-01,2024-01-03 12:00}'::timestamp[])$s$]) z
		WHERE x IS NOT NULL OR y IS NOT NULL OR z IS NOT NULL
	LOOP
		wrong := pg_temp.differs('three', keys, condition, NULL, true);
		-- An order that is fixed by "=" is not asked for any more.
		IF wrong IS NULL AND condition NOT LIKE '%_ = %' AND condition NOT LIKE '%IS NULL%' THEN
			wrong := pg_temp.differs('three', keys, condition, ordering, true);
		END IF;
		IF wrong IS NOT NULL THEN
			DROP INDEX three_index;
			RETURN wrong;
		END IF;
		checked := checked + 1;
	END LOOP;
	DROP INDEX three_index;
	RETURN format('%s queries agree', checked);
END
$$;
SELECT pg_temp.check_three('a, b, c', 'a, b USING ~<~, c');
SELECT pg_temp.check_three('a, b, c', 'a DESC, b USING ~>~, c DESC');
SELECT pg_temp.check_three('a DESC, b NULLS FIRST, c DESC NULLS LAST',
	'a DESC, b USING ~<~ NULLS FIRST, c DESC NULLS LAST');
SELECT pg_temp.check_three('b DESC, c, a NULLS FIRST', 'b USING ~<~ NULLS LAST, c DESC, a DESC NULLS LAST');
SELECT pg_temp.check_three('c, a DESC, b', 'c, a DESC', 'row(a, c)');
DROP TABLE three;

-- ---- longest prefix: one short scan, no sort ----
CREATE TABLE codes (id serial, code text NOT NULL);
INSERT INTO codes (code) SELECT DISTINCT left(i::text, 1 + i * 7 % 6) FROM generate_series(1, 200000, 13) i;
CREATE INDEX codes_index ON codes USING zipora (code);
VACUUM ANALYZE codes;
EXPLAIN (COSTS OFF) SELECT code FROM codes WHERE code @^ '4930112' ORDER BY code USING ~>~ LIMIT 1;
SELECT count(*) AS differ FROM generate_series(1, 300) i, LATERAL (SELECT (i * 7919)::text || '0' AS q) q
WHERE (SELECT code FROM codes WHERE code @^ q ORDER BY code USING ~>~ LIMIT 1) IS DISTINCT FROM
	(SELECT max(left(q, n)) FROM generate_series(0, 8) n WHERE left(q, n) IN (SELECT code FROM codes));
-- the commuted form
BEGIN;
SELECT pg_temp.use_scan('index only') \g /dev/null
EXPLAIN (COSTS OFF) SELECT code FROM codes WHERE '4930112' ^@ code;
ROLLBACK;

-- estimates: no more rows than the string has prefixes, as many as there are NULLs for none
CREATE FUNCTION pg_temp.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' -> 'Plan Rows';
END
$$;
SELECT pg_temp.estimate($$SELECT FROM codes WHERE code @^ '493'$$) BETWEEN 1 AND 4 AS short,
	pg_temp.estimate($$SELECT FROM codes WHERE code @^ '4930112345678901234567890'$$) BETWEEN 1 AND 10 AS long,
	pg_temp.estimate($$SELECT FROM codes WHERE code @^ NULL$$) <= 1 AS none,
	pg_temp.estimate($$SELECT FROM codes a, codes b WHERE a.code @^ b.code$$)
		BETWEEN count(*) AND 10 * count(*) AS join
FROM codes;
CREATE TABLE common AS SELECT CASE WHEN i % 4 = 0 THEN 'ab' WHEN i % 4 = 1 THEN 'b' END AS k
FROM generate_series(1, 1000) i;
ANALYZE common;
SELECT pg_temp.estimate($$SELECT FROM common WHERE k @^ 'abc'$$) AS ab,
	pg_temp.estimate($$SELECT FROM common WHERE k @^ 'b'$$) AS b,
	pg_temp.estimate($$SELECT FROM common WHERE 'ab' @^ k$$) AS begin_with_ab;
DROP TABLE common;

-- ---- joins: new conditions for each outer row, of other types too ----
CREATE TABLE inner_side AS SELECT i AS id, i * 3 % 500 AS n, (i * 3 % 500)::text AS t FROM generate_series(1, 1000) i;
CREATE INDEX ON inner_side USING zipora (n);
CREATE INDEX ON inner_side USING zipora (t);
CREATE TABLE outer_side AS SELECT i::bigint * 1000000007 % 700 - 50 AS n, nullif(i % 97, 5)::text AS t FROM generate_series(1, 300) i;
ANALYZE inner_side, outer_side;
CREATE FUNCTION pg_temp.check_join(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT count(*), sum(i.id) FROM outer_side o JOIN inner_side i ON %s', condition);
	looped record;
	plain record;
	plan text;
BEGIN
	PERFORM set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
		set_config('enable_memoize', 'off', true), set_config('enable_material', 'off', true);
	PERFORM pg_temp.use_scan('index');
	plan := pg_temp.plan_of(query);
	IF plan NOT LIKE '%Nested Loop%Index Cond%' THEN
		RETURN plan;
	END IF;
	EXECUTE query INTO looped;
	PERFORM pg_temp.use_scan('sequential');
	EXECUTE query INTO plain;
	RETURN CASE WHEN looped = plain AND looped.count > 0 THEN 'agree' ELSE format('%s instead of %s', looped, plain) END;
END
$$;
SELECT pg_temp.check_join('i.n = o.n'), pg_temp.check_join('i.n < o.n'), pg_temp.check_join('i.t = o.t'),
	pg_temp.check_join('i.t ^@ o.t'), pg_temp.check_join('i.t @^ o.t'), pg_temp.check_join('o.t ^@ i.t'),
	pg_temp.check_join('i.t = ANY (ARRAY[o.t, NULL, o.t])'), pg_temp.check_join('i.n = ANY (ARRAY[o.n, o.n + 1])');

-- ---- parameters: known only when the scan begins, or NULL ----
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
PREPARE begins(text) AS SELECT count(*) FROM inner_side WHERE t ^@ $1;
PREPARE prefixes(text) AS SELECT array_agg(DISTINCT t ORDER BY t) FROM inner_side WHERE t @^ $1;
PREPARE any_of(bigint[]) AS SELECT count(*) FROM inner_side WHERE n = ANY ($1);
PREPARE less_than_any(int[]) AS SELECT count(*) FROM inner_side WHERE n < ANY ($1);
EXPLAIN (COSTS OFF) EXECUTE begins('49');
EXECUTE begins('49');
EXECUTE begins('');
EXECUTE begins(NULL);
EXECUTE prefixes('4931');
EXECUTE prefixes(NULL);
EXECUTE any_of('{3, 6, 3, NULL, 99999999999, 6}');
EXECUTE any_of('{}');
EXECUTE any_of('{NULL}');
EXECUTE any_of(NULL);
EXECUTE less_than_any('{1, NULL, 3}');
RESET plan_cache_mode;

-- ---- a cursor that turns round, over conditions that leave gaps ----
BEGIN;
SELECT pg_temp.use_scan('index') \g /dev/null
DECLARE c SCROLL CURSOR FOR SELECT n FROM inner_side WHERE n = ANY ('{3, 6, 9, 300, 499}') ORDER BY n;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH 1 FROM c;
FETCH LAST FROM c;
FETCH BACKWARD 3 FROM c;
FETCH FIRST FROM c;
FETCH PRIOR FROM c;
FETCH NEXT FROM c;
COMMIT;

-- ---- the first and the last ----
EXPLAIN (COSTS OFF) SELECT min(n), max(n) FROM inner_side;
SELECT min(n), max(n) FROM inner_side;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- ---- domains ----
CREATE DOMAIN zip AS text CHECK (length(value) <= 5);
CREATE DOMAIN small AS int2 DEFAULT 0;
CREATE TABLE domains (id int, z zip, s small);
INSERT INTO domains SELECT i, (i * 37 % 1000)::text, i % 50 FROM generate_series(1, 500) i;
CREATE INDEX ON domains USING zipora (z) INCLUDE (id, s);
CREATE INDEX ON domains USING zipora (s) INCLUDE (id, z);
SELECT pg_temp.differs('domains', 'z', $$z = '37'$$, NULL, true),
	pg_temp.differs('domains', 'z', $$z @^ '3704'$$, 'z USING ~>~', true),
	pg_temp.differs('domains', 's', 's = 7', NULL, true),
	pg_temp.differs('domains', 's', 's = ANY (ARRAY[7, 9]::small[])', 's', true);

-- ---- rows that a role may not see: the operators tell nothing, so they are conditions of the index ----
CREATE ROLE zipora_reader;
GRANT SELECT ON codes TO zipora_reader;
ALTER TABLE codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON codes USING (id % 2 = 1);
SET ROLE zipora_reader;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT code FROM codes WHERE code @^ '4930112';
EXPLAIN (COSTS OFF) SELECT code FROM codes WHERE code ^@ '4930';
RESET ROLE;

DROP TABLE codes, inner_side, outer_side, domains;
DROP DOMAIN zip, small;
DROP ROLE zipora_reader;
