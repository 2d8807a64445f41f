-- Indexes: values that are too long, CLUSTER, whose code runs, options of an image that is loaded.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

-- Values that are too long for an entry.  (Stored as they are: what compresses well would fit.)
CREATE TABLE toolong (k text, f text, i int);
ALTER TABLE toolong ALTER k SET STORAGE EXTERNAL, ALTER f SET STORAGE EXTERNAL;
CREATE INDEX toolong_k ON toolong USING zipora (k);
CREATE INDEX toolong_i ON toolong USING zipora (i) INCLUDE (f);
INSERT INTO toolong VALUES ('fits', 'fits', 1), (repeat('k', 8000), repeat('f', 8000), 2);
INSERT INTO toolong VALUES (repeat('k', 8200), 'short', 3);
INSERT INTO toolong VALUES ('short', repeat('f', 8200), 3);
INSERT INTO toolong VALUES (repeat('k', 100000), repeat('f', 100000), 3);
UPDATE toolong SET k = repeat('u', 8200) WHERE i = 1;
UPDATE toolong SET f = repeat('u', 8200) WHERE i = 1;
COPY toolong FROM PROGRAM 'printf ''short\tshort\t5\n''; printf ''c%.0s'' $(seq 8200); printf ''\tshort\t6\n''';
COPY toolong FROM PROGRAM 'printf ''short\t''; printf ''c%.0s'' $(seq 8200); printf ''\t6\n''';
-- What constraint is told, as a client sees it.
DO $$
DECLARE
	state text;
	schema_name text;
	table_name text;
	constraint_name text;
	statement text;
BEGIN
	FOREACH statement IN ARRAY ARRAY[
		$q$INSERT INTO toolong VALUES (repeat('k', 8200), '', 3)$q$,
		$q$UPDATE toolong SET f = repeat('f', 8200)$q$,
		$q$CREATE INDEX toolong_bad ON toolong USING zipora ((repeat(k, 3)))$q$,
		$q$CREATE INDEX toolong_bad ON toolong USING zipora (k) INCLUDE (f)$q$] LOOP
		BEGIN
			EXECUTE statement;
			RAISE 'no error: %', statement;
		EXCEPTION WHEN program_limit_exceeded THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, schema_name = SCHEMA_NAME,
				table_name = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
			RAISE NOTICE '% %.% %', state, schema_name, table_name, constraint_name;
		END;
	END LOOP;
END $$;
SELECT zipora_index_check('toolong_k', true), zipora_index_check('toolong_i', true);
SET enable_seqscan = off;
SELECT left(k, 5), length(k), length(f), i FROM toolong WHERE k >= '' ORDER BY i;
SELECT length(k) FROM toolong WHERE k = repeat('k', 8000);
SELECT i, length(f) FROM toolong WHERE i > 0;
RESET enable_seqscan;
-- The longest that fits, to the byte.
CREATE TABLE longest (k bytea, f bytea);
ALTER TABLE longest ALTER k SET STORAGE EXTERNAL, ALTER f SET STORAGE EXTERNAL;
CREATE INDEX longest_k ON longest USING zipora (k) INCLUDE (f);
DO $$
DECLARE
	fits int;
BEGIN
	FOR k IN REVERSE 8192 .. 8000 LOOP
		BEGIN
			INSERT INTO longest VALUES (decode(repeat('6b', k), 'hex'), NULL);
			fits := k;
			EXIT;
		EXCEPTION WHEN program_limit_exceeded THEN
		END;
	END LOOP;
	RAISE NOTICE 'the longest key has % bytes', fits;
	INSERT INTO longest SELECT decode(repeat('6b', fits), 'hex'), NULL FROM generate_series(1, 3);
	INSERT INTO longest SELECT decode(repeat('6c', fits - 5000), 'hex'), decode(repeat('66', 4990), 'hex');
END $$;
SET enable_seqscan = off;
SELECT count(*), min(length(k)) FROM longest WHERE k < '\x6c';
DELETE FROM longest WHERE ctid = '(0,1)' OR length(f) > 0;
VACUUM longest;
SELECT count(*), max(length(k)) FROM longest WHERE k >= '\x00';
SELECT zipora_index_check('longest_k', true);
REINDEX INDEX longest_k;
SELECT count(*), max(length(k)) FROM longest WHERE k >= '\x00';
RESET enable_seqscan;

-- CLUSTER, whatever the operator class: all rows stay, in the index's order.
CREATE TABLE clustered (i int, n bigint, t text, v varchar, c char(5), b bytea, u uuid, d date, s timestamptz, a inet,
	o oid, l boolean, m "char");
INSERT INTO clustered SELECT hashint4(g) % 100, hashint4(g), md5(g::text), md5(g::text), left(md5(g::text), 3),
	decode(md5(g::text), 'hex'), md5(g::text)::uuid, date '2000-01-01' + g % 50, timestamptz '2026-01-01' + g * interval '1 hour',
	('10.0.' || g % 256 || '.1')::inet, g, g % 2 = 0, chr(97 + g % 26)::"char"
FROM generate_series(1, 500) AS g;
INSERT INTO clustered SELECT FROM generate_series(1, 3);
DELETE FROM clustered WHERE i % 10 = 3;
DO $$
DECLARE
	part record;
	rows bigint;
	sum_before bigint := (SELECT sum(hashtext(x::text)::bigint) FROM clustered AS x);
	clustered int := 0;
BEGIN
	FOR part IN
		SELECT format('%I%s', a.attname, CASE WHEN o.opcname LIKE '%_c_ops' THEN ' COLLATE "C"' END) AS value,
			o.opcname, s.oprname, l.direction
		FROM pg_attribute AS a
			JOIN pg_opclass AS o ON o.opcintype = a.atttypid OR (a.atttypid = 'varchar'::regtype AND o.opcintype = 'text'::regtype)
			JOIN pg_am AS m ON m.oid = o.opcmethod AND m.amname = 'zipora'
			JOIN pg_amop AS p ON p.amopfamily = o.opcfamily AND p.amopstrategy = 1 AND
				p.amoplefttype = o.opcintype AND p.amoprighttype = o.opcintype
			JOIN pg_operator AS s ON s.oid = p.amopopr
			CROSS JOIN (VALUES ('ASC'), ('DESC')) AS l (direction)
		WHERE a.attrelid = 'clustered'::regclass AND a.attnum > 0
		ORDER BY a.attnum, 2, 4
	LOOP
		EXECUTE format('CREATE INDEX clustered_i ON clustered USING zipora ((%s) %I %s)', part.value, part.opcname, part.direction);
		EXECUTE 'CLUSTER clustered USING clustered_i';
		EXECUTE format('SELECT count(*) FROM (SELECT %1$s AS k, lag(%1$s) OVER (ORDER BY ctid) AS before FROM clustered) AS pairs
			WHERE %2$s', part.value, CASE part.direction WHEN 'ASC' THEN format('k OPERATOR(%s) before', part.oprname)
			ELSE format('before OPERATOR(%s) k', part.oprname) END) INTO rows;
		IF rows <> 0 THEN
			RAISE 'CLUSTER by % %: % pairs are out of order', part.opcname, part.direction, rows;
		END IF;
		SELECT sum(hashtext(x::text)::bigint) INTO rows FROM clustered AS x;
		IF rows IS DISTINCT FROM sum_before THEN
			RAISE 'CLUSTER by % %: other rows', part.opcname, part.direction;
		END IF;
		PERFORM zipora_index_check('clustered_i', true);
		DROP INDEX clustered_i;
		clustered := clustered + 1;
	END LOOP;
	RAISE NOTICE 'clustered by enough: %', clustered >= 26;
END $$;
-- what CLUSTER refuses
CREATE INDEX clustered_part ON clustered USING zipora (i) WHERE i > 5;
CLUSTER clustered USING clustered_part;
DROP TABLE clustered, toolong, longest;

-- zipora_index_check runs an index's own code as the table's owner, and lets it do nothing else.
CREATE ROLE regress_zipora_owner;
CREATE SCHEMA regress_zipora_owned AUTHORIZATION regress_zipora_owner;
SET ROLE regress_zipora_owner;
SET search_path = regress_zipora_owned, public;
CREATE FUNCTION told(k int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF k = 7 THEN
		RAISE NOTICE '%, % of %', k, current_user, current_setting('regress.value', true);
		PERFORM set_config('regress.value', 'changed', false);
	END IF;
	RETURN k;
END $$;
CREATE FUNCTION is_wanted(k int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF k = 8 THEN
		RAISE NOTICE '%, %', k, current_user;
	END IF;
	RETURN true;
END $$;
CREATE TABLE owned (k int);
INSERT INTO owned SELECT generate_series(1, 10);
SET client_min_messages = warning;
CREATE INDEX owned_k ON owned USING zipora (told(k)) WHERE is_wanted(k);
RESET client_min_messages;
RESET ROLE;
SET regress.value = 'before';
SELECT zipora_index_check('owned_k', true);
SELECT current_user = session_user AS same, current_setting('regress.value') AS value;
-- the same after an error in it
SET ROLE regress_zipora_owner;
CREATE OR REPLACE FUNCTION told(k int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM set_config('role', 'none', false);
	RETURN k;
END $$;
RESET ROLE;
SELECT zipora_index_check('owned_k', true);
SELECT current_user = session_user AS same;
RESET regress.value;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_zipora_owned CASCADE;
RESET client_min_messages;
DROP ROLE regress_zipora_owner;

-- ALTER INDEX ... SET: an image that is loaded follows at its next use.
CREATE TABLE optioned (k int) WITH (autovacuum_enabled = false);
INSERT INTO optioned SELECT generate_series(1, 1000);
CREATE INDEX optioned_k ON optioned USING zipora (k);
SET enable_seqscan = off;
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
ALTER INDEX optioned_k SET (pool = mutex);
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
ALTER INDEX optioned_k SET (access = multi_writer);
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
ALTER INDEX optioned_k SET (preset = performance);
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
ALTER INDEX optioned_k SET (pool = lock_free, access = one_writer);
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
-- no other option, nor one set to what it is, costs a load
ALTER INDEX optioned_k SET (fillfactor = 70);
ALTER INDEX optioned_k SET (pool = lock_free);
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
ALTER INDEX optioned_k RESET (pool, access, preset);
SELECT count(*) FROM optioned WHERE k < 100;
SELECT state, reason, access, pool_level, loads FROM zipora_index_stats WHERE index = 'optioned_k'::regclass;
SELECT zipora_index_check('optioned_k', true);
DROP TABLE optioned;
