-- The life of a trie: create and drop, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

-- every object has a comment
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS without_comment
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'zipora')
  AND d.deptype = 'e'
  AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
  AND obj_description(d.objid, d.classid::regclass::text::name) IS NULL;

SELECT zipora_create('life');
SELECT zipora_create('life');
SELECT zipora_create('life', if_not_exists => true);
SELECT trie, value_type, access, pool_level IN ('mutex', 'local_cache') AS level, preset, keys, max_bytes FROM zipora_tries;
SELECT zipora_drop('life');
SELECT zipora_drop('life');
SELECT zipora_drop('life', if_exists => true);
SELECT * FROM zipora_tries;

-- used after it is gone
SELECT zipora_insert('life', 'k', 'v');
SELECT zipora_lookup('life', 'k');
SELECT zipora_contains('life', 'k');
SELECT zipora_delete('life', 'k');
SELECT zipora_increment('life', 'k');
SELECT zipora_count('life');
SELECT zipora_check('life');
SELECT * FROM zipora_scan('life');
SELECT * FROM zipora_prefix('life', 'k');
SELECT * FROM zipora_prefixes_of('life', 'k');
SELECT * FROM zipora_longest_prefix('life', 'k');
SELECT zipora_load('life', 'SELECT ''k'', ''v''');
SELECT zipora_grant('life', 'public', 'read');
SELECT zipora_revoke('life', 'public', 'read');

-- names
SELECT zipora_create('');
SELECT zipora_create(NULL);
SELECT zipora_create(repeat('n', 63));
SELECT zipora_create(repeat('n', 64));
SELECT zipora_insert(repeat('n', 64), 'k', 'v');
SELECT zipora_insert(repeat('n', 63), 'k', 'v');
SELECT zipora_drop(repeat('n', 63));
SELECT zipora_drop('');
SELECT zipora_drop(NULL);
SELECT zipora_create('Upper Case "and" space');
SELECT zipora_drop('upper case "and" space');
SELECT zipora_drop('Upper Case "and" space');

-- every value type and pool level that there is
SELECT t, l, zipora_create(t || '/' || l, t, pool_level => l, max_bytes => 1000000)
FROM unnest(ARRAY['none', 'bigint', 'text', 'bytea', 'jsonb']) t,
	 unnest(ARRAY['auto', 'mutex', 'no_lock', 'lock_free', 'local_cache', 'fixed']) l
ORDER BY 1, 2;
SELECT trie, value_type, pool_level, max_bytes FROM zipora_tries WHERE trie NOT LIKE '%/auto' ORDER BY trie COLLATE "C";
SELECT count(zipora_drop(trie)) FROM zipora_tries;

-- choices
SELECT zipora_create('life', 'integer');
SELECT zipora_create('life', NULL);
SELECT zipora_create('life', access => 'one writer');
SELECT zipora_create('life', access => 'everybody');
SELECT zipora_create('life', pool_level => 'fixed');
SELECT zipora_create('life', pool_level => '5');
SELECT zipora_create('life', preset => 'fast');
SELECT zipora_create('life', max_bytes => 0);
SELECT zipora_create('life', max_bytes => -1);
SELECT count(*) FROM zipora_tries;

-- the SQLSTATE of each refusal
CREATE FUNCTION pg_temp.state_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT zipora_create('life');
SELECT pg_temp.state_of(c) AS state, c AS command FROM unnest(ARRAY[
	'SELECT zipora_create(''life'')',
	'SELECT zipora_drop(''other'')',
	'SELECT zipora_create(repeat(''n'', 64))',
	'SELECT zipora_create('''')',
	'SELECT zipora_create(''x'', ''integer'')',
	'SELECT zipora_create(''x'', access => ''read only'')',
	'SELECT zipora_insert(''life'', NULL, ''v'')',
	'SELECT zipora_insert(''life'', ''k'', NULL::text)',
	'SELECT zipora_insert(''life'', repeat(''k'', 65537), ''v'')',
	'SELECT zipora_insert(''life'', ''k'', 1)',
	'SELECT zipora_lookup_bigint(''life'', ''k'')',
	'SELECT zipora_grant(''life'', ''public'', ''all'')',
	'SELECT zipora_grant(''life'', ''nobody at all'', ''read'')']) c;
SELECT zipora_drop('life');
