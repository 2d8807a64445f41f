/*
 * trie_access.c
 *	  zipora_set_access and zipora_freeze: the access level of a live trie.
 *
 * Tokens that others hold are waited for by their locks; then, with the lock of the change,
 * for the writers that are inside a call, which takes microseconds.  Whatever ends the
 * waiting or the compaction, the old level comes back.
 */
#include "sqlapi/choices.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "portability/instr_time.h"

#include "shm/token_handle.h"
#include "shm/waits.h"
#include "trie/compact.h"

#define ZP_CHANGE_POLL_MS			1
#define ZP_FREEZE_NOTICE_SECONDS	2.0

PG_FUNCTION_INFO_V1(zipora_set_access);
PG_FUNCTION_INFO_V1(zipora_freeze);

/* A change under way. */
typedef struct Change
{
	ZpHandle   *handle;
	LOCKMODE	mode;
	ZpAccessLevel old;
} Change;

static void
begin_change(Change *change, text *name, uint32 privileges, bool to_single, bool nowait)
{
	ZpHandle   *handle = zp_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), privileges);
	ZpStatus	status;

	if (zp_handle_has_tokens(handle, true))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot change the access level of trie \"%s\" because this session holds a writer token of it",
						handle->name),
				 errhint("Release it with zipora_release_token.")));
	change->handle = handle;
	change->mode = to_single ? AccessExclusiveLock : ExclusiveLock;
	if (!zp_trie_lock(handle, change->mode, CurrentResourceOwner, nowait))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not change the access level of trie \"%s\"", handle->name),
				 errdetail("Other sessions hold tokens of it."),
				 errhint("See the view zipora_tokens.")));
	while ((status = zp_trie_change_begin(&handle->session)) == ZP_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != ZP_OK)
		zp_report(status, handle, 0);
	change->old = zp_trie_access_level(&handle->session);
}

/* Waits until no writer is inside. */
static void
wait_for_writers(Change *change)
{
	ZpStatus	status;

	while ((status = zp_trie_change_ready(&change->handle->session)) == ZP_BUSY)
		zp_pause(ZP_CHANGE_POLL_MS);
	if (status != ZP_OK)
		zp_report(status, change->handle, 0);
}

static void
end_change(Change *change, ZpAccessLevel level)
{
	zp_trie_change_end(&change->handle->session, level);
	zp_trie_unlock(change->handle, change->mode, CurrentResourceOwner);
}

PGDLLEXPORT Datum
zipora_set_access(PG_FUNCTION_ARGS)
{
	ZpAccessLevel level;
	Change		change;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	if (PG_ARGISNULL(2))
		zp_null_argument("nowait");
	level = (ZpAccessLevel) zp_choose(fcinfo, 1, "access", zp_access_level_choices);
	begin_change(&change, PG_GETARG_TEXT_PP(0), ZP_PRIVILEGE_OWN,
				 level == ZP_ACCESS_SINGLE_STRICT || level == ZP_ACCESS_SINGLE_SHARED,
				 PG_GETARG_BOOL(2));
	PG_TRY();
	{
		wait_for_writers(&change);
	}
	PG_CATCH();
	{
		zp_trie_change_undo(&change.handle->session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_change(&change, level);
	PG_RETURN_TEXT_P(cstring_to_text(zp_access_level_name(change.old)));
}

/* Makes the trie as small as its contents; shows progress. */
static void
compact(Change *change, ZpCompaction *compaction)
{
	instr_time	begin;
	double		noticed = 0;
	ZpStatus	status;

	INSTR_TIME_SET_CURRENT(begin);
	while ((status = zp_compact_step(compaction)) != ZP_END)
	{
		instr_time	now;
		double		seconds;

		CHECK_FOR_INTERRUPTS();
		if (status != ZP_OK && status != ZP_CANCELLED)
			zp_report(status, change->handle, 0);
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, begin);
		seconds = INSTR_TIME_GET_DOUBLE(now);
		if (seconds - noticed >= ZP_FREEZE_NOTICE_SECONDS)
		{
			noticed = seconds;
			ereport(NOTICE,
					(errmsg("freezing trie \"%s\": " UINT64_FORMAT " nodes in %.0f s",
							change->handle->name, compaction->buckets, seconds)));
		}
	}
}

PGDLLEXPORT Datum
zipora_freeze(PG_FUNCTION_ARGS)
{
	ZpCompaction compaction;
	ZpPoolStats before;
	ZpPoolStats after;
	Change		change;
	TupleDesc	row;
	Datum		values[7];
	bool		nulls[7] = {false};

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	if (PG_ARGISNULL(1))
		zp_null_argument("nowait");
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	/* Compacting writes: not everybody may, where the pool is of level no_lock. */
	begin_change(&change, PG_GETARG_TEXT_PP(0), ZP_PRIVILEGE_OWN | ZP_PRIVILEGE_WRITE, false,
				 PG_GETARG_BOOL(1));
	zp_compact_begin(&compaction, &change.handle->session);
	PG_TRY();
	{
		wait_for_writers(&change);
		if (!zp_handle_pool_stats(change.handle, &before))
			zp_report(ZP_DROPPED, change.handle, 0);
		compact(&change, &compaction);
		if (!zp_handle_pool_stats(change.handle, &after))
			zp_report(ZP_DROPPED, change.handle, 0);
	}
	PG_CATCH();
	{
		zp_compact_end(&compaction);
		zp_trie_change_undo(&change.handle->session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	zp_compact_end(&compaction);
	end_change(&change, ZP_ACCESS_READ_ONLY);

	values[0] = Int64GetDatum((int64) compaction.buckets);
	values[1] = Int64GetDatum((int64) compaction.rewritten);
	values[2] = Int64GetDatum((int64) compaction.left);
	values[3] = Int64GetDatum((int64) before.used_bytes);
	values[4] = Int64GetDatum((int64) after.used_bytes);
	values[5] = Int64GetDatum((int64) before.reserved_bytes);
	values[6] = Int64GetDatum((int64) after.reserved_bytes);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}
