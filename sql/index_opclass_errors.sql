-- Columns that cannot be in an index, and operator classes that are wrong.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;
\set VERBOSITY default

-- ---- collations ----
CREATE COLLATION case_blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE words (w text, b text COLLATE case_blind, e text COLLATE "en-x-icu", c char(5) COLLATE "en-x-icu");
CREATE INDEX ON words USING zipora (b);
CREATE INDEX ON words USING zipora (w, b text_c_ops);
CREATE INDEX ON words USING zipora (w COLLATE case_blind);
CREATE INDEX ON words USING zipora (e text_c_ops);
CREATE INDEX ON words USING zipora (e varchar_c_ops);
CREATE INDEX ON words USING zipora (c bpchar_c_ops);
-- an included column may have any
CREATE INDEX ON words USING zipora (e) INCLUDE (b);
CREATE INDEX ON words USING zipora (e COLLATE "C" text_c_ops, c COLLATE "POSIX" bpchar_c_ops);
-- also where nothing is built yet, and for partitions to come
CREATE TABLE parted (b text COLLATE case_blind) PARTITION BY HASH (b);
CREATE INDEX ON parted USING zipora (b);
CREATE TABLE part PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE UNLOGGED TABLE unlogged (b text COLLATE case_blind);
CREATE INDEX ON unlogged USING zipora (b);
-- the operator itself has nothing to say there
SELECT 'a' COLLATE case_blind @^ 'ab';
DROP TABLE words, parted, unlogged;
DROP COLLATION case_blind;

-- ---- types ----
CREATE TABLE others (j json, p point, n numeric, f float8, a int[]);
CREATE INDEX ON others USING zipora (j);
CREATE INDEX ON others USING zipora (n);
CREATE INDEX ON others USING zipora (a);
CREATE INDEX ON others USING zipora (p int4_ops);
DROP TABLE others;

-- ---- operator classes ----
-- of a type without keys
CREATE OPERATOR CLASS numeric_ops FOR TYPE numeric USING zipora AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'numeric_ops' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'zipora');
CREATE TABLE numbers (n numeric);
CREATE INDEX ON numbers USING zipora (n numeric_ops);
DROP TABLE numbers;
DROP OPERATOR FAMILY numeric_ops USING zipora;

-- numbers and meanings of strategies
CREATE OPERATOR CLASS wrong_ops FOR TYPE int4 USING zipora AS
	OPERATOR 12 <;
CREATE OPERATOR CLASS wrong_ops FOR TYPE int4 USING zipora AS
	OPERATOR 1 >, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 <, OPERATOR 6 <>;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'wrong_ops';
DROP OPERATOR FAMILY wrong_ops USING zipora;

-- some are missing
CREATE OPERATOR CLASS few_ops FOR TYPE int4 USING zipora AS
	OPERATOR 3 =;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'few_ops';
ALTER OPERATOR FAMILY few_ops USING zipora ADD OPERATOR 1 < (int4, int8);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'few_ops';
DROP OPERATOR FAMILY few_ops USING zipora;

-- types that do not go together, a wrong result, an order, support functions
CREATE FUNCTION number_before(int4, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR <<< (FUNCTION = number_before, LEFTARG = int4, RIGHTARG = text);
CREATE OPERATOR CLASS mixed_ops FOR TYPE int4 USING zipora AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	OPERATOR 1 <<< (int4, text);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'mixed_ops';
ALTER OPERATOR FAMILY mixed_ops USING zipora ADD OPERATOR 6 <-> (point, point) FOR ORDER BY float_ops;
ALTER OPERATOR FAMILY mixed_ops USING zipora ADD FUNCTION 1 (int4, int4) btint4cmp(int4, int4);
CREATE OPERATOR CLASS stored_ops FOR TYPE int4 USING zipora AS
	OPERATOR 3 =, STORAGE int8;

-- A class keeps its own comparisons; the rest can be dropped from the family.
ALTER OPERATOR FAMILY mixed_ops USING zipora DROP OPERATOR 3 (int4, int4);
ALTER OPERATOR FAMILY mixed_ops USING zipora DROP OPERATOR 1 (int4, text);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'mixed_ops';
DROP OPERATOR FAMILY mixed_ops USING zipora;
DROP OPERATOR <<< (int4, text);
DROP FUNCTION number_before(int4, text);

-- ---- the operator @^ by itself ----
SELECT k, q, k @^ q AS text, k::bytea @^ q::bytea AS bytea, k @^ q = q ^@ k AS commutes
FROM (VALUES ('', ''), ('', 'a'), ('a', ''), ('ab', 'ab'), ('ab', 'abc'), ('abc', 'ab'), ('ä', 'äb'),
	(NULL, 'a'), ('a', NULL), (repeat('x', 10000), repeat('x', 10000) || 'y')) v (k, q)
WHERE length(k) < 100 OR k IS NULL OR NOT k @^ q;
-- Core's ^@ knows its commutator as long as the extension is there.
SELECT oprcom::regoperator FROM pg_operator WHERE oid = 'pg_catalog.^@(text,text)'::regoperator;
