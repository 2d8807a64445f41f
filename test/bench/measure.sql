-- What the benchmarks of indexes measure with, and where they keep what they measured.
SET client_min_messages = warning;

-- unit: us a row, bytes and so on; less is better unless it says "a second".
CREATE TABLE result (keys text, number int, work text, unit text, method text, value numeric,
	PRIMARY KEY (keys, work, method));
CREATE SEQUENCE work_number;

-- What a figure should be.  against: a method, and how many times more than zipora it takes (at_least); "no
-- index", and how many times as much as that zipora takes (at_most); or NULL, and the figure itself (at_most).
CREATE TABLE aim (number int GENERATED ALWAYS AS IDENTITY, keys text, work text, against text,
	at_least float8, at_most float8);

CREATE FUNCTION report(keys text, work text, unit text, method text, value float8) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO result
	SELECT $1, coalesce((SELECT min(r.number) FROM result r WHERE r.keys = $1 AND r.work = $2), nextval('work_number')),
		$2, $3, $4, $5
$$;

-- Only the plan that is meant.
CREATE FUNCTION plan_for(index_only boolean, bitmap boolean) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, value, false) FROM (VALUES
		('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('enable_material', 'off'),
		('enable_memoize', 'off'), ('enable_sort', 'off'), ('enable_seqscan', 'off'), ('enable_tidscan', 'on'),
		('enable_indexonlyscan', CASE WHEN index_only THEN 'on' ELSE 'off' END),
		('enable_indexscan', CASE WHEN bitmap THEN 'off' ELSE 'on' END),
		('enable_bitmapscan', CASE WHEN bitmap THEN 'on' ELSE 'off' END)) AS s (name, value)
$$;

-- The plan of a query must have a line like `wanted`.
CREATE FUNCTION check_plan(what text, query text, wanted text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ wanted THEN
		RAISE EXCEPTION '%: the plan is not as it should be (%)', what, wanted USING DETAIL = plan;
	END IF;
END $$;

-- A number must be what is expected.
CREATE FUNCTION check_answer(what text, answer bigint, expected bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF answer IS DISTINCT FROM expected THEN
		RAISE EXCEPTION '%: the answer is %, not %', what, answer, expected;
	END IF;
END $$;

-- Seconds, from some beginning: of time, or (setting bench.clock = cpu) of the processor, of which other programs take nothing.
CREATE FUNCTION seconds() RETURNS float8 LANGUAGE sql VOLATILE AS $$
	SELECT CASE current_setting('bench.clock')
		WHEN 'cpu' THEN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e9
		WHEN 'time' THEN extract(epoch FROM clock_timestamp())::float8 END
$$;

-- Runs a query that returns one number, the best of some times, and reports its time for each of `count`
-- things.  The number must be `expected`, and the plan must have a line like `wanted`.
CREATE FUNCTION measure(keys text, work text, method text, query text, count float8, expected bigint,
	wanted text, times int DEFAULT 3) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	what text := format('%s, %s, %s', keys, work, method);
	begun float8;
	best float8 := 'infinity';
	answer bigint;
BEGIN
	PERFORM check_plan(what, query, wanted);
	FOR i IN 1 .. times LOOP
		begun := seconds();
		EXECUTE query INTO answer;
		best := least(best, seconds() - begun);
		PERFORM check_answer(what, answer, expected);
	END LOOP;
	PERFORM report(keys, work, 'us', method, 1e6 * best / count);
END $$;

-- The next string behind all that begin with a prefix (of bytes that can follow one another).
CREATE FUNCTION behind(prefix text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT left(prefix, -1) || chr(ascii(right(prefix, 1)) + 1)
$$;

-- For reports: how many times more a peer takes than zipora; a figure with about three digits.
CREATE FUNCTION times(peer numeric, zipora numeric, unit text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN unit LIKE '%a second' THEN zipora / nullif(peer, 0) ELSE peer / nullif(zipora, 0) END
$$;
CREATE FUNCTION ratio(value numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT to_char(value, 'FM9990.00')
$$;
CREATE FUNCTION figure(value numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN value >= 1000 THEN to_char(value, 'FM999999990') WHEN value >= 100 THEN to_char(value, 'FM990.0')
		WHEN value >= 10 THEN to_char(value, 'FM90.00') ELSE to_char(value, 'FM0.000') END
$$;

-- Pseudo-random numbers that are the same on every machine: 0 <= chance < 1, of an i and a seed.
CREATE FUNCTION chance(i bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT ((hashint8extended(i, seed) >> 11) & 9007199254740991)::float8 / 9007199254740992
$$;
