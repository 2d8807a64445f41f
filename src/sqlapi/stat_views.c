/*
 * stat_views.c
 *	  The functions behind the views zipora_tries, zipora_memory, zipora_pool_stats,
 *	  zipora_pool_caches.
 *
 * That a trie exists, and whose it is, everybody may see, as with tables.  Its
 * figures are null to a role that may neither read it nor all statistics
 * (pg_read_all_stats).  Likewise everybody may see which sessions use a pool, as in
 * pg_stat_activity, but the figures of another role's session only a member of that role
 * or of pg_read_all_stats.
 */
#include "sqlapi/stat_row.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#define ZP_TRIES_COLUMNS		13
#define ZP_MEMORY_COLUMNS		14
#define ZP_POOL_STATS_COLUMNS	30
#define ZP_POOL_CACHES_COLUMNS	8

PG_FUNCTION_INFO_V1(zipora_tries);
PG_FUNCTION_INFO_V1(zipora_memory);
PG_FUNCTION_INFO_V1(zipora_pool_stats);
PG_FUNCTION_INFO_V1(zipora_pool_caches);

PGDLLEXPORT Datum
zipora_tries(PG_FUNCTION_ARGS)
{
	bool		all_stats = zp_reads_all_stats();
	ZpObjectInfo *infos;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	infos = zp_registry_list(ZP_OBJECT_TRIE, MyDatabaseId, &count);
	for (int i = 0; i < count; i++)
	{
		ZpObjectInfo *info = &infos[i];
		bool		close = false;
		ZpHandle   *handle = zp_open_to_look(info->name, all_stats, &close);
		Row			row = {.columns = 0};

		add_datum(&row, CStringGetTextDatum(info->name));
		add_datum(&row, ObjectIdGetDatum(info->owner));
		add_datum(&row, CStringGetTextDatum(zp_value_type_names[info->value_type]));
		add_datum(&row, CStringGetTextDatum(zp_access_level_name(info->access)));
		add_datum(&row, CStringGetTextDatum(zp_pool_level_name(info->pool.level)));
		add_datum(&row, CStringGetTextDatum(zp_presets[info->pool.preset].name));
		if (handle != NULL)
		{
			ZpTokenStats tokens;
			uint64		keys;

			/* Blocks that only wait for somebody to free them are no news. */
			if (info->pool_level != ZP_POOL_NO_LOCK)
				(void) zp_trie_reclaim(&handle->session);
			zp_trie_token_stats(&handle->session, &tokens);
			keys = zp_trie_count(&handle->session);
			(void) zp_handle_pool_stats(handle, &info->pool);
			add_number(&row, keys);
			add_number(&row, info->pool.used_bytes);
			add_number(&row, info->pool.reserved_bytes);
			add_limit(&row, info->pool.capacity != 0 ? info->pool.capacity : info->max_bytes);
			add_ratio(&row, info->pool.used_bytes, keys);
			add_number(&row, tokens.pending);
			if (close)
				zp_handle_close(handle);
		}
		else
		{
			for (int column = 0; column < 6; column++)
				add_null(&row);
		}
		add_datum(&row, TimestampTzGetDatum(info->created));
		put_row(fcinfo, &row, ZP_TRIES_COLUMNS);
	}
	return (Datum) 0;
}

/* Bytes that all objects of a kind have taken, and how many there are. */
static uint64
bytes_of_kind(ZpObjectKind kind, int *count)
{
	ZpObjectInfo *infos = zp_registry_list(kind, InvalidOid, count);
	uint64		bytes = 0;

	for (int i = 0; i < *count; i++)
		bytes += infos[i].pool.reserved_bytes;
	return bytes;
}

PGDLLEXPORT Datum
zipora_memory(PG_FUNCTION_ARGS)
{
	ZpArenaStats arena;
	int			tries;
	int			pools;
	int			images;
	uint64		trie_bytes;
	uint64		pool_bytes;
	uint64		image_bytes;
	uint64		named;
	Row			row = {.columns = 0};

	InitMaterializedSRF(fcinfo, 0);
	trie_bytes = bytes_of_kind(ZP_OBJECT_TRIE, &tries);
	pool_bytes = bytes_of_kind(ZP_OBJECT_POOL, &pools);
	image_bytes = bytes_of_kind(ZP_OBJECT_IMAGE, &images);
	named = trie_bytes + pool_bytes + image_bytes;
	zp_arena_stats(&zp_backend.map, &arena);
	add_limit(&row, arena.limit_bytes);
	add_number(&row, arena.reserved_bytes);
	add_number(&row, arena.used_bytes);
	add_number(&row, arena.largest_free_bytes);
	add_number(&row, (uint64) tries);
	add_number(&row, trie_bytes);
	add_number(&row, pool_bytes);
	add_number(&row, image_bytes);
	add_number(&row, arena.used_bytes > named ? arena.used_bytes - named : 0);
	add_number(&row, arena.segments);
	add_number(&row, arena.mapped_bytes);
	add_number(&row, arena.growths);
	add_number(&row, arena.decommits);
	add_number(&row, arena.failures);
	put_row(fcinfo, &row, ZP_MEMORY_COLUMNS);
	return (Datum) 0;
}

/* Why and from where a pool was raised last. */
static void
add_raise(Row *row, const ZpPoolStats *pool)
{
	char	   *reason;

	if (pool->raises == 0)
	{
		add_null(row);
		add_null(row);
		return;
	}
	reason = psprintf("raised from %s to %s: contention in " UINT64_FORMAT " of " UINT64_FORMAT
					  " allocations",
					  zp_pool_level_name(pool->raised_from),
					  zp_pool_level_name(pool->raised_from + 1),
					  (uint64) pool->raised_events, (uint64) pool->raised_operations);
	add_datum(row, TimestampTzGetDatum(pool->raised_at -
									   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY));
	add_datum(row, CStringGetTextDatum(reason));
}

/* One pool's row; its figures only if they are visible. */
static void
put_pool(FunctionCallInfo fcinfo, const char *name, const char *kind, const ZpPoolStats *pool,
		 bool visible)
{
	Row			row = {.columns = 0};

	add_datum(&row, CStringGetTextDatum(name));
	add_datum(&row, CStringGetTextDatum(kind));
	add_datum(&row, CStringGetTextDatum(zp_pool_level_name(pool->level)));
	add_datum(&row, CStringGetTextDatum(zp_presets[pool->preset].name));
	add_datum(&row, BoolGetDatum(pool->adaptive));
	if (!visible)
	{
		while (row.columns < ZP_POOL_STATS_COLUMNS)
			add_null(&row);
		put_row(fcinfo, &row, ZP_POOL_STATS_COLUMNS);
		return;
	}
	add_limit(&row, pool->max_bytes);
	add_limit(&row, pool->capacity);
	add_number(&row, pool->reserved_bytes);
	add_number(&row, pool->used_bytes);
	add_number(&row, pool->free_bytes);
	add_ratio(&row, pool->used_bytes, pool->reserved_bytes);
	add_ratio(&row, pool->free_bytes, pool->reserved_bytes);
	add_number(&row, pool->chunks);
	add_number(&row, pool->blocks);
	add_number(&row, pool->large_blocks);
	add_number(&row, pool->allocations);
	add_number(&row, pool->frees);
	add_number(&row, pool->failures);
	add_number(&row, pool->bad_frees);
	add_number(&row, pool->sleeps);
	add_number(&row, pool->contention);
	add_number(&row, pool->participants);
	add_number(&row, pool->cached_blocks);
	add_number(&row, pool->own_cached_blocks);
	add_ratio(&row, pool->cache_hits, pool->cache_hits + pool->cache_misses);
	add_number(&row, pool->huge_asked_bytes);
	add_number(&row, pool->huge_granted_bytes);
	add_number(&row, pool->raises);
	add_raise(&row, pool);
	put_row(fcinfo, &row, ZP_POOL_STATS_COLUMNS);
}

static bool
owns_pool(const ZpObjectInfo *info)
{
	return has_privs_of_role(GetUserId(), info->owner);
}

PGDLLEXPORT Datum
zipora_pool_stats(PG_FUNCTION_ARGS)
{
	bool		all_stats = zp_reads_all_stats();
	ZpObjectInfo *infos;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	infos = zp_registry_list(ZP_OBJECT_TRIE, MyDatabaseId, &count);
	for (int i = 0; i < count; i++)
	{
		ZpObjectInfo *info = &infos[i];
		ZpHandle   *handle = zp_handle_find(info->name, strlen(info->name), 0, true);
		bool		visible = all_stats;

		if (!visible)
			visible = handle != NULL &&
				zp_registry_allows(handle->object, GetUserId(), ZP_PRIVILEGE_READ);
		put_pool(fcinfo, info->name, "trie", &info->pool, visible);
	}
	infos = zp_registry_list(ZP_OBJECT_POOL, MyDatabaseId, &count);
	for (int i = 0; i < count; i++)
		put_pool(fcinfo, infos[i].name, "pool", &infos[i].pool,
				 all_stats || owns_pool(&infos[i]));
	if (all_stats)
	{
		ZpPoolStats pool;

		zp_pool_stats(&zp_backend.map, zp_backend.control_pool, &pool);
		put_pool(fcinfo, "(control)", "system", &pool, true);
		if (!zp_pool_stats_at(zp_backend.control->names_pool, &pool))
			zp_report(ZP_MAP_FAILED, NULL, 0);
		put_pool(fcinfo, "(names)", "system", &pool, true);
	}
	return (Datum) 0;
}

/* Whether the user may see the figures of a session: of his roles', or of anybody's. */
static bool
sees_session(uint32 pid, bool all_stats)
{
	PGPROC	   *proc;

	if (all_stats || pid == (uint32) MyProcPid)
		return true;
	proc = BackendPidGetProc((int) pid);
	return proc != NULL && has_privs_of_role(GetUserId(), proc->roleId);
}

PGDLLEXPORT Datum
zipora_pool_caches(PG_FUNCTION_ARGS)
{
	static const struct
	{
		ZpObjectKind kind;
		const char *name;
	}			kinds[] = {
		{ZP_OBJECT_TRIE, "trie"},
		{ZP_OBJECT_POOL, "pool"}
	};
	bool		all_stats = zp_reads_all_stats();

	InitMaterializedSRF(fcinfo, 0);
	for (int k = 0; k < (int) lengthof(kinds); k++)
	{
		int			count;
		ZpObjectInfo *infos = zp_registry_list_caches(kinds[k].kind, MyDatabaseId, &count);

		for (int i = 0; i < count; i++)
		{
			for (uint32 c = 0; c < infos[i].cache_count; c++)
			{
				const ZpPoolCache *cache = &infos[i].caches[c];
				Row			row = {.columns = 0};

				add_datum(&row, CStringGetTextDatum(infos[i].name));
				add_datum(&row, CStringGetTextDatum(kinds[k].name));
				add_datum(&row, Int32GetDatum((int32) cache->participant));
				if (sees_session(cache->participant, all_stats))
				{
					add_number(&row, cache->allocations);
					add_number(&row, cache->frees);
					add_number(&row, cache->cached_blocks);
					add_number(&row, cache->cached_bytes);
					add_ratio(&row, cache->hits, cache->hits + cache->misses);
				}
				while (row.columns < ZP_POOL_CACHES_COLUMNS)
					add_null(&row);
				put_row(fcinfo, &row, ZP_POOL_CACHES_COLUMNS);
			}
		}
	}
	return (Datum) 0;
}
