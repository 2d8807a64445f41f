-- load.sql
--      Makes a trie and loads the table of the same name into it: a call of zipora_load
--      says how far it is every two seconds.
--      psql variables: name (of the table and the trie).
\set VERBOSITY terse

SELECT zipora_create(:'name', value_type => 'bigint') AS created \gset
\echo loading
SELECT clock_timestamp() AS began \gset
SELECT zipora_load(:'name', format('SELECT key, id FROM %I', :'name')) AS loaded \gset
SELECT round(extract(epoch FROM clock_timestamp() - :'began'), 2) AS seconds,
       round(:loaded / extract(epoch FROM clock_timestamp() - :'began')) AS per_second \gset
\echo :loaded keys in :seconds s, :per_second a second
