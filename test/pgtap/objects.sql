-- What the extension installs: every object is described, and nobody gets more than
-- the functions themselves allow.
BEGIN;
SELECT plan(17);

CREATE TEMPORARY VIEW members AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS what
FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'zipora' AND d.deptype = 'e' AND d.classid <> 'pg_type'::regclass;

SELECT cmp_ok((SELECT count(*) FROM members), '>', 40::bigint, 'the extension has its functions and views');
SELECT is_empty($$SELECT what FROM members WHERE obj_description(objid, classid::regclass::name) IS NULL$$,
	'each has a comment');
SELECT is_empty($$
	SELECT m.what, a.attname FROM members m JOIN pg_attribute a ON a.attrelid = m.objid
	WHERE m.classid = 'pg_class'::regclass AND a.attnum > 0 AND NOT a.attisdropped
	  AND col_description(a.attrelid, a.attnum) IS NULL$$, 'so has each column of a view');
SELECT is_empty($$
	SELECT proname FROM members m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
	WHERE proname NOT LIKE 'zipora\_%'$$, 'every function''s name begins with zipora_');
SELECT is_empty($$
	SELECT oid::regprocedure FROM pg_proc p JOIN members m ON m.objid = p.oid
	WHERE p.prosecdef OR (p.provolatile <> 'v' AND p.proname <> 'zipora_pool_choose_level'
		AND NOT EXISTS (SELECT FROM pg_operator o WHERE p.oid IN (o.oprcode, o.oprrest, o.oprjoin))
		AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput)))$$,
	'no function runs with its owner''s rights, none but those of operators and types claims that memory does not change');
SELECT is_empty($$
	SELECT oid::regprocedure FROM pg_proc p JOIN members m ON m.objid = p.oid
	WHERE proparallel = 's' AND proname <> 'zipora_futex_load' AND proname ~ '_(create|drop|grant|revoke|insert|upsert|delete|increment|load|alloc|free|write|reset|add|set|clear|store|wait|wake|freeze|release|reader_token|writer_token)'$$,
	'what writes does not run in parallel workers');
SELECT is((SELECT extrelocatable FROM pg_extension WHERE extname = 'zipora'), true,
	'the extension can be moved to another schema');

SELECT has_view('zipora_tries');
SELECT has_view('zipora_memory');
SELECT has_view('zipora_pool_stats');
SELECT has_view('zipora_tokens');
SELECT has_view('zipora_token_stats');
SELECT has_view('zipora_sync_objects');
SELECT has_view('zipora_local_storage');
SELECT has_view('zipora_pool_caches');

-- Moved, it still works.
CREATE SCHEMA elsewhere;
ALTER EXTENSION zipora SET SCHEMA elsewhere;
SELECT lives_ok($$
	SELECT elsewhere.zipora_create('moved', 'bigint'), elsewhere.zipora_insert('moved', 'k', 1::bigint);
	SELECT * FROM elsewhere.zipora_tries$$, 'it works in another schema');
SELECT is((SELECT elsewhere.zipora_drop('moved')), true, 'and cleans up there');

SELECT * FROM finish();
ROLLBACK;
