/*
 * sync_views.c
 *	  The functions behind the views zipora_sync_objects and zipora_local_storage.
 *
 * That an object exists, and whose it is, everybody may see; its value and who waits only
 * who may read it, and pg_read_all_stats.
 */
#include "sqlapi/sqlapi.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "shm/futex_wait.h"

#define ZP_SYNC_COLUMNS		6
#define ZP_LOCAL_COLUMNS	8

PG_FUNCTION_INFO_V1(zipora_sync_objects);
PG_FUNCTION_INFO_V1(zipora_local_storage);

static bool
may_read(const ZpObjectInfo *info)
{
	ZpObject   *object = zp_registry_pin(info->kind, info->name);
	bool		allowed = false;

	if (object == NULL)
		return false;
	PG_TRY();
	{
		allowed = zp_registry_allows(object, GetUserId(), ZP_PRIVILEGE_READ);
	}
	PG_FINALLY();
	{
		zp_registry_unpin(object);
	}
	PG_END_TRY();
	return allowed;
}

PGDLLEXPORT Datum
zipora_sync_objects(PG_FUNCTION_ARGS)
{
	static const ZpObjectKind kinds[] = {ZP_OBJECT_COUNTER, ZP_OBJECT_FLAG, ZP_OBJECT_FUTEX};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		all_stats = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);

	InitMaterializedSRF(fcinfo, 0);
	for (size_t kind = 0; kind < lengthof(kinds); kind++)
	{
		int			count;
		ZpObjectInfo *infos = zp_registry_list(kinds[kind], MyDatabaseId, &count);

		for (int i = 0; i < count; i++)
		{
			Datum		values[ZP_SYNC_COLUMNS];
			bool		nulls[ZP_SYNC_COLUMNS] = {false};
			bool		visible = all_stats || may_read(&infos[i]);

			values[0] = CStringGetTextDatum(infos[i].name);
			values[1] = CStringGetTextDatum(zp_object_kind_name(infos[i].kind));
			values[2] = ObjectIdGetDatum(infos[i].owner);
			values[3] = Int64GetDatum(infos[i].value);
			values[4] = Int64GetDatum((int64) infos[i].waiters);
			values[5] = TimestampTzGetDatum(infos[i].created);
			nulls[3] = !visible;
			nulls[4] = !visible || infos[i].kind != ZP_OBJECT_FUTEX;
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
		pfree(infos);
	}
	return (Datum) 0;
}

PGDLLEXPORT Datum
zipora_local_storage(PG_FUNCTION_ARGS)
{
	static void (*const figures_of[ZP_LOCAL_CACHES]) (ZpLocalFigures *) = {
		[ZP_LOCAL_HANDLES] = zp_handles_figures,
		[ZP_LOCAL_FUTEX_NODE] = zp_futex_node_figures
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	zp_backend_start();
	for (int cache = 0; cache < ZP_LOCAL_CACHES; cache++)
	{
		Datum		values[ZP_LOCAL_COLUMNS];
		bool		nulls[ZP_LOCAL_COLUMNS] = {false};
		ZpLocalFigures figures;

		figures_of[cache] (&figures);
		values[0] = Int32GetDatum((int32) zp_backend.control->local_keys[cache].id);
		values[1] = Int32GetDatum(ZP_LOCAL_KEYS);
		values[2] = CStringGetTextDatum(zp_local_cache_name(cache));
		values[3] = Int64GetDatum((int64) zp_local_cache_users(cache));
		values[4] = Int64GetDatum((int64) figures.entries);
		values[5] = Int64GetDatum((int64) figures.bytes);
		values[6] = Int64GetDatum((int64) figures.hits);
		values[7] = Int64GetDatum((int64) figures.misses);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
