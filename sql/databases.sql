-- A trie belongs to its database; what is left of a dropped database goes.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

SELECT current_database() AS here \gset
SELECT zipora_create('same name', 'bigint'), zipora_insert('same name', 'k', 1);

CREATE DATABASE regress_zipora_other;
\c regress_zipora_other
CREATE EXTENSION zipora;
SELECT * FROM zipora_tries;
SELECT zipora_lookup('same name', 'k');
SELECT zipora_create('same name', 'text'), zipora_insert('same name', 'k', 'other');
SELECT count(zipora_create('more ' || n)) FROM generate_series(1, 100) n;
SELECT zipora_lookup('same name', 'k');
SELECT count(*) FROM zipora_tries;
SELECT count(*) FROM zipora_pool_stats WHERE object NOT LIKE '(%';

\c :here
SELECT zipora_lookup('same name', 'k');
SELECT trie, keys FROM zipora_tries;
SELECT tries AS tries_before, tries_bytes AS bytes_before FROM zipora_memory \gset
DROP DATABASE regress_zipora_other;
-- the next trie that is created anywhere sweeps: 101 go, one comes
SELECT zipora_create('another');
SELECT :tries_before - tries AS went, :bytes_before > tries_bytes AS bytes_went FROM zipora_memory;
SELECT trie, keys FROM zipora_tries ORDER BY trie COLLATE "C";
SELECT zipora_drop('same name'), zipora_drop('another');
