-- What each method takes, and how many times more than zipora; then the aims, and what came of them.
-- psql variable: keys
\pset footer off
\pset null ''
SET client_min_messages = warning;
WITH figures AS (
	SELECT number, work, unit,
		max(value) FILTER (WHERE method = 'no index') AS none,
		max(value) FILTER (WHERE method = 'btree') AS btree,
		max(value) FILTER (WHERE method = 'hash') AS hash,
		max(value) FILTER (WHERE method = 'spgist') AS spgist,
		max(value) FILTER (WHERE method = 'zipora') AS zipora
	FROM result WHERE keys = :'keys' GROUP BY number, work, unit)
SELECT work, unit, figure(none) AS "no index", figure(btree) AS btree, figure(hash) AS hash,
	figure(spgist) AS "SP-GiST", figure(zipora) AS zipora,
	ratio(times(btree, zipora, unit)) AS "x btree", ratio(times(hash, zipora, unit)) AS "x hash",
	ratio(times(spgist, zipora, unit)) AS "x SP-GiST", ratio(1 / nullif(times(none, zipora, unit), 0)) AS "of no index"
FROM figures ORDER BY number;

CREATE TEMPORARY VIEW verdicts AS
	SELECT a.number, a.work, a.against, a.at_least, a.at_most,
		CASE WHEN a.against IS NULL THEN z.value
			WHEN a.at_most IS NOT NULL THEN 1 / nullif(times(p.value, z.value, z.unit), 0)
			ELSE times(p.value, z.value, z.unit) END AS found,
		CASE WHEN a.against IS NULL THEN ' ' || z.unit ELSE ' x' END AS unit
	FROM aim a LEFT JOIN result z ON z.keys = a.keys AND z.work = a.work AND z.method = 'zipora'
		LEFT JOIN result p ON p.keys = a.keys AND p.work = a.work AND p.method = a.against
	WHERE a.keys = :'keys';
SELECT work, coalesce(against, '') AS against,
	CASE WHEN at_least IS NOT NULL THEN '>= ' || round(at_least::numeric, 2) ELSE '<= ' || round(at_most::numeric, 2) END AS aim,
	CASE WHEN against IS NULL THEN figure(found) ELSE ratio(found) END || unit AS measured,
	CASE WHEN found IS NULL THEN 'not measured'
		WHEN at_least IS NOT NULL AND found >= at_least OR at_most IS NOT NULL AND found <= at_most THEN 'met'
		ELSE 'missed' END AS " "
FROM verdicts ORDER BY number;
