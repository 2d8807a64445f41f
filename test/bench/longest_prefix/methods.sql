-- The longest prefix in every way.
-- psql variables: keys (phones, routes), rows, lookups, wants_*
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '256MB';
SELECT :'keys' = 'routes' AS has_c, greatest(:lookups / 50, 1) AS few,
	max(length(k)) AS longest, min(length(k)) AS shortest,
	'(VALUES ' || string_agg(DISTINCT format('(%s)', lpad(length(k)::text, 2)), ', ' ORDER BY format('(%s)', lpad(length(k)::text, 2)) DESC)
		|| ') AS l (length)' AS lengths,
	'ARRAY[' || string_agg(DISTINCT format('left(q.k, %s)', length(k)), ', ') || ']' AS prefixes
FROM d \gset

-- What the answers must be, without any index.
ANALYZE d, q;
CREATE TABLE answer AS SELECT DISTINCT ON (q.i) q.i, d.*, d.ctid AS place
FROM q CROSS JOIN :lengths JOIN d ON d.k = left(q.k, l.length) ORDER BY q.i, l.length DESC;
VACUUM ANALYZE d, q, answer;
SELECT report(:'keys', 'found', 'of 100', 'all', count(*) * 100.0 / :lookups) FROM answer \g /dev/null

SELECT plan_for(false, false) \g /dev/null
SELECT measure(:'keys', 'with the row', 'no index: the row by its ctid',
	'SELECT sum(d.n # a.i) FROM answer AS a JOIN d ON d.ctid = a.place', :lookups, sum(n # i), 'Tid Scan') FROM answer \g /dev/null

\if :wants_zipora
	SELECT build(:'keys', 'zipora, text @^', 'd', 'zipora (k text_c_ops)') \g /dev/null
	VACUUM ANALYZE d;
	SELECT look_up(:'keys', 'zipora, text @^', false, :lookups, 'Index Scan Backward using d_k',
		'SELECT n FROM d WHERE k @^ q.k ORDER BY k DESC LIMIT 1') \g /dev/null
	SELECT look_up(:'keys', 'zipora, text @^', true, :lookups, 'Index Only Scan Backward using d_k',
		'SELECT k FROM d WHERE k @^ q.k ORDER BY k DESC LIMIT 1', 'k') \g /dev/null
	\if :has_c
		SELECT build(:'keys', 'zipora, cidr >>=', 'd', 'zipora (c inet_ops)') \g /dev/null
		VACUUM ANALYZE d;
		SELECT look_up(:'keys', 'zipora, cidr >>=', false, :lookups, 'Index Scan Backward using d_k',
			'SELECT n FROM d WHERE c >>= q.c ORDER BY c DESC LIMIT 1') \g /dev/null
		SELECT look_up(:'keys', 'zipora, cidr >>=', true, :lookups, 'Index Only Scan Backward using d_k',
			'SELECT c FROM d WHERE c >>= q.c ORDER BY c DESC LIMIT 1', 'c') \g /dev/null
	\endif
\endif

\if :wants_hash
	SELECT build(:'keys', 'hash, loop in SQL', 'd', 'hash (k)') \g /dev/null
	SELECT look_up(:'keys', 'hash, loop in SQL', false, :lookups, 'Values Scan.*Index Scan using d_k',
		'SELECT d.n FROM ' || :'lengths' || ', d WHERE d.k = left(q.k, l.length) LIMIT 1') \g /dev/null
	SELECT check_plan('inside', 'SELECT n FROM d WHERE k = left(''1'', 3)', 'Index Scan using d_k') \g /dev/null
	SELECT look_up(:'keys', 'hash, loop in plpgsql', false, :lookups, 'Seq Scan on q',
		format('SELECT loop_over_lengths(q.k, %s, %s) AS n', :longest, :shortest)) \g /dev/null
	\if :has_c
		SELECT build(:'keys', 'hash, loop in SQL, cidr', 'd', 'hash (c)') \g /dev/null
		SELECT look_up(:'keys', 'hash, loop in SQL, cidr', false, :lookups, 'Values Scan.*Index Scan using d_k',
			'SELECT d.n FROM ' || :'lengths' || ', d WHERE d.c = set_masklen(q.c::cidr, l.length) LIMIT 1') \g /dev/null
	\endif
\endif

\if :wants_btree
	SELECT build(:'keys', 'btree, loop in SQL', 'd', 'btree (k)') \g /dev/null
	VACUUM ANALYZE d;
	SELECT look_up(:'keys', 'btree, loop in SQL', false, :lookups, 'Values Scan.*Index Scan using d_k',
		'SELECT d.n FROM ' || :'lengths' || ', d WHERE d.k = left(q.k, l.length) LIMIT 1') \g /dev/null
	SELECT look_up(:'keys', 'btree, loop in SQL', true, :lookups, 'Values Scan.*Index Only Scan using d_k',
		'SELECT d.k FROM ' || :'lengths' || ', d WHERE d.k = left(q.k, l.length) LIMIT 1', 'k') \g /dev/null
	SELECT check_plan('inside', 'SELECT n FROM d WHERE k = left(''1'', 3)', 'Index Scan using d_k') \g /dev/null
	SELECT look_up(:'keys', 'btree, loop in plpgsql', false, :lookups, 'Seq Scan on q',
		format('SELECT loop_over_lengths(q.k, %s, %s) AS n', :longest, :shortest)) \g /dev/null
	SELECT look_up(:'keys', 'btree, = ANY', false, :lookups, 'Index Scan Backward using d_k',
		'SELECT n FROM d WHERE k = ANY (' || :'prefixes' || ') ORDER BY k DESC LIMIT 1') \g /dev/null
	SELECT look_up(:'keys', 'btree, = ANY', true, :lookups, 'Index Only Scan Backward using d_k',
		'SELECT k FROM d WHERE k = ANY (' || :'prefixes' || ') ORDER BY k DESC LIMIT 1', 'k') \g /dev/null
	\if :has_c
		SELECT build(:'keys', 'btree, loop in SQL, cidr', 'd', 'btree (c)') \g /dev/null
		SELECT look_up(:'keys', 'btree, loop in SQL, cidr', false, :lookups, 'Values Scan.*Index Scan using d_k',
			'SELECT d.n FROM ' || :'lengths' || ', d WHERE d.c = set_masklen(q.c::cidr, l.length) LIMIT 1') \g /dev/null
	\endif
\endif

\if :has_c
	\if :wants_spgist
		SELECT build(:'keys', 'SP-GiST, inet', 'd', 'spgist (c inet_ops)') \g /dev/null
		VACUUM ANALYZE d;
		SELECT look_up(:'keys', 'SP-GiST, inet', false, :lookups, 'Index Scan using d_k',
			'SELECT n FROM d WHERE c >>= q.c ORDER BY masklen(c) DESC LIMIT 1') \g /dev/null
		SELECT look_up(:'keys', 'SP-GiST, inet', true, :lookups, 'Index Only Scan using d_k',
			'SELECT c FROM d WHERE c >>= q.c ORDER BY masklen(c) DESC LIMIT 1', 'c') \g /dev/null
	\endif
	\if :wants_gist
		SELECT build(:'keys', 'GiST, inet', 'd', 'gist (c inet_ops)') \g /dev/null
		SELECT look_up(:'keys', 'GiST, inet', false, :few, 'Index Scan using d_k',
			'SELECT n FROM d WHERE c >>= q.c ORDER BY masklen(c) DESC LIMIT 1') \g /dev/null
	\endif
\endif

\if :wants_prefix
	CREATE TABLE ranges AS SELECT n, k::prefix_range AS p FROM d;
	ALTER TABLE q ADD p prefix_range;
	UPDATE q SET p = k::prefix_range;
	SELECT build(:'keys', 'GiST, prefix', 'ranges', 'gist (p gist_prefix_range_ops)') \g /dev/null
	VACUUM FULL q;
	VACUUM ANALYZE ranges, q;
	SELECT look_up(:'keys', 'GiST, prefix', false, :few, 'Index Scan using d_k',
		'SELECT n FROM ranges WHERE p @> q.p ORDER BY length(p) DESC LIMIT 1') \g /dev/null
\endif

\if :wants_trie
	SELECT zipora_create('d', 'bigint') \g /dev/null
	SELECT zipora_load('d', 'SELECT k, n FROM d') \g /dev/null
	SELECT report(:'keys', 'in memory', 'bytes', 'zipora_longest_prefix', reserved_bytes / :rows.0)
	FROM zipora_tries WHERE trie = 'd' \g /dev/null
	SELECT look_up(:'keys', 'zipora_longest_prefix', false, :lookups, 'Function Scan on zipora_longest_prefix',
		'SELECT value::int AS n FROM zipora_longest_prefix(''d'', q.k)') \g /dev/null
	SELECT zipora_drop('d') \g /dev/null
\endif
