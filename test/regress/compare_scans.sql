-- What the regression tests of the index compare answers with; in each session anew.

-- The kind of scan that a query gets, for a moment.
CREATE FUNCTION pg_temp.use_scan(kind text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_seqscan', CASE kind WHEN 'sequential' THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE WHEN kind LIKE 'index%' THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexonlyscan', CASE kind WHEN 'index only' THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', CASE kind WHEN 'bitmap' THEN 'on' ELSE 'off' END, true)
$$;

CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END
$$;

-- NULL if a query's answer is the same by every kind of scan, and each scan is what it should
-- be; else what is wrong.  ordering: NULL, or what the index gives without a sort.  id must be
-- in the index for an index-only scan.  An array on a column that is not the first one may be a
-- filter, or cost the order: the planner decides.
CREATE FUNCTION pg_temp.differs(relation text, keys text, condition text, ordering text,
	index_only boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT %s AS k FROM %s WHERE %s', keys, relation, condition);
	ids text := format('SELECT id FROM %s WHERE %s', relation, condition);
	kind text;
	plan text;
	expected text;
	expected_ids text;
	answer text;
	answer_ids text;
BEGIN
	IF ordering IS NOT NULL THEN
		query := query || ' ORDER BY ' || ordering;
	END IF;
	FOREACH kind IN ARRAY ARRAY['sequential', 'index', 'index only', 'bitmap'] LOOP
		CONTINUE WHEN kind = 'index only' AND NOT index_only;
		CONTINUE WHEN kind = 'bitmap' AND ordering IS NOT NULL;
		PERFORM pg_temp.use_scan(kind);
		plan := pg_temp.plan_of(query);
		IF kind <> 'sequential' AND
			(plan NOT LIKE CASE kind WHEN 'index' THEN '%Index Scan%' WHEN 'bitmap'
				THEN '%Bitmap Index Scan%' ELSE '%Index Only Scan%' END OR
			 (keys NOT LIKE 'row(%' OR condition !~ '(ANY|IN) \(') AND
			 plan ~ '\n +(Filter|Sort)' OR
			 (condition <> 'true' AND plan NOT LIKE '%Index Cond%')) THEN
			RETURN format(E'%s: no %s scan alone\n%s', query, kind, plan);
		END IF;
		EXECUTE format('SELECT array_agg(k)::text FROM (%s) s', query) INTO answer;
		EXECUTE format('SELECT array_agg(id ORDER BY id)::text FROM (%s) s', ids) INTO answer_ids;
		IF kind = 'sequential' THEN
			expected := answer;
			expected_ids := answer_ids;
		ELSIF answer_ids IS DISTINCT FROM expected_ids OR
			(ordering IS NOT NULL AND answer IS DISTINCT FROM expected) THEN
			RETURN format(E'%s, by %s scan: %s instead of %s', query, kind,
				left(answer, 300), left(expected, 300));
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
