-- An index "d_k", and the longest prefix by it.
SET client_min_messages = warning;

CREATE FUNCTION build(keys text, method text, relation text, definition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	begun timestamptz;
	rows float8;
	bytes float8;
BEGIN
	DROP INDEX IF EXISTS d_k;
	EXECUTE format('SELECT count(*) FROM %I', relation) INTO rows;
	PERFORM pg_prewarm(relation);
	begun := clock_timestamp();
	EXECUTE format('CREATE INDEX d_k ON %I USING %s', relation, definition);
	PERFORM report(keys, 'CREATE INDEX', 's', method, extract(epoch FROM clock_timestamp() - begun));
	bytes := pg_relation_size('d_k');
	PERFORM report(keys, 'on disk', 'bytes', method, bytes / rows);
	IF definition LIKE 'zipora%' THEN
		PERFORM zipora_prewarm('d_k');
		SELECT reserved_bytes INTO STRICT bytes FROM zipora_index_stats
		WHERE index = 'd_k'::regclass AND state = 'ready';
	END IF;
	PERFORM report(keys, 'in memory', 'bytes', method, bytes / rows);
END $$;

-- query: finds the column n of the row with the longest prefix of q.k, or (index_only) its k or c.  What it finds
-- is mixed with the number of the look-up, so that sums agree only if all answers do.
CREATE FUNCTION look_up(keys text, method text, index_only boolean, lookups int, wanted text, query text,
	answer_column text DEFAULT 'n') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	work text := CASE WHEN index_only THEN 'prefix only' ELSE 'with the row' END;
	mixed text := CASE answer_column WHEN 'n' THEN '%1$s.n # %2$s.i' ELSE format('hashtext(%%1$s.%s::text) # %%2$s.i', answer_column) END;
	expected bigint;
BEGIN
	PERFORM plan_for(index_only, false);
	EXECUTE format('SELECT sum(%s) FROM answer AS a WHERE a.i <= %s', format(mixed, 'a', 'a'), lookups) INTO expected;
	PERFORM measure(keys, work, method, format('SELECT sum(%s) FROM q, LATERAL (%s) AS x WHERE q.i <= %s',
		format(mixed, 'x', 'q'), query, lookups), lookups, expected, wanted);
END $$;

-- As somebody would write it: from the longest length down.
CREATE FUNCTION loop_over_lengths(q text, longest int, shortest int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	answer int;
BEGIN
	FOR length IN REVERSE longest .. shortest LOOP
		SELECT n INTO answer FROM d WHERE k = left(q, length);
		EXIT WHEN FOUND;
	END LOOP;
	RETURN answer;
END $$;
