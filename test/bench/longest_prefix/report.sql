-- What each way takes, and how many times more than the better of zipora's; then the aims, and what came of them.
-- psql variable: keys
\pset footer off
\pset null ''
SET client_min_messages = warning;
SELECT format('== the longest prefix, %s; an answer to %s of 100 ("x": how many times more it takes than zipora)', :'keys', round(value, 1)) AS title
FROM result WHERE keys = :'keys' AND work = 'found' \gset
\echo
\echo :title
\echo
CREATE TEMPORARY VIEW zipora AS
	SELECT work, min(value) AS best FROM result WHERE keys = :'keys' AND method LIKE 'zipora, %' GROUP BY work;
WITH figures AS (
	SELECT method,
		max(value) FILTER (WHERE work = 'with the row') AS row,
		max(value) FILTER (WHERE work = 'prefix only') AS prefix,
		max(value) FILTER (WHERE work = 'in memory') AS memory,
		max(value) FILTER (WHERE work = 'on disk') AS disk,
		max(value) FILTER (WHERE work = 'CREATE INDEX') AS build
	FROM result WHERE keys = :'keys' AND work <> 'found' GROUP BY method)
SELECT method, figure(row) AS "with the row, us", ratio(row / (SELECT best FROM zipora WHERE work = 'with the row')) AS "x",
	figure(prefix) AS "index only, us", ratio(prefix / (SELECT best FROM zipora WHERE work = 'prefix only')) AS "x",
	figure(memory) AS "bytes a key in memory", figure(disk) AS "on disk", figure(build) AS "CREATE INDEX, s"
FROM figures ORDER BY method NOT LIKE 'no index%', method NOT LIKE 'zipora%', row;

WITH peers AS (
	SELECT method, value FROM result
	WHERE keys = :'keys' AND work = 'with the row' AND method ~ '^(hash|btree|SP-GiST|GiST)'),
aims AS (
	SELECT 1 AS number, 'the best of all others' AS against, 2 AS at_least,
		(SELECT min(value) FROM peers) AS value, (SELECT method FROM peers ORDER BY value LIMIT 1) AS method,
		-- Each of the kinds that are to be beaten must be there.
		NOT EXISTS (SELECT FROM unnest(ARRAY['hash, loop', 'btree, loop', 'btree, = ANY', 'GiST, prefix'] ||
				CASE WHEN :'keys' = 'routes' THEN ARRAY['SP-GiST'] ELSE ARRAY[]::text[] END) AS k (kind)
			WHERE NOT EXISTS (SELECT FROM peers WHERE starts_with(method, kind))) AS is_complete
	UNION ALL
	SELECT 2, 'GiST, prefix', 30, (SELECT value FROM peers WHERE method = 'GiST, prefix'), '', true)
SELECT 'with the row' AS work, against || coalesce(' (' || nullif(method, '') || ')', '') AS against, '>= ' || at_least AS aim,
	ratio(value / best) || ' x' AS measured,
	CASE WHEN value / best IS NULL THEN 'not measured' WHEN value / best < at_least THEN 'missed'
		WHEN NOT is_complete THEN 'not measured (some are missing)' ELSE 'met' END AS " "
FROM aims LEFT JOIN zipora ON zipora.work = 'with the row' ORDER BY number;
