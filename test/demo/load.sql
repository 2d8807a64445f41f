-- load.sql
--      One session of the demo: copies a file into a table, and the table into a trie.
--      psql variables: name (of the table and the trie), file (one key a line).
\set VERBOSITY terse

-- Delimiter and quote are bytes that no line has, so that each line is one key.
CREATE UNLOGGED TABLE :"name" (id bigint GENERATED ALWAYS AS IDENTITY, key text COLLATE "C");
COPY :"name" (key) FROM :'file' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02');
\echo table filled; now into the trie

SELECT zipora_create(:'name', value_type => 'bigint') AS created \gset
SELECT clock_timestamp() AS began \gset
SELECT zipora_load(:'name', format('SELECT key, id FROM %I', :'name')) AS loaded \gset
SELECT round(extract(epoch FROM clock_timestamp() - :'began'), 2) AS seconds,
       round(:loaded / extract(epoch FROM clock_timestamp() - :'began')) AS per_second \gset
\echo :loaded keys in :seconds s, :per_second a second
