-- Reads through one index, "d_k" on d (k).
-- psql variables: keys (paths, uuids, int8), method (btree, hash, spgist, zipora)
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '256MB';
SELECT :'method' <> 'hash' AS has_values, :'method' IN ('btree', 'zipora') AS has_order,
	:'method' <> 'hash' AND :'keys' = 'paths' AS has_prefixes,
	CASE :'method' WHEN 'btree' THEN 'd.k >= q.k AND d.k < q.k_end' ELSE 'd.k ^@ q.k' END AS has_prefix \gset

SELECT plan_for(false, false) \g /dev/null
SELECT measure(:'keys', 'point, hit, with the row', :'method',
	'SELECT count(d.n) FROM probe q JOIN d ON d.k = q.k', probes, probes, 'Index Scan using d_k') FROM counts \g /dev/null
SELECT measure(:'keys', 'point, miss', :'method',
	'SELECT count(d.n) FROM probe_miss q JOIN d ON d.k = q.k', probes, 0, 'Index Scan using d_k') FROM counts \g /dev/null
\if :has_values
	SELECT plan_for(true, false) \g /dev/null
	SELECT measure(:'keys', 'point, hit, index only', :'method',
		'SELECT count(d.k) FROM probe q JOIN d ON d.k = q.k', probes, probes, 'Index Only Scan using d_k') FROM counts \g /dev/null
\endif
\if :has_prefixes
	SELECT plan_for(false, false) \g /dev/null
	SELECT measure(:'keys', 'prefix, about ' || about || ', with the rows', :'method',
		format('SELECT count(d.n) FROM prefix q JOIN d ON %s WHERE q.about = %s', :'has_prefix', about),
		count(*), sum(matches)::bigint, 'Index Scan using d_k')
	FROM prefix GROUP BY about ORDER BY about \g /dev/null
	SELECT plan_for(true, false) \g /dev/null
	SELECT measure(:'keys', 'prefix, about ' || about || ', index only', :'method',
		format('SELECT count(d.k) FROM prefix q JOIN d ON %s WHERE q.about = %s', :'has_prefix', about),
		count(*), sum(matches)::bigint, 'Index Only Scan using d_k')
	FROM prefix GROUP BY about ORDER BY about \g /dev/null
\endif
\if :has_order
	SELECT plan_for(false, false) \g /dev/null
	SELECT measure(:'keys', 'next 100 in order, with the rows', :'method',
		'SELECT count(x.n) FROM probe_few q, LATERAL (SELECT n FROM d WHERE d.k >= q.k ORDER BY d.k LIMIT 100) AS x',
		few, next_rows, 'Index Scan using d_k') FROM counts \g /dev/null
	SELECT plan_for(true, false) \g /dev/null
	SELECT measure(:'keys', 'next 100 in order, index only', :'method',
		'SELECT count(x.k) FROM probe_few q, LATERAL (SELECT k FROM d WHERE d.k >= q.k ORDER BY d.k LIMIT 100) AS x',
		few, next_rows, 'Index Only Scan using d_k') FROM counts \g /dev/null
	SELECT measure(:'keys', 'all in order, index only, per key', :'method',
		'SELECT count(k) FROM (SELECT k FROM d ORDER BY k OFFSET 0) AS s', rows, rows, 'Index Only Scan using d_k')
	FROM counts \g /dev/null
\endif
