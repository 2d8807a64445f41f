-- The least that such joins can cost: the row is fetched by its place, or there is none to fetch.
-- psql variable: keys
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT plan_for(false, false) \g /dev/null
SELECT measure(:'keys', 'point, hit, with the row', 'no index',
	'SELECT count(d.n) FROM probe_place q JOIN d ON d.ctid = q.place', probes, probes, 'Tid Scan') FROM counts \g /dev/null
SELECT measure(:'keys', 'point, miss', 'no index',
	'SELECT count(d.n) FROM probe_miss q JOIN LATERAL (SELECT 1 AS n WHERE q.k IS NULL) AS d ON true', probes, 0,
	'Nested Loop|Seq Scan') FROM counts \g /dev/null
