-- Values of every type, written and read in every way.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

-- bigint
SELECT zipora_create('b', 'bigint');
SELECT zipora_insert('b', 'one', 1);
SELECT zipora_insert('b', 'one', 2);
SELECT zipora_lookup_bigint('b', 'one'), zipora_lookup('b', 'one'), zipora_lookup('b', 'two');
SELECT zipora_upsert('b', 'one', 11), zipora_upsert('b', 'two', 22);
SELECT zipora_lookup_bigint('b', 'one'), zipora_lookup_bigint('b', 'two');
SELECT zipora_upsert('b', 'max', 9223372036854775807), zipora_upsert('b', 'min', -9223372036854775808);
SELECT zipora_lookup_bigint('b', 'max'), zipora_lookup_bigint('b', 'min'), zipora_lookup('b', 'min');
SELECT zipora_contains('b', 'one'), zipora_contains('b', 'on'), zipora_contains('b', 'ones');
SELECT zipora_delete('b', 'one'), zipora_delete('b', 'one'), zipora_contains('b', 'one');
SELECT zipora_count('b');

-- increment
SELECT zipora_increment('b', 'n'), zipora_increment('b', 'n'), zipora_increment('b', 'n', 40),
	   zipora_increment('b', 'n', -2), zipora_increment('b', 'n', 0);
SELECT zipora_increment('b', 'max');
SELECT zipora_increment('b', 'min', -1);
SELECT zipora_lookup_bigint('b', 'max'), zipora_lookup_bigint('b', 'min');
SELECT zipora_increment('b', NULL);
SELECT zipora_increment('b', 'n', NULL);
SELECT sum(zipora_increment('b', 'sum', g)) FROM generate_series(1, 1000) g;
SELECT zipora_lookup_bigint('b', 'sum');

-- text
SELECT zipora_create('t');
SELECT zipora_insert('t', 'k', 'first'), zipora_insert('t', 'k', 'second'), zipora_lookup('t', 'k');
SELECT zipora_upsert('t', 'k', 'third'), zipora_lookup('t', 'k');
SELECT zipora_upsert('t', 'empty', ''), zipora_lookup('t', 'empty') = '' AS is_empty;
SELECT zipora_upsert('t', 'Zürich', 'Grüße'), zipora_lookup('t', 'Zürich');

-- bytea
SELECT zipora_create('y', 'bytea');
SELECT zipora_insert('y', 'k', '\x00ff00'::bytea), zipora_lookup_bytea('y', 'k'), zipora_lookup('y', 'k');
SELECT zipora_upsert('y', 'k', ''::bytea), zipora_lookup_bytea('y', 'k'), zipora_lookup_bytea('y', 'l') IS NULL AS absent;

-- jsonb
SELECT zipora_create('j', 'jsonb');
SELECT zipora_insert('j', 'k', '{"a": [1, 2.50, null, {"b": "c"}]}'::jsonb);
SELECT zipora_lookup_jsonb('j', 'k'), zipora_lookup_jsonb('j', 'k') #>> '{a,3,b}', zipora_lookup('j', 'k');
SELECT zipora_upsert('j', 'k', '7'::jsonb);
SELECT zipora_lookup_jsonb('j', 'k')::int + 1;
SELECT zipora_upsert('j', 'k', 'null'::jsonb), zipora_lookup_jsonb('j', 'k'), zipora_lookup_jsonb('j', 'x') IS NULL AS absent;

-- none
SELECT zipora_create('n', 'none');
SELECT zipora_insert('n', 'k'), zipora_insert('n', 'k'), zipora_upsert('n', 'k'), zipora_upsert('n', 'l');
SELECT zipora_contains('n', 'k'), zipora_contains('n', 'm'), zipora_count('n');
SELECT * FROM zipora_scan('n');

-- large values: stored toasted or compressed, and of sizes around those of blocks
CREATE TEMP TABLE large AS
SELECT n, left(repeat(md5(n::text), n / 32 + 1), n) AS v
FROM unnest(ARRAY[1, 15, 16, 17, 1023, 1024, 1025, 4095, 4096, 32767, 32768, 32769, 100000, 3000000]) n;
SELECT count(*) FILTER (WHERE zipora_insert('t', 'large' || n, v)) FROM large;
SELECT n FROM large WHERE zipora_lookup('t', 'large' || n) IS DISTINCT FROM v;
SELECT bool_and(zipora_upsert('y', n::text, v::bytea)), bool_and(zipora_lookup_bytea('y', n::text) = v::bytea) FROM large;
SELECT count(*) FROM zipora_prefix('t', 'large') s JOIN large ON s.key = 'large' || n AND s.value = v;
SELECT count(*) FROM large WHERE zipora_longest_prefix('t', 'large' || n) = ROW('large' || n, v);
SELECT count(*) FILTER (WHERE zipora_delete('t', 'large' || n)) FROM large;

-- wrong types
SELECT zipora_insert('b', 'k', 'text'::text);
SELECT zipora_insert('b', 'k');
SELECT zipora_upsert('t', 'k', 5);
SELECT zipora_upsert('t', 'k', '5'::jsonb);
SELECT zipora_insert('y', 'k', 'text');
SELECT zipora_insert('j', 'k', '{}');
SELECT zipora_insert('n', 'k', 5);
SELECT zipora_insert('t', 'k');
SELECT zipora_increment('t', 'k');
SELECT zipora_lookup_bigint('t', 'k');
SELECT zipora_lookup_bytea('t', 'k');
SELECT zipora_lookup_jsonb('y', 'k');
SELECT zipora_lookup('n', 'k');
SELECT zipora_lookup_bigint('n', 'k');

-- NULLs
SELECT zipora_insert('b', NULL::text, 1);
SELECT zipora_insert('b', 'k', NULL::bigint);
SELECT zipora_insert(NULL, 'k', 1);
SELECT zipora_upsert('t', NULL::text, 'v');
SELECT zipora_upsert('t', 'k', NULL::text);
SELECT zipora_insert('n', NULL::text);
SELECT zipora_delete('t', NULL::text);
SELECT zipora_lookup('t', NULL::text) IS NULL, zipora_contains('t', NULL::text) IS NULL,
	   zipora_lookup_bigint('b', NULL::text) IS NULL, zipora_count(NULL) IS NULL;

-- nothing of that changed anything
SELECT trie, keys, pending_frees FROM zipora_tries ORDER BY trie COLLATE "C";
SELECT trie, line FROM zipora_tries, zipora_check(trie) line WHERE line LIKE 'keys%' ORDER BY trie COLLATE "C";
SELECT zipora_drop(t) FROM unnest(ARRAY['b', 't', 'y', 'j', 'n']) t;
