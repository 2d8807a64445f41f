-- fill.sql
--      Copies a file into a table.
--      psql variables: name (of the table), file (one key a line).

-- Delimiter and quote are bytes that no line has, so that each line is one key.
CREATE UNLOGGED TABLE :"name" (id bigint GENERATED ALWAYS AS IDENTITY, key text COLLATE "C");
COPY :"name" (key) FROM :'file' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02');
