-- zipora_load: queries into tries.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

CREATE TEMP TABLE source AS
SELECT n, 'key ' || n AS k, md5(n::text) AS v FROM generate_series(1, 5000) n;
SELECT zipora_create('lt'), zipora_create('lb', 'bigint'), zipora_create('ly', 'bytea'),
	   zipora_create('lj', 'jsonb'), zipora_create('ln', 'none');

SELECT zipora_load('lt', 'SELECT k, v FROM source');
SELECT zipora_load('lb', 'SELECT k, n FROM source');
SELECT zipora_load('ly', 'SELECT k::bytea, v::bytea FROM source');
SELECT zipora_load('lj', 'SELECT k::varchar, to_jsonb(source) FROM source');
SELECT zipora_load('ln', 'SELECT k FROM source');
SELECT count(*) FROM source
WHERE zipora_lookup('lt', k) = v AND zipora_lookup_bigint('lb', k) = n AND zipora_lookup_bytea('ly', k) = v::bytea
  AND (zipora_lookup_jsonb('lj', k) ->> 'n')::int = n AND zipora_contains('ln', k);

-- later rows replace earlier ones; all rows count
SELECT zipora_load('lb', 'SELECT ''same'', n FROM generate_series(1, 2500) n');
SELECT zipora_lookup_bigint('lb', 'same'), zipora_count('lb');
SELECT zipora_load('lb', 'SELECT ''small'', 7::smallint UNION ALL SELECT ''int'', 8::int');
SELECT zipora_lookup_bigint('lb', 'small') + zipora_lookup_bigint('lb', 'int');
SELECT zipora_load('lb', 'SELECT k, n FROM source WHERE false');

-- domains are what they are made of
CREATE DOMAIN word AS text;
SELECT zipora_load('lt', 'SELECT ''d''::word, ''e''::word');
DROP DOMAIN word;

-- refused
SELECT zipora_load('lb', 'SELECT k FROM source');
SELECT zipora_load('lb', 'SELECT k, n, v FROM source');
SELECT zipora_load('lb', 'SELECT k, v FROM source');
SELECT zipora_load('lb', 'SELECT n, n FROM source');
SELECT zipora_load('lt', 'SELECT k, n FROM source');
SELECT zipora_load('ln', 'SELECT k, v FROM source');
SELECT zipora_load('lt', 'SELECT k, NULL::text FROM source');
SELECT zipora_load('lt', 'SELECT NULL::text, v FROM source');
SELECT zipora_load('lt', 'DROP TABLE source');
SELECT zipora_load('lt', 'SELECT 1; SELECT 2');
SELECT zipora_load('lt', 'no query');
SELECT zipora_load('lt', '');
SELECT zipora_load('lt', NULL);
SELECT zipora_load(NULL, 'SELECT k, v FROM source');

-- what came before the error stays
SELECT zipora_load('lb', 'SELECT ''before '' || n, 10 / (3 - n) FROM generate_series(1, 5) n');
SELECT zipora_load('lb', 'SELECT CASE WHEN n = 1500 THEN repeat(''x'', 70000) ELSE ''long '' || n END, n FROM generate_series(1, 2000) n');
SELECT count(*) FROM zipora_prefix('lb', 'long ');

-- a query that writes to, or drops, the trie that it loads
SELECT zipora_load('lb', 'SELECT ''echo '' || zipora_increment(''lb'', ''calls''), 1 FROM generate_series(1, 1500)');
SELECT zipora_lookup_bigint('lb', 'calls'), (SELECT count(*) FROM zipora_prefix('lb', 'echo '));
SELECT zipora_load('lb', 'SELECT ''x'', CASE WHEN n = 1200 THEN zipora_drop(''lb'')::int ELSE n END FROM generate_series(1, 3000) n');
SELECT zipora_create('lb', 'bigint');

SELECT t, zipora_count(t), line
FROM unnest(ARRAY['lt', 'lb', 'ly', 'lj', 'ln']) t, zipora_check(t) line
WHERE line LIKE 'keys%';
SELECT zipora_drop(t) FROM unnest(ARRAY['lt', 'lb', 'ly', 'lj', 'ln']) t;
