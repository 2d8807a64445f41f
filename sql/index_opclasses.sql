-- Every operator class of the index: each operator with each constant, in both orders, as an
-- index scan, an index-only scan and a bitmap scan, against a sequential scan.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

-- All of them are right, in the eyes of amvalidate.
SELECT opcname FROM pg_opclass
WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'zipora') AND NOT amvalidate(oid);
-- And every object has a comment.
SELECT 'operator class', opcname FROM pg_opclass
WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'zipora') AND
	obj_description(oid, 'pg_opclass') IS NULL
UNION ALL
SELECT 'operator family', opfname FROM pg_opfamily
WHERE opfmethod = (SELECT oid FROM pg_am WHERE amname = 'zipora') AND
	obj_description(oid, 'pg_opfamily') IS NULL
UNION ALL
SELECT 'operator', oprname FROM pg_operator
WHERE oprname = '@^' AND obj_description(oid, 'pg_operator') IS NULL;

\getenv source_folder PG_ABS_SRCDIR
\set file :source_folder '/test/regress/compare_scans.sql'
\i :file

-- Makes a table of the values, each several times and in no order, with NULLs, and its indexes;
-- then asks for each operator and constant, alone and in pairs, and for arrays.
CREATE FUNCTION pg_temp.check_class(class text, type text, "values" text[], operators text[],
	constants text[], less text, collation_name text DEFAULT NULL,
	index_only boolean DEFAULT true) RETURNS TABLE (what text, answer text)
LANGUAGE plpgsql AS $$
DECLARE
	direction text;
	operator text;
	other text;
	constant text;
	orders text[];
	ordering text;
	wrong text;
	checked int;
	answers bigint;
	found bigint;
	column_type text := type || coalesce(' COLLATE ' || quote_ident(collation_name), '');
BEGIN
	FOREACH direction IN ARRAY ARRAY['', 'DESC', 'NULLS FIRST', 'DESC NULLS LAST'] LOOP
		EXECUTE format('CREATE TEMP TABLE v (id int, k %s)', column_type);
		EXECUTE format('INSERT INTO v SELECT i, ($1)[1 + i * 7 %% $2]::%s FROM generate_series(1, 3 * $2) i',
			type) USING "values", cardinality("values");
		INSERT INTO v SELECT -i, NULL FROM generate_series(1, 3) i;
		EXECUTE format('CREATE INDEX v_index ON v USING zipora (k %s %s) INCLUDE (id)', class, direction);
		EXECUTE format('INSERT INTO v SELECT 1000 + i, ($1)[i]::%s FROM generate_series(1, $2) i',
			type) USING "values", cardinality("values");
		DELETE FROM v WHERE id % 11 = 3;
		orders := CASE direction
			WHEN '' THEN ARRAY[NULL, format('k USING %s', less), format('k USING %s', replace(less, '<', '>'))]
			WHEN 'DESC' THEN ARRAY[NULL, format('k USING %s', replace(less, '<', '>'))]
			WHEN 'NULLS FIRST' THEN ARRAY[NULL, format('k USING %s NULLS FIRST', less)]
			ELSE ARRAY[NULL, format('k USING %s NULLS LAST', replace(less, '<', '>'))] END;
		what := format('%s %s', class, direction);
		checked := 0;
		answers := 0;
		answer := NULL;
		<<asking>>
		FOREACH ordering IN ARRAY orders LOOP
			FOREACH constant IN ARRAY ARRAY['true', 'k IS NULL', 'k IS NOT NULL'] || ARRAY(
				-- one condition
				SELECT format('k %s %s', o, c) FROM unnest(operators) o, unnest(constants) c
				UNION ALL
				-- two, of which one often says more than the other
				SELECT format('k %s %s AND k %s %s', o, c[1], p, c[2])
				FROM unnest(operators) WITH ORDINALITY o (o, i), unnest(operators) WITH ORDINALITY p (p, j),
					LATERAL (SELECT ARRAY[constants[1 + (i * 3 + j) % cardinality(constants)],
						constants[1 + (i + j * 5) % cardinality(constants)]]) l (c)
				UNION ALL
				-- arrays
				SELECT format('k %s ANY (ARRAY[%s])', o, array_to_string(a, ', '))
				FROM unnest(operators) o, (VALUES (constants[1 : 4] || ARRAY['NULL']),
					(constants[3 : 9] || constants[4 : 5]), (constants)) l (a)
			) LOOP
				CONTINUE WHEN constant = 'true' AND ordering IS NULL;
				wrong := pg_temp.differs('v', 'k', constant, ordering, index_only);
				IF wrong IS NOT NULL THEN
					answer := wrong;
					EXIT asking;
				END IF;
				checked := checked + 1;
				EXECUTE format('SELECT count(*) FROM v WHERE %s', constant) INTO found;
				answers := answers + found;
			END LOOP;
		END LOOP;
		answer := coalesce(answer, format('%s queries agree', checked) ||
			CASE WHEN answers > checked THEN '' ELSE ', but find next to nothing' END);
		RETURN NEXT;
		DROP TABLE v;
	END LOOP;
END
$$;

-- text and varchar: by bytes, whatever the collation
SELECT * FROM pg_temp.check_class('text_ops', 'text',
	ARRAY['', 'a', 'ab', 'abc', 'abcd', 'abd', 'B', 'b', 'ä', 'z', '~', E'\u20AC', E'a\x01', 'ab '],
	ARRAY['~<~', '~<=~', '=', '~>=~', '~>~', '^@', '@^'],
	ARRAY[$$''$$, $$'a'$$, $$'ab'$$, $$'abc'$$, $$'abcde'$$, $$'b'$$, $$'ä'$$, $$'ab x'$$, $$E'a\x01b'$$, $$'zz'$$],
	'~<~');
SELECT * FROM pg_temp.check_class('text_ops', 'text',
	ARRAY['', 'a', 'ab', 'B', 'b', 'ä', 'Ä', 'a b', 'a-b', 'aB'],
	ARRAY['~<~', '~<=~', '=', '~>=~', '~>~', '^@', '@^'],
	ARRAY[$$''$$, $$'a'$$, $$'ab'$$, $$'a-bc'$$, $$'b'$$, $$'ä'$$, $$'Ä'$$, $$'aBB'$$],
	'~<~', 'en-x-icu');
SELECT * FROM pg_temp.check_class('varchar_ops', 'varchar(10)',
	ARRAY['', 'a', 'ab', 'abc', 'abcd', 'abd', 'b'],
	ARRAY['~<~', '~<=~', '=', '~>=~', '~>~', '^@', '@^'],
	ARRAY[$$''$$, $$'a'::varchar$$, $$'ab'::text$$, $$'abc'$$, $$'abcde'$$, $$'b'$$],
	'~<~');
SELECT * FROM pg_temp.check_class('text_c_ops', 'text',
	ARRAY['', 'a', 'ab', 'abc', 'abcd', 'abd', 'B', 'b', 'ä', 'z', '~'],
	ARRAY['<', '<=', '=', '>=', '>', '^@', '@^'],
	ARRAY[$$''$$, $$'a'$$, $$'ab'$$, $$'abc'$$, $$'abcde'$$, $$'b'$$, $$'ä'$$, $$'zz'$$],
	'<', 'C');
SELECT * FROM pg_temp.check_class('varchar_c_ops', 'varchar',
	ARRAY['', 'a', 'ab', 'abc', 'B', 'b', 'ä'],
	ARRAY['<', '<=', '=', '>=', '>', '^@', '@^'],
	ARRAY[$$''$$, $$'a'$$, $$'ab'$$, $$'abc'$$, $$'b'$$, $$'ä'$$],
	'<', 'POSIX');

-- char(n): blanks at the end do not count; its value cannot be read from the index
SELECT * FROM pg_temp.check_class('bpchar_ops', 'char(5)',
	ARRAY['', 'a', 'a b', 'ab', 'abc', 'abcde', 'b'],
	ARRAY['~<~', '~<=~', '=', '~>=~', '~>~'],
	ARRAY[$$''::bpchar$$, $$'a'::bpchar$$, $$'a   '::bpchar$$, $$'a b'::bpchar$$, $$'abcde'::bpchar$$, $$'c'::bpchar$$],
	'~<~', NULL, false);
SELECT * FROM pg_temp.check_class('bpchar_c_ops', 'char(5)',
	ARRAY['', 'a', 'a b', 'ab', 'abc', 'abcde', 'b'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$''::bpchar$$, $$'a'::bpchar$$, $$'a   '::bpchar$$, $$'a b'::bpchar$$, $$'abcde'::bpchar$$, $$'c'::bpchar$$],
	'<', 'C', false);

SELECT * FROM pg_temp.check_class('bytea_ops', 'bytea',
	ARRAY['', '\x00', '\x0000', '\x0001', '\x00ff', '\x01', '\x61', '\x6100', '\x610062', '\xff', '\xff00', '\xffff'],
	ARRAY['<', '<=', '=', '>=', '>', '@^'],
	ARRAY[$$'\x'::bytea$$, $$'\x00'::bytea$$, $$'\x0000'::bytea$$, $$'\x00ff01'::bytea$$, $$'\x6100'::bytea$$, $$'\xff00ff'::bytea$$, $$'\x62'::bytea$$],
	'<');

-- integers of any width with constants of any width, also such as the column cannot hold
SELECT * FROM pg_temp.check_class('int2_ops', 'int2',
	ARRAY['-32768', '-257', '-256', '-255', '-1', '0', '1', '255', '256', '32767'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$0::int2$$, $$'-1'::int2$$, $$255$$, $$'-256'::int4$$, $$40000$$, $$'-40000'::int4$$, $$5000000000$$, $$'-5000000000'::int8$$, $$1::int8$$],
	'<');
SELECT * FROM pg_temp.check_class('int4_ops', 'int4',
	ARRAY['-2147483648', '-65537', '-257', '-256', '-1', '0', '1', '255', '256', '65536', '2147483647'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$0$$, $$'-1'::int2$$, $$255::int2$$, $$'-256'::int4$$, $$65536$$, $$5000000000$$, $$'-5000000000'::int8$$, $$1::int8$$],
	'<');
SELECT * FROM pg_temp.check_class('int8_ops', 'int8',
	ARRAY['-9223372036854775808', '-4294967297', '-256', '-1', '0', '1', '256', '4294967296', '9223372036854775807'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$0$$, $$'-1'::int2$$, $$255::int2$$, $$'-256'::int4$$, $$4294967296$$, $$'-9223372036854775808'::int8$$, $$9223372036854775807$$],
	'<');
SELECT * FROM pg_temp.check_class('oid_ops', 'oid',
	ARRAY['0', '1', '255', '256', '65536', '2147483648', '4294967295'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$0::oid$$, $$1::oid$$, $$256::oid$$, $$2147483647::oid$$, $$4294967295::oid$$],
	'<');
SELECT * FROM pg_temp.check_class('uuid_ops', 'uuid',
	ARRAY['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000001', '7fffffff-ffff-ffff-ffff-ffffffffffff', '80000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$'00000000-0000-0000-0000-000000000001'::uuid$$, $$'7fffffff-ffff-ffff-ffff-ffffffffffff'::uuid$$, $$'90000000-0000-0000-0000-000000000000'::uuid$$, $$'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid$$],
	'<');

-- dates and timestamps, among each other too, where a clock is turned back and a day left out
SET timezone = 'Pacific/Apia';
SELECT * FROM pg_temp.check_class('date_ops', 'date',
	ARRAY['-infinity', '4713-01-01 BC', '1999-12-31', '2000-01-01', '2011-12-29', '2011-12-30', '2011-12-31', '2012-04-01', '5874897-12-31', 'infinity'],
	ARRAY['<', '<=', '=', '>=', '>'],
	ARRAY[$$'2000-01-01'::date$$, $$'infinity'::date$$, $$'-infinity'::date$$, $$'2011-12-30'::date$$],
	'<');
CREATE TEMP TABLE constants AS SELECT c FROM unnest(ARRAY[
	$$'2000-01-01'::date$$, $$'1999-12-31'::date$$, $$'infinity'::date$$, $$'-infinity'::date$$, $$'2011-12-30'::date$$, $$'300000-01-01'::date$$,
	$$'2000-01-01'::timestamp$$, $$'1999-12-31 12:00'::timestamp$$, $$'2011-12-29 23:59:59.999999'::timestamp$$, $$'infinity'::timestamp$$, $$'-infinity'::timestamp$$, $$'294276-12-31 23:59:59'::timestamp$$,
	$$'2000-01-01'::timestamptz$$, $$'2011-12-30 10:00Z'::timestamptz$$, $$'2011-12-30 10:00:00.000001Z'::timestamptz$$, $$'2012-03-31 14:30Z'::timestamptz$$, $$'infinity'::timestamptz$$, $$'-infinity'::timestamptz$$, $$'4714-11-24 BC 12:00Z'::timestamptz$$
]) c;
CREATE TEMP TABLE times AS SELECT * FROM (VALUES
	('date', ARRAY['-infinity', '4713-01-01 BC', '1999-12-31', '2000-01-01', '2011-12-29', '2011-12-30', '2011-12-31', '2012-04-01', '5874897-12-31', 'infinity']),
	('timestamp', ARRAY['-infinity', '4713-01-01 BC', '1999-12-31 12:00', '2000-01-01', '2011-12-29 23:59:59.999999', '2011-12-30', '2011-12-31', '2012-04-01 03:30', '294276-12-31 23:59:59', 'infinity']),
	('timestamptz', ARRAY['-infinity', '4713-01-01 BC', '1999-12-31 12:00', '2000-01-01', '2011-12-30 09:59:59.999999Z', '2011-12-30 10:00Z', '2012-03-31 14:30Z', '2012-04-01 03:30', '294276-12-31 01:00Z', 'infinity'])
) v (type, "values");
CREATE FUNCTION pg_temp.check_times() RETURNS TABLE (what text, answer text) LANGUAGE plpgsql AS $$
DECLARE
	type text;
	"values" text[];
	condition text;
	direction text;
	wrong text;
	checked int;
BEGIN
	FOR type, "values" IN SELECT * FROM times LOOP
		FOREACH direction IN ARRAY ARRAY['', 'DESC'] LOOP
			EXECUTE format('CREATE TEMP TABLE v (id int, k %s)', type);
			EXECUTE format('INSERT INTO v SELECT i, ($1)[i]::%s FROM generate_series(1, cardinality($1) + 1) i', type)
				USING "values";
			EXECUTE format('CREATE INDEX v_index ON v USING zipora (k %s) INCLUDE (id)', direction);
			checked := 0;
			FOR condition IN
				SELECT format('k %s %s', o, c) FROM unnest(ARRAY['<', '<=', '=', '>=', '>']) o, constants
			LOOP
				-- Two local days can be equal to one instant: "=" leaves no order to ask for.
				wrong := pg_temp.differs('v', 'k', condition,
					CASE WHEN condition NOT LIKE 'k = %' THEN 'k ' || direction END, true);
				EXIT WHEN wrong IS NOT NULL;
				checked := checked + 1;
			END LOOP;
			what := type || ' ' || direction;
			answer := coalesce(wrong, format('%s queries agree', checked));
			RETURN NEXT;
			DROP TABLE v;
		END LOOP;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.check_times();
SET timezone = 'America/New_York';
SELECT * FROM pg_temp.check_times();
RESET timezone;

-- addresses
SELECT * FROM pg_temp.check_class('inet_ops', 'inet',
	ARRAY['0.0.0.0/0', '10.0.0.0/8', '10.1.2.3/8', '10.0.0.0/16', '10.1.0.0/16', '10.1.2.3', '10.1.2.3/31', '10.255.255.255', '128.0.0.0/1', '255.255.255.255', '::/0', '::1', '2001:db8::/32', '2001:db8::1/64', 'ffff::/16'],
	ARRAY['<', '<=', '=', '>=', '>', '>>=', '<<='],
	ARRAY[$$'10.0.0.0/8'::inet$$, $$'10.1.2.3'::inet$$, $$'10.1.9.9/16'::inet$$, $$'0.0.0.0/0'::inet$$, $$'::/0'::inet$$, $$'2001:db8::1'::inet$$, $$'2001:db8::/32'::cidr$$, $$'255.255.255.255'::inet$$],
	'<');
SELECT * FROM pg_temp.check_class('cidr_ops', 'cidr',
	ARRAY['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/16', '10.1.0.0/16', '10.1.2.3', '128.0.0.0/1', '::/0', '::1', '2001:db8::/32', 'ffff::/16'],
	ARRAY['<', '<=', '=', '>=', '>', '>>=', '<<='],
	ARRAY[$$'10.0.0.0/8'::inet$$, $$'10.1.2.3'::inet$$, $$'0.0.0.0/0'::inet$$, $$'::/0'::inet$$, $$'2001:db8::/32'::inet$$, $$'11.0.0.0/8'::inet$$],
	'<');
