-- Probes of d by its index "d_k", or by ctid.
-- psql variables: keys (kind and number), method (btree, hash, zipora, or no index)
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT :'method' = 'no index' AS is_floor, :'method' NOT IN ('hash', 'no index') AS has_values \gset
SELECT plan_for(false, false) \g /dev/null
\if :is_floor
	SELECT measure(:'keys', 'hit, with the row', :'method', 'SELECT count(d.n) - count(nullif(d.n, q.n)) FROM probe_place q JOIN d ON d.ctid = q.place',
		count(*), count(*), 'Tid Scan') FROM probe_place \g /dev/null
\else
	SELECT measure(:'keys', 'hit, with the row', :'method', 'SELECT count(d.n) - count(nullif(d.n, q.n)) FROM probe q JOIN d ON d.k = q.k',
		count(*), count(*), 'Index Scan using d_k') FROM probe \g /dev/null
\endif
\if :has_values
	SELECT plan_for(true, false) \g /dev/null
	SELECT measure(:'keys', 'hit, index only', :'method', 'SELECT count(d.k) FROM probe q JOIN d ON d.k = q.k',
		count(*), count(*), 'Index Only Scan using d_k') FROM probe \g /dev/null
\endif
