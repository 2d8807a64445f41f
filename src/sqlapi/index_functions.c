/*
 * index_functions.c
 *	  Functions on indexes: check, prewarm, evict, and the rows of zipora_index_stats.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "am/check.h"
#include "am/image.h"
#include "am/am.h"
#include "shm/registry.h"

PG_FUNCTION_INFO_V1(zipora_index_check);
PG_FUNCTION_INFO_V1(zipora_prewarm);
PG_FUNCTION_INFO_V1(zipora_evict);
PG_FUNCTION_INFO_V1(zipora_index_stats);

#define ZP_INDEX_STATS_COLUMNS 22

/* Opens an index of ours with AccessShareLock, and its table before it; else an error. */
static Relation
open_index(Oid oid, Relation *table)
{
	Relation	index;
	Oid			table_oid = IndexGetRelation(oid, true);

	*table = OidIsValid(table_oid) ? table_open(table_oid, AccessShareLock) : NULL;
	index = relation_open(oid, AccessShareLock);
	if (index->rd_rel->relkind != RELKIND_INDEX ||
		index->rd_indam == NULL || index->rd_indam->ambuild != zp_index_build)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX ?
				 errmsg("\"%s\" is a partitioned index", RelationGetRelationName(index)) :
				 errmsg("\"%s\" is not a zipora index", RelationGetRelationName(index)),
				 index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX ?
				 errhint("Name the index of one of its partitions.") : 0));
	if (*table == NULL || (*table)->rd_id != IndexGetRelation(oid, false))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("could not open the table of index \"%s\"",
						RelationGetRelationName(index))));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	if (!index->rd_index->indisready)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not ready", RelationGetRelationName(index))));
	return index;
}

static void
close_index(Relation index, Relation table)
{
	relation_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
}

static void
require_owner(Relation index)
{
	if (!zp_owns_class(RelationGetRelid(index), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(index));
}

Datum
zipora_index_check(PG_FUNCTION_ARGS)
{
	Relation	table;
	Relation	index = open_index(PG_GETARG_OID(0), &table);
	Oid			user;
	int			security;
	int			nest_level;

	require_owner(index);
	if (!index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(index)),
				 errhint("Drop it, or REINDEX it.")));

	/* The index's expressions are code of the table's owner. */
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(table->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
	nest_level = NewGUCNestLevel();
	ZP_RESTRICT_SEARCH_PATH();
	zp_index_check(table, index, PG_GETARG_BOOL(1));
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, security);
	close_index(index, table);
	PG_RETURN_VOID();
}

Datum
zipora_prewarm(PG_FUNCTION_ARGS)
{
	Relation	table;
	Relation	index = open_index(PG_GETARG_OID(0), &table);
	ZpIndexOptions options;
	ZpImage    *image;
	int64		entries = 0;

	if (pg_class_aclcheck(RelationGetRelid(table), GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		!zp_owns_class(RelationGetRelid(index), GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(table));
	zp_options_get(index, &options);
	image = zp_image_get(index, &options);
	if (image != NULL)
		entries = (int64) zp_load_relaxed_u64(&image->state->entries);
	else
		ereport(WARNING,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("index \"%s\" could not be loaded into shared memory",
						RelationGetRelationName(index)),
				 errdetail("Scans read its pages instead, which is slower."),
				 errhint("See the view zipora_index_stats; raising zipora.memory_limit or enlarging /dev/shm may help.")));
	close_index(index, table);
	if (image == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(entries);
}

Datum
zipora_evict(PG_FUNCTION_ARGS)
{
	Relation	table;
	Relation	index = open_index(PG_GETARG_OID(0), &table);
	bool		evicted;

	require_owner(index);
	evicted = zp_image_evict(index, ZP_REASON_ASKED);
	close_index(index, table);
	PG_RETURN_BOOL(evicted);
}

/* A number of the image's state, or null without one. */
static void
set_figure(Datum *values, bool *nulls, int column, ZpImage *image, ZpAtomicU64 *figure)
{
	nulls[column] = image == NULL;
	if (image != NULL)
		values[column] = Int64GetDatum((int64) zp_load_relaxed_u64(figure));
}

static const char *
state_name(ZpImage *image)
{
	if (image == NULL)
		return "not loaded";
	switch ((ZpImagePhase) zp_load_relaxed_u32(&image->state->phase))
	{
		case ZP_IMAGE_ABSENT:
		case ZP_IMAGE_EMPTY:
			return "not loaded";
		case ZP_IMAGE_LOADING:
			return "loading";
		case ZP_IMAGE_READY:
			return "ready";
	}
	return NULL;
}

Datum
zipora_index_stats(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	Datum		values[ZP_INDEX_STATS_COLUMNS] = {0};
	bool		nulls[ZP_INDEX_STATS_COLUMNS];
	TupleDesc	row;
	Relation	index;
	ZpImage    *image;
	ZpImageState *state;
	ZpLogMeta	meta;
	ZpPoolStats pool;
	ZpImageReason reason;
	uint64		entries;
	uint64		birth;
	int			column = 0;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	row = BlessTupleDesc(row);
	memset(nulls, true, sizeof(nulls));

	/* It may have been dropped since the catalog was read. */
	index = try_relation_open(oid, AccessShareLock);
	if (index == NULL)
		PG_RETURN_NULL();
	if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_indam == NULL ||
		index->rd_indam->ambuild != zp_index_build || !index->rd_index->indisready ||
		RELATION_IS_OTHER_TEMP(index))
	{
		relation_close(index, AccessShareLock);
		PG_RETURN_NULL();
	}

	zp_meta_read(index, &meta);
	image = zp_image_peek(index, meta.incarnation);
	if (image != NULL && image->state == NULL)
		image = NULL;
	state = image != NULL ? image->state : NULL;

#define NEXT_VALUE(value) (nulls[column] = false, values[column++] = (value))
#define NEXT_NULL() (column++)

	NEXT_VALUE(CStringGetTextDatum(state_name(image)));
	reason = state != NULL ? (ZpImageReason) zp_load_relaxed_u32(&state->reason) :
		zp_image_start_failed();
	if (zp_image_reason_names[reason] != NULL)
		NEXT_VALUE(CStringGetTextDatum(zp_image_reason_names[reason]));
	else
		NEXT_NULL();

	/* The image's memory. */
	entries = state != NULL ? zp_load_relaxed_u64(&state->entries) : 0;
	if (image != NULL && image->open && zp_trie_enter(&image->session) == ZP_OK)
	{
		zp_pool_stats(&zp_backend.map, image->session.pool, &pool);
		zp_trie_leave(&image->session);
		NEXT_VALUE(Int64GetDatum((int64) entries));
		NEXT_VALUE(Int64GetDatum((int64) pool.used_bytes));
		NEXT_VALUE(Int64GetDatum((int64) pool.reserved_bytes));
		if (entries > 0)
			NEXT_VALUE(Float8GetDatum((double) pool.used_bytes / (double) entries));
		else
			NEXT_NULL();
		NEXT_VALUE(CStringGetTextDatum(zp_access_level_name(zp_trie_access_level(&image->session))));
		NEXT_VALUE(CStringGetTextDatum(zp_pool_level_name(pool.level)));
	}
	else
		column += 6;

	/* The log. */
	NEXT_VALUE(Int64GetDatum((int64) RelationGetNumberOfBlocks(index)));
	NEXT_VALUE(Int64GetDatum((int64) (meta.last_birth - meta.seal_birth + 1)));
	NEXT_VALUE(Int64GetDatum((int64) meta.base_entries));
	NEXT_VALUE(Int64GetDatum((int64) meta.dead_entries));
	NEXT_VALUE(Int64GetDatum((int64) meta.generation));

	/* How far a load under way has come. */
	if (state != NULL && zp_load_relaxed_u32(&state->phase) == ZP_IMAGE_LOADING)
		NEXT_VALUE(Int64GetDatum((int64) zp_load_relaxed_u64(&state->pages_read)));
	else
		NEXT_NULL();

	/* How many tail pages the image is behind. */
	birth = state != NULL ? zp_load_relaxed_u64(&state->birth) : 0;
	if (state != NULL && zp_load_relaxed_u32(&state->phase) == ZP_IMAGE_READY &&
		(birth & ZP_BIRTH_OF_TAIL) != 0)
		NEXT_VALUE(Int64GetDatum((int64) (meta.last_birth - birth)));
	else
		NEXT_NULL();

	set_figure(values, nulls, column++, image, state != NULL ? &state->loads : NULL);
	set_figure(values, nulls, column++, image, state != NULL ? &state->evictions : NULL);
	set_figure(values, nulls, column++, image, state != NULL ? &state->scans : NULL);
	set_figure(values, nulls, column++, image, state != NULL ? &state->log_scans : NULL);
	set_figure(values, nulls, column++, image, state != NULL ? &state->applied : NULL);
	set_figure(values, nulls, column++, image, state != NULL ? &state->killed : NULL);
	if (state != NULL && zp_load_relaxed_u64(&state->used_at) != 0)
		NEXT_VALUE(TimestampTzGetDatum((TimestampTz) zp_load_relaxed_u64(&state->used_at)));
	else
		NEXT_NULL();
	Assert(column == ZP_INDEX_STATS_COLUMNS);

	relation_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(row, values, nulls)));
}
