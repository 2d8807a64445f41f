-- What a probe takes at each number of keys; how many times more than zipora; and how it grew from the fewest keys.
\pset footer off
\pset null ''
SET client_min_messages = warning;
\echo
\echo '== growth ("x": how many times more it takes than zipora; "grew": than with the fewest keys)'
\echo
WITH figures AS (
	SELECT split_part(keys, ' ', 1) AS keys, split_part(keys, ' ', 2)::bigint AS rows, min(number) AS number, work,
		max(value) FILTER (WHERE method = 'no index') AS none,
		max(value) FILTER (WHERE method = 'btree') AS btree,
		max(value) FILTER (WHERE method = 'hash') AS hash,
		max(value) FILTER (WHERE method = 'zipora') AS zipora
	FROM result GROUP BY 1, 2, work)
SELECT keys, work, rows, figure(none) AS "no index", figure(btree) AS btree, figure(hash) AS hash, figure(zipora) AS zipora,
	ratio(btree / zipora) AS "x btree", ratio(hash / zipora) AS "x hash", ratio(zipora / none) AS "of no index",
	ratio(btree / first_value(btree) OVER w) AS "btree grew", ratio(hash / first_value(hash) OVER w) AS "hash grew",
	ratio(zipora / first_value(zipora) OVER w) AS "zipora grew"
FROM figures WINDOW w AS (PARTITION BY keys, work ORDER BY rows)
ORDER BY keys, work DESC, rows;
