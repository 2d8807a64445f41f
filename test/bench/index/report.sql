-- The table: what each method takes, and how many times more than zipora.
-- psql variable: keys
\pset footer off
\pset null ''
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.times(peer numeric, zipora numeric, unit text) RETURNS text LANGUAGE sql AS $$
	SELECT to_char(CASE WHEN unit LIKE '%a second' THEN zipora / nullif(peer, 0) ELSE peer / nullif(zipora, 0) END,
		'FM9990.00')
$$;
CREATE FUNCTION pg_temp.figure(value numeric) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN value >= 1000 THEN to_char(value, 'FM999999990') WHEN value >= 100 THEN to_char(value, 'FM990.0')
		ELSE to_char(value, 'FM990.00') END
$$;
WITH figures AS (
	SELECT number, work, unit,
		max(value) FILTER (WHERE method = 'no index') AS none,
		max(value) FILTER (WHERE method = 'btree') AS btree,
		max(value) FILTER (WHERE method = 'hash') AS hash,
		max(value) FILTER (WHERE method = 'spgist') AS spgist,
		max(value) FILTER (WHERE method = 'zipora') AS zipora
	FROM result WHERE keys = :'keys' GROUP BY number, work, unit)
SELECT work, unit, pg_temp.figure(none) AS "no index", pg_temp.figure(btree) AS btree, pg_temp.figure(hash) AS hash,
	pg_temp.figure(spgist) AS "SP-GiST", pg_temp.figure(zipora) AS zipora,
	pg_temp.times(btree, zipora, unit) AS "x btree", pg_temp.times(hash, zipora, unit) AS "x hash",
	pg_temp.times(spgist, zipora, unit) AS "x SP-GiST", pg_temp.times(none, zipora, unit) AS "x no index"
FROM figures ORDER BY number;
