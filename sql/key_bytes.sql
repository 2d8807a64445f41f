-- Keys: any bytes, of any length up to the limit, as text and as bytea.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

SELECT zipora_create('k', 'bigint');

-- the empty key, and NUL and FF bytes
SELECT zipora_insert('k', '', 1), zipora_insert('k', '\x00'::bytea, 2), zipora_insert('k', '\x0000'::bytea, 3),
	   zipora_insert('k', '\xff'::bytea, 4), zipora_insert('k', '\xffff'::bytea, 5);
SELECT * FROM zipora_scan('k', NULL::bytea, NULL);
SELECT * FROM zipora_scan('k', NULL::bytea, NULL, true);
SELECT * FROM zipora_prefix('k', '\xff'::bytea);
SELECT * FROM zipora_prefix('k', '\xff'::bytea, true);
SELECT * FROM zipora_prefix('k', '\x00'::bytea);
SELECT * FROM zipora_longest_prefix('k', '\x000001'::bytea);
SELECT * FROM zipora_prefixes_of('k', '\x000001'::bytea);

-- text and bytea keys are the same bytes
SELECT zipora_insert('k', 'text', 6), zipora_insert('k', 'text'::bytea, 7), zipora_lookup('k', 'text'::bytea);
SELECT zipora_increment('k', 'text'::bytea), zipora_lookup_bigint('k', 'text');
SELECT zipora_contains('k', 'text'::bytea), zipora_delete('k', 'text'::bytea), zipora_contains('k', 'text');

-- what is no text cannot be read as text
SELECT * FROM zipora_scan('k');
SELECT * FROM zipora_prefixes_of('k', 'text');
SELECT zipora_delete('k', '\x00'::bytea), zipora_delete('k', '\x0000'::bytea);
SELECT * FROM zipora_scan('k', upper => 'zzz');
SELECT * FROM zipora_scan('k', lower => 'zzz');
SELECT zipora_delete('k', '\xff'::bytea), zipora_delete('k', '\xffff'::bytea);

-- the longest key, and one byte more
SELECT zipora_insert('k', repeat('x', 65536), 8), zipora_lookup_bigint('k', repeat('x', 65536));
SELECT zipora_insert('k', repeat('x', 65535), 9), zipora_lookup_bigint('k', repeat('x', 65535));
SELECT zipora_insert('k', repeat('x', 65537), 10);
SELECT zipora_upsert('k', repeat('x', 65537), 10);
SELECT zipora_increment('k', repeat('x', 100000));
SELECT zipora_delete('k', repeat('x', 65537));
SELECT zipora_lookup('k', repeat('x', 65537));
SELECT zipora_contains('k', repeat('x', 65537)::bytea);
SELECT * FROM zipora_scan('k', repeat('x', 65537));
SELECT length(key), value FROM zipora_longest_prefix('k', repeat('x', 1000000));
SELECT length(key), value FROM zipora_prefixes_of('k', repeat('x', 1000000));
SELECT length(key), value FROM zipora_scan('k', 'x', descending => true);
SELECT zipora_count('k');

-- keys that are prefixes of each other, 254 to 257 bytes of the same
SELECT count(*) FILTER (WHERE zipora_insert('k', repeat('p', n), n)) FROM generate_series(1, 300) n;
SELECT bool_and(zipora_lookup_bigint('k', repeat('p', n)) = n) FROM generate_series(1, 300) n;
SELECT count(*), min(length(key)), max(length(key)), bool_and(value = length(key)::text)
FROM zipora_prefixes_of('k', repeat('p', 400)) WHERE key <> '';
SELECT count(*) FILTER (WHERE zipora_delete('k', repeat('p', n))) FROM generate_series(2, 300, 2) n;
SELECT length(key), value FROM zipora_longest_prefix('k', repeat('p', 300));
SELECT count(*) FROM zipora_prefix('k', 'p');
SELECT line FROM zipora_check('k') line WHERE line LIKE 'keys%';
SELECT zipora_drop('k');
