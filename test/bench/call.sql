-- What a call from SQL costs above the core's own lookup: the words in a table, in
-- random order, and the same words in a trie.  From the top:
--	make bench-sql
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
SET jit = off;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE words (k text COLLATE "C", n bigint);
CREATE TEMPORARY TABLE raw (id serial, k text);
\copy raw (k) FROM pstdin
INSERT INTO words SELECT k, id FROM raw ORDER BY md5(k);
VACUUM (FREEZE, ANALYZE) words;
SELECT zipora_create('words', 'bigint') \g /dev/null
SELECT zipora_create('empty', 'bigint') \g /dev/null
SET client_min_messages = warning;
SELECT zipora_load('words', 'SELECT k, n FROM words') AS words_loaded;

CREATE FUNCTION measure(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	begun timestamptz;
	took float8;
	best float8 := 'infinity';
BEGIN
	FOR i IN 1 .. 7 LOOP
		begun := clock_timestamp();
		EXECUTE query;
		took := extract(epoch FROM clock_timestamp() - begun);
		best := least(best, took);
	END LOOP;
	RETURN 1e9 * best / (SELECT count(*) FROM words);
END $$;

CREATE TEMPORARY TABLE figures AS
SELECT measure('SELECT count(k) FROM words') AS scan,
	measure('SELECT count(length(k)) FROM words') AS length,
	measure('SELECT count(zipora_lookup_bigint(''words'', k)) FROM words') AS lookup,
	measure('SELECT count(zipora_lookup_bigint(''empty'', k)) FROM words') AS call,
	measure('SELECT count(zipora_contains(''words'', k)) FROM words') AS contains,
	measure('SELECT count(zipora_lookup_bigint(''words'', k || ''~'')) FROM words') -
		measure('SELECT count(k || ''~'') FROM words') + measure('SELECT count(k) FROM words') AS miss;

SELECT round(scan::numeric, 1) AS "scan, ns a row",
	round((length - scan)::numeric, 1) AS "length(k)",
	round((call - scan)::numeric, 1) AS "call, empty trie",
	round((lookup - scan)::numeric, 1) AS "zipora_lookup_bigint",
	round((contains - scan)::numeric, 1) AS "zipora_contains",
	round((miss - scan)::numeric, 1) AS "a miss",
	round(((call - scan) / (length - scan))::numeric, 2) AS "call / length(k)"
FROM figures;
