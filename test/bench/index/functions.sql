-- What the benchmark of indexes measures with, and where it keeps what it measured.
SET client_min_messages = warning;

-- unit: us a row, MB/s and so on; less is better unless it says "a second".
CREATE TABLE result (keys text, number int, work text, unit text, method text, value numeric,
	PRIMARY KEY (keys, work, method));
CREATE SEQUENCE work_number;

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

-- Runs a query that returns one number, the best of some times, and reports its time for each of `count`
-- things.  The number must be `expected`, and the plan must have a line like `wanted`.
CREATE FUNCTION measure(keys text, work text, method text, query text, count float8, expected bigint,
	wanted text, times int DEFAULT 3) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
	begun timestamptz;
	best float8 := 'infinity';
	found bigint;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF plan !~ wanted THEN
		RAISE EXCEPTION '%, %, %: the plan is not as it should be (%)', keys, work, method, wanted
		USING DETAIL = plan;
	END IF;
	FOR i IN 1 .. times LOOP
		begun := clock_timestamp();
		EXECUTE query INTO found;
		best := least(best, extract(epoch FROM clock_timestamp() - begun));
		IF found IS DISTINCT FROM expected THEN
			RAISE EXCEPTION '%, %, %: the answer is %, not %', keys, work, method, found, expected;
		END IF;
	END LOOP;
	PERFORM report(keys, work, 'us', method, 1e6 * best / count);
END $$;

-- The next string behind all that begin with a prefix (of bytes that can follow one another).
CREATE FUNCTION behind(prefix text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT left(prefix, -1) || chr(ascii(right(prefix, 1)) + 1)
$$;
