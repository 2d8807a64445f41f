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

CREATE FUNCTION zipora_grant(trie text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_grant'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;

COMMENT ON FUNCTION zipora_grant(text, text, text) IS
'give a role (or public) the right to read or to write a trie';

CREATE FUNCTION zipora_revoke(trie text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME', 'zipora_revoke'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;

COMMENT ON FUNCTION zipora_revoke(text, text, text) IS
'take the right to read or to write a trie from a role (or public)';

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
