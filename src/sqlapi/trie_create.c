/*
 * trie_create.c
 *	  zipora_create, zipora_drop.
 *
 * At pool level fixed max_bytes is the capacity of the pool, which is taken at once.
 */
#include "sqlapi/choices.h"

#include "shm/token_handle.h"

static const ZpChoice value_types[] = {
	{"none", ZP_VALUE_NONE},
	{"bigint", ZP_VALUE_BIGINT},
	{"text", ZP_VALUE_TEXT},
	{"bytea", ZP_VALUE_BYTEA},
	{"jsonb", ZP_VALUE_JSONB},
	{NULL, 0}
};


PG_FUNCTION_INFO_V1(zipora_create);
PG_FUNCTION_INFO_V1(zipora_drop);

PGDLLEXPORT Datum
zipora_create(PG_FUNCTION_ARGS)
{
	ZpObjectSpec spec;
	text	   *name;
	bool		if_not_exists;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	name = PG_GETARG_TEXT_PP(0);
	zp_check_name(ZP_OBJECT_TRIE, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), spec.name);
	spec.kind = ZP_OBJECT_TRIE;
	spec.value_type = (ZpValueType) zp_choose(fcinfo, 1, "value_type", value_types);
	spec.access = (ZpAccessLevel) zp_choose(fcinfo, 2, "access", zp_access_level_choices);
	memset(&spec.pool, 0, sizeof(spec.pool));
	spec.pool.level = (ZpPoolLevel) zp_choose(fcinfo, 3, "pool_level", zp_pool_level_choices);
	spec.pool.preset = (ZpPresetName) zp_choose(fcinfo, 4, "preset", zp_preset_choices);
	spec.pool.max_bytes = zp_bytes_argument(fcinfo, 5, "max_bytes");
	if (spec.pool.level == ZP_POOL_FIXED)
	{
		spec.pool.capacity = spec.pool.max_bytes;
		spec.pool.max_bytes = 0;
		if (spec.pool.capacity == 0 && zp_presets[spec.pool.preset].capacity == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pool_level fixed needs max_bytes"),
					 errhint("Give it, or use preset realtime, which has a capacity.")));
	}
	zp_check_pool_options(&spec.pool);
	if_not_exists = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);

	if (zp_registry_create(&spec))
		PG_RETURN_BOOL(true);
	if (!if_not_exists)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("trie \"%s\" already exists", spec.name)));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("trie \"%s\" already exists, skipping", spec.name)));
	PG_RETURN_BOOL(false);
}

PGDLLEXPORT Datum
zipora_drop(PG_FUNCTION_ARGS)
{
	text	   *name;
	bool		if_exists;
	char		copy[ZP_NAME_BYTES];
	ZpHandle   *handle;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	name = PG_GETARG_TEXT_PP(0);
	zp_check_name(ZP_OBJECT_TRIE, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), copy);
	if_exists = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	/* Not opened: a token takes memory, and dropping must work without any. */
	handle = zp_handle_find(copy, strlen(copy), ZP_PRIVILEGE_OWN, true);
	if (handle != NULL)
	{
		uint64		object_id = handle->object_id;
		bool		dropped;

		if (zp_handle_has_tokens(handle, false))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("cannot drop trie \"%s\" because this session holds tokens of it",
							copy),
					 errhint("Release them with zipora_release_token.")));
		/* Tokens of others are waited for where deadlocks are seen. */
		(void) zp_trie_lock(handle, AccessExclusiveLock, CurrentResourceOwner, false);
		if (handle->object == NULL || handle->object_id != object_id)
			zp_report(ZP_DROPPED, handle, 0);
		zp_handle_rest(handle);
		dropped = zp_registry_drop(handle->object);
		zp_trie_unlock(handle, AccessExclusiveLock, CurrentResourceOwner);
		zp_handle_close(handle);
		if (dropped)
			PG_RETURN_BOOL(true);
	}
	if (!if_exists)
		zp_report_unknown(ZP_OBJECT_TRIE, copy);
	ereport(NOTICE,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("trie \"%s\" does not exist, skipping", copy)));
	PG_RETURN_BOOL(false);
}
