/*
 * pool_create.c
 *	  zipora_pool_create, zipora_pool_drop, zipora_pool_choose_level,
 *	  zipora_pool_stats_reset.
 *
 * A named pool belongs to its owner alone: it is raw memory, and whoever may write to one
 * block may free another.
 */
#include "sqlapi/choices.h"

#include "shm/pool_handle.h"

PG_FUNCTION_INFO_V1(zipora_pool_create);
PG_FUNCTION_INFO_V1(zipora_pool_drop);
PG_FUNCTION_INFO_V1(zipora_pool_choose_level);
PG_FUNCTION_INFO_V1(zipora_pool_stats_reset);

PGDLLEXPORT Datum
zipora_pool_create(PG_FUNCTION_ARGS)
{
	ZpObjectSpec spec;
	text	   *name;
	bool		if_not_exists;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a pool");
	name = PG_GETARG_TEXT_PP(0);
	memset(&spec, 0, sizeof(spec));
	zp_check_name(ZP_OBJECT_POOL, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), spec.name);
	spec.kind = ZP_OBJECT_POOL;
	spec.pool.level = (ZpPoolLevel) zp_choose(fcinfo, 1, "level", zp_pool_level_choices);
	spec.pool.preset = (ZpPresetName) zp_choose(fcinfo, 2, "preset", zp_preset_choices);
	spec.pool.capacity = zp_bytes_argument(fcinfo, 3, "capacity");
	spec.pool.max_bytes = zp_bytes_argument(fcinfo, 4, "max_bytes");
	spec.pool.clean = true;
	zp_check_pool_options(&spec.pool);
	if_not_exists = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);

	if (zp_registry_create(&spec))
		PG_RETURN_BOOL(true);
	if (!if_not_exists)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("pool \"%s\" already exists", spec.name)));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("pool \"%s\" already exists, skipping", spec.name)));
	PG_RETURN_BOOL(false);
}

PGDLLEXPORT Datum
zipora_pool_drop(PG_FUNCTION_ARGS)
{
	text	   *name;
	bool		if_exists;
	char		copy[ZP_NAME_BYTES];
	ZpHandle   *handle;
	bool		dropped = false;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a pool");
	name = PG_GETARG_TEXT_PP(0);
	zp_check_name(ZP_OBJECT_POOL, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), copy);
	if_exists = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	handle = zp_pool_handle_open(copy, strlen(copy), true);
	if (handle != NULL)
	{
		dropped = zp_registry_drop(handle->object);
		zp_handle_close(handle);
	}
	if (dropped)
		PG_RETURN_BOOL(true);
	if (!if_exists)
		zp_report_unknown(ZP_OBJECT_POOL, copy);
	ereport(NOTICE,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("pool \"%s\" does not exist, skipping", copy)));
	PG_RETURN_BOOL(false);
}

/* What auto would choose: the rule alone, without a look at this machine. */
PGDLLEXPORT Datum
zipora_pool_choose_level(PG_FUNCTION_ARGS)
{
	int32		cores;
	uint64		small_bytes;
	uint64		arena_bytes;
	uint64		capacity;
	bool		shared;
	ZpPoolLevel level;

	for (int argument = 0; argument < 3; argument++)
	{
		if (PG_ARGISNULL(argument))
			PG_RETURN_NULL();
	}
	cores = PG_GETARG_INT32(0);
	if (cores < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cores must be positive")));
	small_bytes = zp_bytes_argument(fcinfo, 1, "small_block_bytes");
	arena_bytes = zp_bytes_argument(fcinfo, 2, "arena_bytes");
	capacity = zp_bytes_argument(fcinfo, 3, "capacity");
	shared = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);
	level = zp_pool_choose_level((uint32) cores, small_bytes, arena_bytes, capacity, shared);
	PG_RETURN_TEXT_P(cstring_to_text(zp_pool_level_name(level)));
}

PGDLLEXPORT Datum
zipora_pool_stats_reset(PG_FUNCTION_ARGS)
{
	static const ZpChoice kinds[] = {
		{"pool", ZP_OBJECT_POOL},
		{"trie", ZP_OBJECT_TRIE},
		{NULL, 0}
	};
	text	   *name = PG_GETARG_TEXT_PP(0);

	if (zp_choose(fcinfo, 1, "kind", kinds) == ZP_OBJECT_POOL)
	{
		ZpHandle   *handle;

		handle = zp_pool_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), false);
		if (!zp_pool_enter(handle))
			zp_report_pool(ZP_DROPPED, handle->name, 0, 0);
		zp_pool_stats_reset(&zp_backend.map, handle->pool);
		zp_pool_leave(handle);
	}
	else
	{
		ZpHandle   *handle;

		handle = zp_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), ZP_PRIVILEGE_OWN);
		if (zp_trie_enter(&handle->session) != ZP_OK)
			zp_report(ZP_DROPPED, handle, 0);
		zp_pool_stats_reset(&zp_backend.map, handle->session.pool);
		zp_trie_leave(&handle->session);
	}
	PG_RETURN_VOID();
}
