-- show.sql
--      What the demo looks up in the two tries.
\pset footer off
\pset null '(null)'

\echo
\echo == Looking up words: the value is the row of the input
\echo
SELECT word, zipora_contains('words', word) AS contained,
       zipora_lookup_bigint('words', word) AS value
FROM unnest(ARRAY['concurrent', 'trie', 'zebra', 'no such word']) AS word;

\echo == All words that begin with "postg", in order
\echo
SELECT * FROM zipora_prefix('words', 'postg', max_rows => 10);

\echo == The longest word that "understandablest" begins with, and all of them
\echo
SELECT * FROM zipora_longest_prefix('words', 'understandablest');
SELECT * FROM zipora_prefixes_of('words', 'understandablest');

\echo == Some paths below a folder
\echo
SELECT * FROM zipora_prefix('paths', '/usr/bin/a', max_rows => 5);

\echo == The longest known path that a made-up one begins with
\echo
SELECT p.key || '/and/more' AS query, (zipora_longest_prefix('paths', p.key || '/and/more')).key
FROM zipora_prefix('paths', '/usr/share/', max_rows => 3) AS p;
