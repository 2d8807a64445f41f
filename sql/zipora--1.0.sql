/* zipora--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION zipora" to load this file. \quit

-- Named tries are memory: what is written is there at once for every session, is
-- not undone by a rollback, and is gone when the server restarts.
--
-- Functions that only read may run in parallel workers; those that write run in the
-- leader.

-- ---- a trie's life -----------------------------------------------------------

CREATE FUNCTION zipora_create(
	trie text,
	value_type text DEFAULT 'text',
	access text DEFAULT 'multi_writer',
	pool_level text DEFAULT 'auto',
	preset text DEFAULT 'balanced',
	max_bytes bigint DEFAULT NULL,
	if_not_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_create(text, text, text, text, text, bigint, boolean) IS
'create a named trie in shared memory; whether it was created';

CREATE FUNCTION zipora_drop(trie text, if_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_drop(text, boolean) IS
'drop a trie and give its memory back; whether it was there';

CREATE FUNCTION zipora_grant(object text, role text, privilege text, kind text DEFAULT 'trie')
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_grant'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;

COMMENT ON FUNCTION zipora_grant(text, text, text, text) IS
'give a role (or public) the right to read or to write a trie, counter, flag or futex';

CREATE FUNCTION zipora_revoke(object text, role text, privilege text, kind text DEFAULT 'trie')
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_revoke'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;

COMMENT ON FUNCTION zipora_revoke(text, text, text, text) IS
'take the right to read or to write a trie, counter, flag or futex from a role (or public)';

-- ---- one key -----------------------------------------------------------------

CREATE FUNCTION zipora_insert(trie text, key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text) IS
'add a key; false if it was there, which is then left as it is (trie without values)';

CREATE FUNCTION zipora_insert(trie text, key text, value bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, bigint) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key text, value text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, text) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key text, value bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, bytea) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key text, value jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, jsonb) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea) IS
'add a key; false if it was there, which is then left as it is (trie without values)';

CREATE FUNCTION zipora_insert(trie text, key bytea, value bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, bigint) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key bytea, value text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, text) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key bytea, value bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, bytea) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_insert(trie text, key bytea, value jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, jsonb) IS
'add a key; false if it was there, which is then left as it is';

CREATE FUNCTION zipora_upsert(trie text, key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text) IS
'add a key or replace its value; whether the key is new (trie without values)';

CREATE FUNCTION zipora_upsert(trie text, key text, value bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, bigint) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key text, value text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, text) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key text, value bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, bytea) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key text, value jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, jsonb) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea) IS
'add a key or replace its value; whether the key is new (trie without values)';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, bigint) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, text) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, bytea) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, jsonb) IS
'add a key or replace its value; whether the key is new';

CREATE FUNCTION zipora_delete(trie text, key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_delete'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_delete(text, text) IS
'remove a key; whether it was there';

CREATE FUNCTION zipora_contains(trie text, key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_contains'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_contains(text, text) IS
'whether a trie has a key';

CREATE FUNCTION zipora_increment(trie text, key text, delta bigint DEFAULT 1)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_increment'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_increment(text, text, bigint) IS
'add to the bigint of a key, in one step; the sum';

CREATE FUNCTION zipora_lookup(trie text, key text)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_lookup'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup(text, text) IS
'text form of the value of a key, of any type; null if there is no such key';

CREATE FUNCTION zipora_lookup_bigint(trie text, key text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_lookup_bigint'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup_bigint(text, text) IS
'value of a key, of type bigint; null if there is no such key';

CREATE FUNCTION zipora_lookup_bytea(trie text, key text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'zipora_lookup_bytea'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup_bytea(text, text) IS
'value of a key, of type bytea; null if there is no such key';

CREATE FUNCTION zipora_lookup_jsonb(trie text, key text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'zipora_lookup_jsonb'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup_jsonb(text, text) IS
'value of a key, of type jsonb; null if there is no such key';

CREATE FUNCTION zipora_delete(trie text, key bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_delete'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_delete(text, bytea) IS
'remove a key; whether it was there';

CREATE FUNCTION zipora_contains(trie text, key bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_contains'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_contains(text, bytea) IS
'whether a trie has a key';

CREATE FUNCTION zipora_increment(trie text, key bytea, delta bigint DEFAULT 1)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_increment'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_increment(text, bytea, bigint) IS
'add to the bigint of a key, in one step; the sum';

CREATE FUNCTION zipora_lookup(trie text, key bytea)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_lookup'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup(text, bytea) IS
'text form of the value of a key, of any type; null if there is no such key';

CREATE FUNCTION zipora_lookup_bigint(trie text, key bytea)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_lookup_bigint'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup_bigint(text, bytea) IS
'value of a key, of type bigint; null if there is no such key';

CREATE FUNCTION zipora_lookup_bytea(trie text, key bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'zipora_lookup_bytea'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup_bytea(text, bytea) IS
'value of a key, of type bytea; null if there is no such key';

CREATE FUNCTION zipora_lookup_jsonb(trie text, key bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'zipora_lookup_jsonb'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_lookup_jsonb(text, bytea) IS
'value of a key, of type jsonb; null if there is no such key';

-- ---- many keys ---------------------------------------------------------------

CREATE FUNCTION zipora_count(trie text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_count'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_count(text) IS
'number of keys; exact while nobody writes';

CREATE FUNCTION zipora_load(trie text, query text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_load'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_load(text, text) IS
'put the rows (key, value) of a query into a trie, replacing values; how many rows';

CREATE FUNCTION zipora_scan(
	trie text,
	lower text DEFAULT NULL,
	upper text DEFAULT NULL,
	descending boolean DEFAULT false,
	max_rows bigint DEFAULT NULL,
	OUT key text,
	OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_scan'
LANGUAGE C VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION zipora_scan(text, text, text, boolean, bigint) IS
'keys from lower (included) to upper (excluded) in byte order, with text forms of values';

CREATE FUNCTION zipora_prefix(
	trie text,
	prefix text,
	descending boolean DEFAULT false,
	max_rows bigint DEFAULT NULL,
	OUT key text,
	OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_prefix'
LANGUAGE C VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefix(text, text, boolean, bigint) IS
'keys that begin with a prefix, in byte order, with text forms of values';

CREATE FUNCTION zipora_longest_prefix(trie text, query text, OUT key text, OUT value text)
RETURNS record
AS 'MODULE_PATHNAME', 'zipora_longest_prefix'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_longest_prefix(text, text) IS
'the longest key that a string begins with; nulls if there is none';

CREATE FUNCTION zipora_prefixes_of(trie text, query text, OUT key text, OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_prefixes_of'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefixes_of(text, text) IS
'all keys that a string begins with, the shortest first';

CREATE FUNCTION zipora_scan(
	trie text,
	lower bytea,
	upper bytea,
	descending boolean DEFAULT false,
	max_rows bigint DEFAULT NULL,
	OUT key bytea,
	OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_scan_bytea'
LANGUAGE C VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION zipora_scan(text, bytea, bytea, boolean, bigint) IS
'keys from lower (included) to upper (excluded) in byte order, with text forms of values';

CREATE FUNCTION zipora_prefix(
	trie text,
	prefix bytea,
	descending boolean DEFAULT false,
	max_rows bigint DEFAULT NULL,
	OUT key bytea,
	OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_prefix_bytea'
LANGUAGE C VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefix(text, bytea, boolean, bigint) IS
'keys that begin with a prefix, in byte order, with text forms of values';

CREATE FUNCTION zipora_longest_prefix(trie text, query bytea, OUT key bytea, OUT value text)
RETURNS record
AS 'MODULE_PATHNAME', 'zipora_longest_prefix_bytea'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_longest_prefix(text, bytea) IS
'the longest key that a string begins with; nulls if there is none';

CREATE FUNCTION zipora_prefixes_of(trie text, query bytea, OUT key bytea, OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_prefixes_of_bytea'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefixes_of(text, bytea) IS
'all keys that a string begins with, the shortest first';

-- ---- what there is -----------------------------------------------------------

CREATE FUNCTION zipora_check(trie text)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'zipora_check'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;

COMMENT ON FUNCTION zipora_check(text) IS
'walk a whole trie: what was found, or an error that says what is wrong';

CREATE FUNCTION zipora_tries(
	OUT trie text,
	OUT owner oid,
	OUT value_type text,
	OUT access text,
	OUT pool_level text,
	OUT preset text,
	OUT keys bigint,
	OUT used_bytes bigint,
	OUT reserved_bytes bigint,
	OUT max_bytes bigint,
	OUT bytes_per_key float8,
	OUT pending_frees bigint,
	OUT created timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_tries'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_tries() IS
'rows of the view zipora_tries';

CREATE VIEW zipora_tries AS
SELECT
	trie,
	pg_catalog.pg_get_userbyid(owner) AS owner,
	value_type,
	access,
	pool_level,
	preset,
	keys,
	used_bytes,
	reserved_bytes,
	max_bytes,
	bytes_per_key,
	pending_frees,
	created
FROM zipora_tries();

COMMENT ON VIEW zipora_tries IS
'named tries of this database; figures are null without the right to read the trie';

COMMENT ON COLUMN zipora_tries.trie IS 'name';
COMMENT ON COLUMN zipora_tries.owner IS 'role that owns it';
COMMENT ON COLUMN zipora_tries.value_type IS 'none, bigint, text, bytea or jsonb';
COMMENT ON COLUMN zipora_tries.access IS 'access level';
COMMENT ON COLUMN zipora_tries.pool_level IS 'level of its memory pool';
COMMENT ON COLUMN zipora_tries.preset IS 'preset of its memory pool';
COMMENT ON COLUMN zipora_tries.keys IS 'number of keys';
COMMENT ON COLUMN zipora_tries.used_bytes IS 'bytes in nodes and values';
COMMENT ON COLUMN zipora_tries.reserved_bytes IS 'bytes that its pool has taken';
COMMENT ON COLUMN zipora_tries.max_bytes IS 'limit on reserved_bytes; null: none';
COMMENT ON COLUMN zipora_tries.bytes_per_key IS 'used_bytes divided by keys';
COMMENT ON COLUMN zipora_tries.pending_frees IS 'replaced blocks that a reader may still see';
COMMENT ON COLUMN zipora_tries.created IS 'when it was created';

GRANT SELECT ON zipora_tries TO PUBLIC;

CREATE FUNCTION zipora_memory(
	OUT memory_limit bigint,
	OUT reserved_bytes bigint,
	OUT used_bytes bigint,
	OUT largest_free_bytes bigint,
	OUT tries bigint,
	OUT tries_bytes bigint,
	OUT pools_bytes bigint,
	OUT indexes_bytes bigint,
	OUT other_bytes bigint,
	OUT segments bigint,
	OUT mapped_bytes bigint,
	OUT growths bigint,
	OUT decommits bigint,
	OUT failures bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_memory'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_memory() IS
'rows of the view zipora_memory';

CREATE VIEW zipora_memory AS
SELECT
	memory_limit,
	reserved_bytes,
	used_bytes,
	largest_free_bytes,
	tries,
	tries_bytes,
	pools_bytes,
	indexes_bytes,
	other_bytes,
	segments,
	mapped_bytes,
	growths,
	decommits,
	failures
FROM zipora_memory();

COMMENT ON VIEW zipora_memory IS
'shared memory of zipora in the whole server';

COMMENT ON COLUMN zipora_memory.memory_limit IS 'zipora.memory_limit in bytes; null: none';
COMMENT ON COLUMN zipora_memory.reserved_bytes IS 'bytes taken from the system';
COMMENT ON COLUMN zipora_memory.used_bytes IS 'bytes of them that are given out';
COMMENT ON COLUMN zipora_memory.largest_free_bytes IS 'longest free run';
COMMENT ON COLUMN zipora_memory.tries IS 'named tries of all databases';
COMMENT ON COLUMN zipora_memory.tries_bytes IS 'bytes given out to them';
COMMENT ON COLUMN zipora_memory.pools_bytes IS 'bytes given out to named pools';
COMMENT ON COLUMN zipora_memory.indexes_bytes IS 'bytes given out to images of indexes';
COMMENT ON COLUMN zipora_memory.other_bytes IS 'bytes given out for everything else';
COMMENT ON COLUMN zipora_memory.segments IS 'segments of dynamic shared memory';
COMMENT ON COLUMN zipora_memory.mapped_bytes IS 'bytes that this session has mapped';
COMMENT ON COLUMN zipora_memory.growths IS 'times that memory was taken from the system';
COMMENT ON COLUMN zipora_memory.decommits IS 'times that it was given back';
COMMENT ON COLUMN zipora_memory.failures IS 'times that there was none';

GRANT SELECT ON zipora_memory TO PUBLIC;

CREATE FUNCTION zipora_pool_stats(
	OUT object text,
	OUT kind text,
	OUT level text,
	OUT preset text,
	OUT adaptive boolean,
	OUT max_bytes bigint,
	OUT capacity bigint,
	OUT reserved_bytes bigint,
	OUT used_bytes bigint,
	OUT free_bytes bigint,
	OUT utilisation float8,
	OUT fragmentation float8,
	OUT chunks bigint,
	OUT blocks bigint,
	OUT large_blocks bigint,
	OUT allocations bigint,
	OUT frees bigint,
	OUT failures bigint,
	OUT bad_frees bigint,
	OUT sleeps bigint,
	OUT contention bigint,
	OUT participants bigint,
	OUT cached_blocks bigint,
	OUT own_cached_blocks bigint,
	OUT cache_hit_rate float8,
	OUT huge_asked_bytes bigint,
	OUT huge_granted_bytes bigint,
	OUT raises bigint,
	OUT raised_at timestamptz,
	OUT raise_reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_pool_stats'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_pool_stats() IS
'rows of the view zipora_pool_stats';

CREATE VIEW zipora_pool_stats AS
SELECT
	object,
	kind,
	level,
	preset,
	adaptive,
	max_bytes,
	capacity,
	reserved_bytes,
	used_bytes,
	free_bytes,
	utilisation,
	fragmentation,
	chunks,
	blocks,
	large_blocks,
	allocations,
	frees,
	failures,
	bad_frees,
	sleeps,
	contention,
	participants,
	cached_blocks,
	own_cached_blocks,
	cache_hit_rate,
	huge_asked_bytes,
	huge_granted_bytes,
	raises,
	raised_at,
	raise_reason
FROM zipora_pool_stats();

COMMENT ON VIEW zipora_pool_stats IS
'memory pools of this database; figures are null without the right to read the trie';

COMMENT ON COLUMN zipora_pool_stats.object IS 'trie or pool that it belongs to';
COMMENT ON COLUMN zipora_pool_stats.kind IS 'trie, pool, or system for ziporas own';
COMMENT ON COLUMN zipora_pool_stats.level IS 'concurrency level that it has now';
COMMENT ON COLUMN zipora_pool_stats.preset IS 'preset';
COMMENT ON COLUMN zipora_pool_stats.adaptive IS 'whether it was made as auto, and is raised when there is contention';
COMMENT ON COLUMN zipora_pool_stats.max_bytes IS 'limit on reserved_bytes; null: none';
COMMENT ON COLUMN zipora_pool_stats.capacity IS 'bytes for blocks at level fixed; null: another level';
COMMENT ON COLUMN zipora_pool_stats.reserved_bytes IS 'bytes taken from the arena';
COMMENT ON COLUMN zipora_pool_stats.used_bytes IS 'bytes in blocks that are in use';
COMMENT ON COLUMN zipora_pool_stats.free_bytes IS 'bytes in free blocks, those that sessions keep included';
COMMENT ON COLUMN zipora_pool_stats.utilisation IS 'used_bytes divided by reserved_bytes';
COMMENT ON COLUMN zipora_pool_stats.fragmentation IS 'free_bytes divided by reserved_bytes';
COMMENT ON COLUMN zipora_pool_stats.chunks IS 'runs of pages that it has';
COMMENT ON COLUMN zipora_pool_stats.blocks IS 'blocks in use';
COMMENT ON COLUMN zipora_pool_stats.large_blocks IS 'of them, larger than every size class';
COMMENT ON COLUMN zipora_pool_stats.allocations IS 'blocks given out since it was made or its statistics were reset';
COMMENT ON COLUMN zipora_pool_stats.frees IS 'blocks taken back';
COMMENT ON COLUMN zipora_pool_stats.failures IS 'allocations refused';
COMMENT ON COLUMN zipora_pool_stats.bad_frees IS 'frees refused';
COMMENT ON COLUMN zipora_pool_stats.sleeps IS 'times that somebody slept on one of its locks';
COMMENT ON COLUMN zipora_pool_stats.contention IS 'times that a lock was found taken or another session was faster';
COMMENT ON COLUMN zipora_pool_stats.participants IS 'sessions that count, and at level local_cache keep blocks, in it';
COMMENT ON COLUMN zipora_pool_stats.cached_blocks IS 'free blocks that sessions keep for themselves';
COMMENT ON COLUMN zipora_pool_stats.own_cached_blocks IS 'of them, those of this session';
COMMENT ON COLUMN zipora_pool_stats.cache_hit_rate IS 'share of allocations at level local_cache served from what the session kept';
COMMENT ON COLUMN zipora_pool_stats.huge_asked_bytes IS 'bytes of large blocks for which huge pages were asked';
COMMENT ON COLUMN zipora_pool_stats.huge_granted_bytes IS 'of them, those that got them';
COMMENT ON COLUMN zipora_pool_stats.raises IS 'times that its level was raised';
COMMENT ON COLUMN zipora_pool_stats.raised_at IS 'when it was raised last';
COMMENT ON COLUMN zipora_pool_stats.raise_reason IS 'why it was raised last';

GRANT SELECT ON zipora_pool_stats TO PUBLIC;

-- ---- access levels and tokens -----------------------------------------------

CREATE FUNCTION zipora_set_access(trie text, access text, nowait boolean DEFAULT false)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_set_access'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_set_access(text, text, boolean) IS
'change the access level of a trie, when no token is in the way; the level that it had';

CREATE FUNCTION zipora_freeze(
	trie text,
	nowait boolean DEFAULT false,
	OUT nodes bigint,
	OUT rewritten bigint,
	OUT skipped bigint,
	OUT used_bytes_before bigint,
	OUT used_bytes_after bigint,
	OUT reserved_bytes_before bigint,
	OUT reserved_bytes_after bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'zipora_freeze'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_freeze(text, boolean) IS
'make a trie as small as its contents, and read_only';

CREATE TYPE zipora_token;

CREATE FUNCTION zipora_token_in(cstring)
RETURNS zipora_token
AS 'MODULE_PATHNAME', 'zipora_token_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_token_in(cstring) IS
'text form of a token';

CREATE FUNCTION zipora_token_out(zipora_token)
RETURNS cstring
AS 'MODULE_PATHNAME', 'zipora_token_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_token_out(zipora_token) IS
'text form of a token';

CREATE TYPE zipora_token (
	INPUT = zipora_token_in,
	OUTPUT = zipora_token_out,
	LIKE = pg_catalog.int8
);

COMMENT ON TYPE zipora_token IS
'a token of a trie, held by the session that got it: process.number';

CREATE FUNCTION zipora_reader_token(trie text)
RETURNS zipora_token
AS 'MODULE_PATHNAME', 'zipora_reader_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_reader_token(text) IS
'hold a reader token of a trie: what is replaced from now on is kept until it is released, or the transaction ends';

CREATE FUNCTION zipora_writer_token(trie text, nowait boolean DEFAULT false)
RETURNS zipora_token
AS 'MODULE_PATHNAME', 'zipora_writer_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_writer_token(text, boolean) IS
'hold a writer token of a trie, at access level one_writer the only one, until it is released, or the transaction ends';

CREATE FUNCTION zipora_token_valid(token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_token_valid'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_token_valid(zipora_token) IS
'whether this session holds a token';

CREATE FUNCTION zipora_release_token(token zipora_token)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_release_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_release_token(zipora_token) IS
'release a token before the transaction ends';

CREATE FUNCTION zipora_insert(trie text, key text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key text, value bigint, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, bigint, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key text, value text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, text, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key text, value bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, bytea, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key text, value jsonb, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, text, jsonb, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key text, value bigint, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, bigint, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key text, value text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, text, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key text, value bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, bytea, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key text, value jsonb, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, text, jsonb, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_delete(trie text, key text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_delete'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_delete(text, text, zipora_token) IS
'remove a key; whether it was there; with a writer token';

CREATE FUNCTION zipora_increment(trie text, key text, delta bigint, token zipora_token)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_increment'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_increment(text, text, bigint, zipora_token) IS
'add to the bigint of a key, in one step; the sum; with a writer token';

CREATE FUNCTION zipora_contains(trie text, key text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_contains'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_contains(text, text, zipora_token) IS
'whether a trie has a key; with a token';

CREATE FUNCTION zipora_lookup(trie text, key text, token zipora_token)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_lookup'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup(text, text, zipora_token) IS
'value of a key, in its text form; null if there is no such key; with a token';

CREATE FUNCTION zipora_lookup_bigint(trie text, key text, token zipora_token)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_lookup_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup_bigint(text, text, zipora_token) IS
'value of a key, of type bigint; null if there is no such key; with a token';

CREATE FUNCTION zipora_lookup_bytea(trie text, key text, token zipora_token)
RETURNS bytea
AS 'MODULE_PATHNAME', 'zipora_lookup_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup_bytea(text, text, zipora_token) IS
'value of a key, of type bytea; null if there is no such key; with a token';

CREATE FUNCTION zipora_lookup_jsonb(trie text, key text, token zipora_token)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'zipora_lookup_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup_jsonb(text, text, zipora_token) IS
'value of a key, of type jsonb; null if there is no such key; with a token';

CREATE FUNCTION zipora_insert(trie text, key bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key bytea, value bigint, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, bigint, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key bytea, value text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, text, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key bytea, value bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, bytea, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_insert(trie text, key bytea, value jsonb, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_insert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_insert(text, bytea, jsonb, zipora_token) IS
'add a key; false if it was there, which is then left as it is; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_none'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value bigint, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, bigint, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value text, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, text, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, bytea, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_upsert(trie text, key bytea, value jsonb, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_upsert_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_upsert(text, bytea, jsonb, zipora_token) IS
'add a key or replace its value; whether the key is new; with a writer token';

CREATE FUNCTION zipora_delete(trie text, key bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_delete'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_delete(text, bytea, zipora_token) IS
'remove a key; whether it was there; with a writer token';

CREATE FUNCTION zipora_increment(trie text, key bytea, delta bigint, token zipora_token)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_increment'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_increment(text, bytea, bigint, zipora_token) IS
'add to the bigint of a key, in one step; the sum; with a writer token';

CREATE FUNCTION zipora_contains(trie text, key bytea, token zipora_token)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_contains'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_contains(text, bytea, zipora_token) IS
'whether a trie has a key; with a token';

CREATE FUNCTION zipora_lookup(trie text, key bytea, token zipora_token)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_lookup'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup(text, bytea, zipora_token) IS
'value of a key, in its text form; null if there is no such key; with a token';

CREATE FUNCTION zipora_lookup_bigint(trie text, key bytea, token zipora_token)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_lookup_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup_bigint(text, bytea, zipora_token) IS
'value of a key, of type bigint; null if there is no such key; with a token';

CREATE FUNCTION zipora_lookup_bytea(trie text, key bytea, token zipora_token)
RETURNS bytea
AS 'MODULE_PATHNAME', 'zipora_lookup_bytea'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup_bytea(text, bytea, zipora_token) IS
'value of a key, of type bytea; null if there is no such key; with a token';

CREATE FUNCTION zipora_lookup_jsonb(trie text, key bytea, token zipora_token)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'zipora_lookup_jsonb'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_lookup_jsonb(text, bytea, zipora_token) IS
'value of a key, of type jsonb; null if there is no such key; with a token';

CREATE FUNCTION zipora_tokens(
	OUT trie text,
	OUT process integer,
	OUT kind text,
	OUT tokens bigint,
	OUT since timestamptz,
	OUT version bigint,
	OUT held_back_blocks bigint,
	OUT held_back_bytes bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_tokens'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_tokens() IS
'rows of the view zipora_tokens';

CREATE VIEW zipora_tokens AS
SELECT
	trie,
	process,
	kind,
	tokens,
	since,
	version,
	held_back_blocks,
	held_back_bytes
FROM zipora_tokens();

COMMENT ON VIEW zipora_tokens IS
'tokens of tries of this database that are in use; null for other roles sessions without pg_read_all_stats';

COMMENT ON COLUMN zipora_tokens.trie IS 'trie that it is a token of';
COMMENT ON COLUMN zipora_tokens.process IS 'process of the session that has it';
COMMENT ON COLUMN zipora_tokens.kind IS 'reader or writer: held by zipora_reader_token, zipora_writer_token; transaction: kept until the end of the transaction at levels read_only and single_strict; operation: in use in this moment';
COMMENT ON COLUMN zipora_tokens.tokens IS 'how many of that kind the session holds';
COMMENT ON COLUMN zipora_tokens.since IS 'when it got the oldest of them';
COMMENT ON COLUMN zipora_tokens.version IS 'version of the oldest: what was replaced since is kept';
COMMENT ON COLUMN zipora_tokens.held_back_blocks IS 'replaced blocks that wait for it, perhaps for others too';
COMMENT ON COLUMN zipora_tokens.held_back_bytes IS 'bytes in them';

GRANT SELECT ON zipora_tokens TO PUBLIC;

CREATE FUNCTION zipora_token_stats(
	OUT trie text,
	OUT access text,
	OUT owner_process integer,
	OUT acquired bigint,
	OUT hits bigint,
	OUT misses bigint,
	OUT hit_rate float8,
	OUT invalidations bigint,
	OUT waits bigint,
	OUT version bigint,
	OUT oldest_version bigint,
	OUT sessions bigint,
	OUT in_use bigint,
	OUT retired bigint,
	OUT freed bigint,
	OUT pending bigint,
	OUT token_bytes bigint,
	OUT stats_reset timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_token_stats'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_token_stats() IS
'rows of the view zipora_token_stats';

CREATE VIEW zipora_token_stats AS
SELECT
	trie,
	access,
	owner_process,
	acquired,
	hits,
	misses,
	hit_rate,
	invalidations,
	waits,
	version,
	oldest_version,
	sessions,
	in_use,
	retired,
	freed,
	pending,
	token_bytes,
	stats_reset
FROM zipora_token_stats();

COMMENT ON VIEW zipora_token_stats IS
'versions and tokens of the tries of this database; null without the right to read the trie';

COMMENT ON COLUMN zipora_token_stats.trie IS 'name';
COMMENT ON COLUMN zipora_token_stats.access IS 'access level';
COMMENT ON COLUMN zipora_token_stats.owner_process IS 'process of the session that has it, at levels single_strict and single_shared';
COMMENT ON COLUMN zipora_token_stats.acquired IS 'operations that acquired a token';
COMMENT ON COLUMN zipora_token_stats.hits IS 'of them, those for which the sessions cached token was good';
COMMENT ON COLUMN zipora_token_stats.misses IS 'of them, those that had to be admitted anew';
COMMENT ON COLUMN zipora_token_stats.hit_rate IS 'hits divided by acquired';
COMMENT ON COLUMN zipora_token_stats.invalidations IS 'misses because the access level had changed';
COMMENT ON COLUMN zipora_token_stats.waits IS 'times that somebody waited for a token or a change of level';
COMMENT ON COLUMN zipora_token_stats.version IS 'current version';
COMMENT ON COLUMN zipora_token_stats.oldest_version IS 'oldest version that a token carries; the current one if none does';
COMMENT ON COLUMN zipora_token_stats.sessions IS 'sessions that have a token cached';
COMMENT ON COLUMN zipora_token_stats.in_use IS 'tokens in use in this moment';
COMMENT ON COLUMN zipora_token_stats.retired IS 'blocks that were replaced';
COMMENT ON COLUMN zipora_token_stats.freed IS 'of them, those freed';
COMMENT ON COLUMN zipora_token_stats.pending IS 'replaced blocks that are not freed yet, whenever they were replaced';
COMMENT ON COLUMN zipora_token_stats.token_bytes IS 'memory of tokens and lists of replaced blocks';
COMMENT ON COLUMN zipora_token_stats.stats_reset IS 'when the counters were reset';

GRANT SELECT ON zipora_token_stats TO PUBLIC;

CREATE FUNCTION zipora_token_stats_reset(trie text)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_token_stats_reset'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_token_stats_reset(text) IS
'let the counters of zipora_token_stats begin at 0 again';
CREATE FUNCTION zipora_pool_caches(
	OUT object text,
	OUT kind text,
	OUT pid integer,
	OUT allocations bigint,
	OUT frees bigint,
	OUT cached_blocks bigint,
	OUT cached_bytes bigint,
	OUT cache_hit_rate float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_pool_caches'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_pool_caches() IS
'rows of the view zipora_pool_caches';

CREATE VIEW zipora_pool_caches AS
SELECT
	object,
	kind,
	pid,
	allocations,
	frees,
	cached_blocks,
	cached_bytes,
	cache_hit_rate
FROM zipora_pool_caches();

COMMENT ON VIEW zipora_pool_caches IS
'what each session counts and keeps in pools of this database at levels lock_free and local_cache; figures of other roles'' sessions are null without pg_read_all_stats';

COMMENT ON COLUMN zipora_pool_caches.object IS 'trie or pool that it is about';
COMMENT ON COLUMN zipora_pool_caches.kind IS 'trie or pool';
COMMENT ON COLUMN zipora_pool_caches.pid IS 'process of the session, as in pg_stat_activity';
COMMENT ON COLUMN zipora_pool_caches.allocations IS 'small blocks that it took since it first used the pool';
COMMENT ON COLUMN zipora_pool_caches.frees IS 'small blocks that it gave back';
COMMENT ON COLUMN zipora_pool_caches.cached_blocks IS 'free blocks that it keeps for itself';
COMMENT ON COLUMN zipora_pool_caches.cached_bytes IS 'bytes in them';
COMMENT ON COLUMN zipora_pool_caches.cache_hit_rate IS 'share of its allocations at level local_cache served from what it kept; null: it had none';

GRANT SELECT ON zipora_pool_caches TO PUBLIC;

-- ---- pools of memory ---------------------------------------------------------

CREATE FUNCTION zipora_pool_create(
	pool text,
	level text DEFAULT 'auto',
	preset text DEFAULT 'balanced',
	capacity bigint DEFAULT NULL,
	max_bytes bigint DEFAULT NULL,
	if_not_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_pool_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_pool_create(text, text, text, bigint, bigint, boolean) IS
'create a named pool of memory blocks; whether it was created';

CREATE FUNCTION zipora_pool_drop(pool text, if_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_pool_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_pool_drop(text, boolean) IS
'drop a pool with all its blocks; whether it was there';

CREATE FUNCTION zipora_pool_alloc(pool text, size bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_pool_alloc'
LANGUAGE C VOLATILE PARALLEL RESTRICTED STRICT;

COMMENT ON FUNCTION zipora_pool_alloc(text, bigint) IS
'take a block of so many bytes, filled with zeros; its number';

CREATE FUNCTION zipora_pool_free(pool text, block bigint, size bigint)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_pool_free'
LANGUAGE C VOLATILE PARALLEL RESTRICTED STRICT;

COMMENT ON FUNCTION zipora_pool_free(text, bigint, bigint) IS
'give a block back; size is that with which it was taken';

CREATE FUNCTION zipora_pool_write(pool text, block bigint, data bytea, start bigint DEFAULT 0)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_pool_write'
LANGUAGE C VOLATILE PARALLEL RESTRICTED STRICT;

COMMENT ON FUNCTION zipora_pool_write(text, bigint, bytea, bigint) IS
'put bytes into a block, from the byte start on (0 is the first)';

CREATE FUNCTION zipora_pool_read(
	pool text,
	block bigint,
	start bigint DEFAULT 0,
	length bigint DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'zipora_pool_read'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_pool_read(text, bigint, bigint, bigint) IS
'bytes of a block, from the byte start on; without a length up to its end';

CREATE FUNCTION zipora_pool_stats_reset(object text, kind text DEFAULT 'pool')
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_pool_stats_reset'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;

COMMENT ON FUNCTION zipora_pool_stats_reset(text, text) IS
'let the counters of a pool (kind pool) or of a trie''s pool (kind trie) begin at 0 again';

CREATE FUNCTION zipora_pool_choose_level(
	cores integer,
	small_block_bytes bigint,
	arena_bytes bigint,
	capacity bigint DEFAULT NULL,
	shared boolean DEFAULT true)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_pool_choose_level'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION zipora_pool_choose_level(integer, bigint, bigint, bigint, boolean) IS
'level that auto begins with: for so many cores, small blocks up to a size, memory expected, and a fixed capacity';

-- ---- counters, flags, futexes -----------------------------------------------

CREATE FUNCTION zipora_counter_add(counter text, delta bigint DEFAULT 1)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_counter_add'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_counter_add(text, bigint) IS
'add to a counter, which is made if it is not there; the sum';

CREATE FUNCTION zipora_counter_get(counter text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_counter_get'
LANGUAGE C VOLATILE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION zipora_counter_get(text) IS
'value of a counter; null if it is not there';

CREATE FUNCTION zipora_counter_reset(counter text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_counter_reset'
LANGUAGE C VOLATILE PARALLEL RESTRICTED STRICT;

COMMENT ON FUNCTION zipora_counter_reset(text) IS
'set a counter to 0; the value that it had, null if it is not there';

CREATE FUNCTION zipora_counter_drop(counter text, if_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_counter_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_counter_drop(text, boolean) IS
'drop a counter; whether it was there';

CREATE FUNCTION zipora_flag_set(flag text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_flag_set'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_flag_set(text) IS
'set a flag, which is made if it is not there; whether it was set already';

CREATE FUNCTION zipora_flag_clear(flag text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_flag_clear'
LANGUAGE C VOLATILE PARALLEL RESTRICTED STRICT;

COMMENT ON FUNCTION zipora_flag_clear(text) IS
'clear a flag; whether it was set, null if it is not there';

CREATE FUNCTION zipora_flag_test(flag text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_flag_test'
LANGUAGE C VOLATILE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION zipora_flag_test(text) IS
'whether a flag is set; null if it is not there';

CREATE FUNCTION zipora_flag_drop(flag text, if_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_flag_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_flag_drop(text, boolean) IS
'drop a flag; whether it was there';

CREATE FUNCTION zipora_futex_store(futex text, value integer)
RETURNS integer
AS 'MODULE_PATHNAME', 'zipora_futex_store'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_futex_store(text, integer) IS
'set the value of a futex, which is made if it is not there, and wake nobody; the value before';

CREATE FUNCTION zipora_futex_load(futex text)
RETURNS integer
AS 'MODULE_PATHNAME', 'zipora_futex_load'
LANGUAGE C VOLATILE PARALLEL SAFE STRICT;

COMMENT ON FUNCTION zipora_futex_load(text) IS
'value of a futex; null if it is not there';

CREATE FUNCTION zipora_futex_wait(futex text, expected integer, timeout interval DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'zipora_futex_wait'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_futex_wait(text, integer, interval) IS
'sleep until woken if the value is the expected one; woken, timed_out or differs (did not sleep)';

CREATE FUNCTION zipora_futex_wake(futex text, waiters integer DEFAULT 1)
RETURNS integer
AS 'MODULE_PATHNAME', 'zipora_futex_wake'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_futex_wake(text, integer) IS
'wake so many of those who wait (null: all), the first first; how many';

CREATE FUNCTION zipora_futex_drop(futex text, if_exists boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_futex_drop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION zipora_futex_drop(text, boolean) IS
'drop a futex, with an error for those who wait; whether it was there';

CREATE FUNCTION zipora_sync_objects(
	OUT object text,
	OUT kind text,
	OUT owner oid,
	OUT value bigint,
	OUT waiters bigint,
	OUT created timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_sync_objects'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_sync_objects() IS
'rows of the view zipora_sync_objects';

CREATE VIEW zipora_sync_objects AS
SELECT
	object,
	kind,
	pg_catalog.pg_get_userbyid(owner) AS owner,
	value,
	waiters,
	created
FROM zipora_sync_objects();

COMMENT ON VIEW zipora_sync_objects IS
'counters, flags and futexes of this database; figures are null without the right to read the object';

COMMENT ON COLUMN zipora_sync_objects.object IS 'name';
COMMENT ON COLUMN zipora_sync_objects.kind IS 'counter, flag or futex';
COMMENT ON COLUMN zipora_sync_objects.owner IS 'role that owns it';
COMMENT ON COLUMN zipora_sync_objects.value IS 'its value; of a flag 1 if it is set, else 0';
COMMENT ON COLUMN zipora_sync_objects.waiters IS 'sessions that wait on a futex';
COMMENT ON COLUMN zipora_sync_objects.created IS 'when it was made';

GRANT SELECT ON zipora_sync_objects TO PUBLIC;

CREATE FUNCTION zipora_local_storage(
	OUT slot integer,
	OUT slots integer,
	OUT cache text,
	OUT sessions bigint,
	OUT entries bigint,
	OUT bytes bigint,
	OUT hits bigint,
	OUT misses bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'zipora_local_storage'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_local_storage() IS
'rows of the view zipora_local_storage';

CREATE VIEW zipora_local_storage AS
SELECT
	slot,
	slots,
	cache,
	sessions,
	entries,
	bytes,
	hits,
	misses
FROM zipora_local_storage();

COMMENT ON VIEW zipora_local_storage IS
'slots of backend-local storage that are in use, and what this session keeps there';

COMMENT ON COLUMN zipora_local_storage.slot IS 'number of the slot';
COMMENT ON COLUMN zipora_local_storage.slots IS 'slots that there are, for all caches';
COMMENT ON COLUMN zipora_local_storage.cache IS 'what is kept: handles are what a session knows about objects that it used';
COMMENT ON COLUMN zipora_local_storage.sessions IS 'sessions of the server that have a value in the slot';
COMMENT ON COLUMN zipora_local_storage.entries IS 'things that this session keeps in it';
COMMENT ON COLUMN zipora_local_storage.bytes IS 'memory that they take';
COMMENT ON COLUMN zipora_local_storage.hits IS 'look-ups of this session that found what they looked for; those that a calling function remembers are not counted';
COMMENT ON COLUMN zipora_local_storage.misses IS 'look-ups that had to ask the registry in shared memory';

GRANT SELECT ON zipora_local_storage TO PUBLIC;
-- ---- index operator classes --------------------------------------------------

CREATE FUNCTION zipora_index_handler(internal)
RETURNS index_am_handler
AS 'MODULE_PATHNAME', 'zipora_index_handler'
LANGUAGE C;

COMMENT ON FUNCTION zipora_index_handler(internal) IS
'what the server calls of the access method zipora';

CREATE ACCESS METHOD zipora TYPE INDEX HANDLER zipora_index_handler;

COMMENT ON ACCESS METHOD zipora IS
'index kept as a trie in shared memory, on top of a log in its own pages';

CREATE FUNCTION zipora_prefix_of_sel(internal, oid, internal, integer)
RETURNS double precision
AS 'MODULE_PATHNAME', 'zipora_prefix_of_sel'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefix_of_sel(internal, oid, internal, integer) IS
'restriction selectivity of @^';

CREATE FUNCTION zipora_prefix_of_joinsel(internal, oid, internal, smallint, internal)
RETURNS double precision
AS 'MODULE_PATHNAME', 'zipora_prefix_of_joinsel'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefix_of_joinsel(internal, oid, internal, smallint, internal) IS
'join selectivity of @^';

CREATE FUNCTION zipora_prefix_of(key text, query text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_prefix_of'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefix_of(text, text) IS
'implementation of @^ operator';

CREATE FUNCTION zipora_prefix_of(key bytea, query bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_prefix_of'
LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;

COMMENT ON FUNCTION zipora_prefix_of(bytea, bytea) IS
'implementation of @^ operator';

-- Of text the operator is the commutator of core's ^@, which has none.  Naming it here tells
-- core's operator too, until the extension is dropped: "'49301' ^@ code" uses an index on code.
CREATE OPERATOR @^ (
	FUNCTION = zipora_prefix_of,
	LEFTARG = text,
	RIGHTARG = text,
	COMMUTATOR = OPERATOR(pg_catalog.^@),
	RESTRICT = zipora_prefix_of_sel,
	JOIN = zipora_prefix_of_joinsel);

COMMENT ON OPERATOR @^ (text, text) IS
'is a prefix of';

CREATE OPERATOR @^ (
	FUNCTION = zipora_prefix_of,
	LEFTARG = bytea,
	RIGHTARG = bytea,
	RESTRICT = zipora_prefix_of_sel,
	JOIN = zipora_prefix_of_joinsel);

COMMENT ON OPERATOR @^ (bytea, bytea) IS
'is a prefix of';

-- Strategies 1 to 5 are the comparisons, in btree's order; 6 is ^@, 7 is @^, 10 is >>= and
-- 11 is <<=.

-- Text in the order of its bytes, which = agrees with under every deterministic collation.
CREATE OPERATOR FAMILY text_ops USING zipora;
COMMENT ON OPERATOR FAMILY text_ops USING zipora IS
'text in the order of its bytes';

CREATE OPERATOR CLASS text_ops
DEFAULT FOR TYPE text USING zipora FAMILY text_ops AS
	OPERATOR 1 ~<~,
	OPERATOR 2 ~<=~,
	OPERATOR 3 =,
	OPERATOR 4 ~>=~,
	OPERATOR 5 ~>~,
	OPERATOR 6 ^@,
	OPERATOR 7 @^;
COMMENT ON OPERATOR CLASS text_ops USING zipora IS
'text in the order of its bytes, under any deterministic collation';

CREATE OPERATOR CLASS varchar_ops
FOR TYPE text USING zipora FAMILY text_ops AS
	STORAGE text;
COMMENT ON OPERATOR CLASS varchar_ops USING zipora IS
'varchar in the order of its bytes, under any deterministic collation';

-- The same keys for ORDER BY and <, which the collation C only orders by bytes.
CREATE OPERATOR FAMILY text_c_ops USING zipora;
COMMENT ON OPERATOR FAMILY text_c_ops USING zipora IS
'text under the collation C';

CREATE OPERATOR CLASS text_c_ops
FOR TYPE text USING zipora FAMILY text_c_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	OPERATOR 6 ^@,
	OPERATOR 7 @^;
COMMENT ON OPERATOR CLASS text_c_ops USING zipora IS
'text under the collation C, in the order of ORDER BY';

CREATE OPERATOR CLASS varchar_c_ops
FOR TYPE text USING zipora FAMILY text_c_ops AS
	STORAGE text;
COMMENT ON OPERATOR CLASS varchar_c_ops USING zipora IS
'varchar under the collation C, in the order of ORDER BY';

CREATE OPERATOR FAMILY bpchar_ops USING zipora;
COMMENT ON OPERATOR FAMILY bpchar_ops USING zipora IS
'char(n) in the order of its bytes';

CREATE OPERATOR CLASS bpchar_ops
DEFAULT FOR TYPE bpchar USING zipora FAMILY bpchar_ops AS
	OPERATOR 1 ~<~,
	OPERATOR 2 ~<=~,
	OPERATOR 3 =,
	OPERATOR 4 ~>=~,
	OPERATOR 5 ~>~;
COMMENT ON OPERATOR CLASS bpchar_ops USING zipora IS
'char(n) in the order of its bytes, under any deterministic collation';

CREATE OPERATOR FAMILY bpchar_c_ops USING zipora;
COMMENT ON OPERATOR FAMILY bpchar_c_ops USING zipora IS
'char(n) under the collation C';

CREATE OPERATOR CLASS bpchar_c_ops
FOR TYPE bpchar USING zipora FAMILY bpchar_c_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS bpchar_c_ops USING zipora IS
'char(n) under the collation C, in the order of ORDER BY';

CREATE OPERATOR FAMILY bytea_ops USING zipora;
COMMENT ON OPERATOR FAMILY bytea_ops USING zipora IS
'bytea';

CREATE OPERATOR CLASS bytea_ops
DEFAULT FOR TYPE bytea USING zipora FAMILY bytea_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	OPERATOR 7 @^;
COMMENT ON OPERATOR CLASS bytea_ops USING zipora IS
'bytea';

CREATE OPERATOR FAMILY integer_ops USING zipora;
COMMENT ON OPERATOR FAMILY integer_ops USING zipora IS
'integers of any width';

CREATE OPERATOR CLASS int2_ops
DEFAULT FOR TYPE smallint USING zipora FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS int2_ops USING zipora IS
'smallint';

CREATE OPERATOR CLASS int4_ops
DEFAULT FOR TYPE integer USING zipora FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS int4_ops USING zipora IS
'integer';

CREATE OPERATOR CLASS int8_ops
DEFAULT FOR TYPE bigint USING zipora FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS int8_ops USING zipora IS
'bigint';

ALTER OPERATOR FAMILY integer_ops USING zipora ADD
	OPERATOR 1 < (smallint, integer),
	OPERATOR 2 <= (smallint, integer),
	OPERATOR 3 = (smallint, integer),
	OPERATOR 4 >= (smallint, integer),
	OPERATOR 5 > (smallint, integer),
	OPERATOR 1 < (smallint, bigint),
	OPERATOR 2 <= (smallint, bigint),
	OPERATOR 3 = (smallint, bigint),
	OPERATOR 4 >= (smallint, bigint),
	OPERATOR 5 > (smallint, bigint),
	OPERATOR 1 < (integer, smallint),
	OPERATOR 2 <= (integer, smallint),
	OPERATOR 3 = (integer, smallint),
	OPERATOR 4 >= (integer, smallint),
	OPERATOR 5 > (integer, smallint),
	OPERATOR 1 < (integer, bigint),
	OPERATOR 2 <= (integer, bigint),
	OPERATOR 3 = (integer, bigint),
	OPERATOR 4 >= (integer, bigint),
	OPERATOR 5 > (integer, bigint),
	OPERATOR 1 < (bigint, smallint),
	OPERATOR 2 <= (bigint, smallint),
	OPERATOR 3 = (bigint, smallint),
	OPERATOR 4 >= (bigint, smallint),
	OPERATOR 5 > (bigint, smallint),
	OPERATOR 1 < (bigint, integer),
	OPERATOR 2 <= (bigint, integer),
	OPERATOR 3 = (bigint, integer),
	OPERATOR 4 >= (bigint, integer),
	OPERATOR 5 > (bigint, integer);

CREATE OPERATOR FAMILY oid_ops USING zipora;
COMMENT ON OPERATOR FAMILY oid_ops USING zipora IS
'oid';

CREATE OPERATOR CLASS oid_ops
DEFAULT FOR TYPE oid USING zipora FAMILY oid_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS oid_ops USING zipora IS
'oid';

CREATE OPERATOR FAMILY uuid_ops USING zipora;
COMMENT ON OPERATOR FAMILY uuid_ops USING zipora IS
'uuid';

CREATE OPERATOR CLASS uuid_ops
DEFAULT FOR TYPE uuid USING zipora FAMILY uuid_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS uuid_ops USING zipora IS
'uuid';

CREATE OPERATOR FAMILY datetime_ops USING zipora;
COMMENT ON OPERATOR FAMILY datetime_ops USING zipora IS
'dates and timestamps';

CREATE OPERATOR CLASS date_ops
DEFAULT FOR TYPE date USING zipora FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS date_ops USING zipora IS
'date';

CREATE OPERATOR CLASS timestamp_ops
DEFAULT FOR TYPE timestamp USING zipora FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS timestamp_ops USING zipora IS
'timestamp without time zone';

CREATE OPERATOR CLASS timestamptz_ops
DEFAULT FOR TYPE timestamptz USING zipora FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >;
COMMENT ON OPERATOR CLASS timestamptz_ops USING zipora IS
'timestamp with time zone';

ALTER OPERATOR FAMILY datetime_ops USING zipora ADD
	OPERATOR 1 < (date, timestamp),
	OPERATOR 2 <= (date, timestamp),
	OPERATOR 3 = (date, timestamp),
	OPERATOR 4 >= (date, timestamp),
	OPERATOR 5 > (date, timestamp),
	OPERATOR 1 < (date, timestamptz),
	OPERATOR 2 <= (date, timestamptz),
	OPERATOR 3 = (date, timestamptz),
	OPERATOR 4 >= (date, timestamptz),
	OPERATOR 5 > (date, timestamptz),
	OPERATOR 1 < (timestamp, date),
	OPERATOR 2 <= (timestamp, date),
	OPERATOR 3 = (timestamp, date),
	OPERATOR 4 >= (timestamp, date),
	OPERATOR 5 > (timestamp, date),
	OPERATOR 1 < (timestamp, timestamptz),
	OPERATOR 2 <= (timestamp, timestamptz),
	OPERATOR 3 = (timestamp, timestamptz),
	OPERATOR 4 >= (timestamp, timestamptz),
	OPERATOR 5 > (timestamp, timestamptz),
	OPERATOR 1 < (timestamptz, date),
	OPERATOR 2 <= (timestamptz, date),
	OPERATOR 3 = (timestamptz, date),
	OPERATOR 4 >= (timestamptz, date),
	OPERATOR 5 > (timestamptz, date),
	OPERATOR 1 < (timestamptz, timestamp),
	OPERATOR 2 <= (timestamptz, timestamp),
	OPERATOR 3 = (timestamptz, timestamp),
	OPERATOR 4 >= (timestamptz, timestamp),
	OPERATOR 5 > (timestamptz, timestamp);

CREATE OPERATOR FAMILY network_ops USING zipora;
COMMENT ON OPERATOR FAMILY network_ops USING zipora IS
'addresses and networks';

CREATE OPERATOR CLASS inet_ops
DEFAULT FOR TYPE inet USING zipora FAMILY network_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	OPERATOR 10 >>=,
	OPERATOR 11 <<=;
COMMENT ON OPERATOR CLASS inet_ops USING zipora IS
'inet, and cidr too';

CREATE OPERATOR CLASS cidr_ops
FOR TYPE inet USING zipora FAMILY network_ops AS
	STORAGE inet;
COMMENT ON OPERATOR CLASS cidr_ops USING zipora IS
'cidr';

-- ---- indexes: check, memory, statistics ----------------------------------------

CREATE FUNCTION zipora_index_check(index regclass, heapallindexed boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_index_check'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_index_check(regclass, boolean) IS
'raises an error if a zipora index is corrupted: checks its pages, its image in memory, and with heapallindexed that every row has its entry; for the owner';

CREATE FUNCTION zipora_prewarm(index regclass)
RETURNS bigint
AS 'MODULE_PATHNAME', 'zipora_prewarm'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_prewarm(regclass) IS
'loads a zipora index into shared memory; gives the number of entries, or null and a warning if memory is short';

CREATE FUNCTION zipora_evict(index regclass)
RETURNS boolean
AS 'MODULE_PATHNAME', 'zipora_evict'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_evict(regclass) IS
'takes a zipora index out of shared memory until its next use; false if it was not there; for the owner';

CREATE FUNCTION zipora_index_stats(
	index regclass,
	OUT state text,
	OUT reason text,
	OUT entries bigint,
	OUT used_bytes bigint,
	OUT reserved_bytes bigint,
	OUT bytes_per_key float8,
	OUT access text,
	OUT pool_level text,
	OUT log_pages bigint,
	OUT tail_pages bigint,
	OUT base_entries bigint,
	OUT dead_entries bigint,
	OUT generation bigint,
	OUT loaded_pages bigint,
	OUT lag_pages bigint,
	OUT loads bigint,
	OUT evictions bigint,
	OUT scans bigint,
	OUT log_scans bigint,
	OUT applied bigint,
	OUT killed bigint,
	OUT last_use timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'zipora_index_stats'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION zipora_index_stats(regclass) IS
'a row of the view zipora_index_stats';

CREATE VIEW zipora_index_stats AS
SELECT
	c.oid::pg_catalog.regclass AS index,
	i.indrelid::pg_catalog.regclass AS "table",
	s.*
FROM pg_catalog.pg_class c
	JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'zipora'
	JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indisready
	CROSS JOIN LATERAL zipora_index_stats(c.oid) s
WHERE c.relkind = 'i' AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace);

COMMENT ON VIEW zipora_index_stats IS
'zipora indexes of this database: their images in shared memory, their logs, and how they are used';

COMMENT ON COLUMN zipora_index_stats.index IS 'the index';
COMMENT ON COLUMN zipora_index_stats."table" IS 'its table';
COMMENT ON COLUMN zipora_index_stats.state IS 'of the image in shared memory: ready, loading, not loaded';
COMMENT ON COLUMN zipora_index_stats.reason IS 'why it was loaded last, or why it is not loaded';
COMMENT ON COLUMN zipora_index_stats.entries IS 'entries in the image';
COMMENT ON COLUMN zipora_index_stats.used_bytes IS 'bytes of the image in use';
COMMENT ON COLUMN zipora_index_stats.reserved_bytes IS 'bytes that the image has taken from shared memory';
COMMENT ON COLUMN zipora_index_stats.bytes_per_key IS 'used_bytes divided by entries';
COMMENT ON COLUMN zipora_index_stats.access IS 'access level of the image';
COMMENT ON COLUMN zipora_index_stats.pool_level IS 'level of the image''s memory pool';
COMMENT ON COLUMN zipora_index_stats.log_pages IS 'pages of the index on disk';
COMMENT ON COLUMN zipora_index_stats.tail_pages IS 'of them, those in order of arrival';
COMMENT ON COLUMN zipora_index_stats.base_entries IS 'entries written in key order by CREATE INDEX or the last compaction';
COMMENT ON COLUMN zipora_index_stats.dead_entries IS 'removed entries that still take up room on disk, as the last VACUUM left them';
COMMENT ON COLUMN zipora_index_stats.generation IS '1 from CREATE INDEX; each compaction adds 1';
COMMENT ON COLUMN zipora_index_stats.loaded_pages IS 'while it is loading: how many of log_pages have been read';
COMMENT ON COLUMN zipora_index_stats.lag_pages IS 'tail pages that the image has not read to the end yet';
COMMENT ON COLUMN zipora_index_stats.loads IS 'how often the image was loaded';
COMMENT ON COLUMN zipora_index_stats.evictions IS 'how often it was taken out of memory';
COMMENT ON COLUMN zipora_index_stats.scans IS 'scans since the first use after the server began';
COMMENT ON COLUMN zipora_index_stats.log_scans IS 'of them, those that read the pages for want of an image';
COMMENT ON COLUMN zipora_index_stats.applied IS 'entries that the image took over from the log, loads not counted';
COMMENT ON COLUMN zipora_index_stats.killed IS 'entries that scans took out of the image because their rows were dead';
COMMENT ON COLUMN zipora_index_stats.last_use IS 'last scan, to the second';

GRANT SELECT ON zipora_index_stats TO PUBLIC;
