/*
 * token_views.c
 *	  The functions behind the views zipora_tokens and zipora_token_stats, and
 *	  zipora_token_stats_reset.
 *
 * A row of another role's session is null but for the trie and the process, unless the user
 * may read all statistics.
 */
#include "sqlapi/stat_row.h"

#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#define ZP_TOKENS_COLUMNS		8
#define ZP_TOKEN_STATS_COLUMNS	18

PG_FUNCTION_INFO_V1(zipora_tokens);
PG_FUNCTION_INFO_V1(zipora_token_stats);
PG_FUNCTION_INFO_V1(zipora_token_stats_reset);

/* Whether the user may see what a process holds. */
static bool
may_see(uint32 process, bool all_stats)
{
	PGPROC	   *other;

	if (all_stats || process == (uint32) MyProcPid)
		return true;
	other = BackendPidGetProc((int) process);
	return other != NULL && has_privs_of_role(GetUserId(), other->roleId);
}

/* One kind of what a process holds; count 0: not held, only in use. */
static void
put_token(FunctionCallInfo fcinfo, ZpHandle *handle, uint32 process, const char *kind,
		  uint32 count, uint64 since, uint64 version, bool visible)
{
	Row			row = {.columns = 0};
	uint64_t	blocks;
	uint64_t	bytes;

	add_datum(&row, CStringGetTextDatum(handle->name));
	add_datum(&row, Int32GetDatum((int32) process));
	if (!visible)
	{
		while (row.columns < ZP_TOKENS_COLUMNS)
			add_null(&row);
		put_row(fcinfo, &row, ZP_TOKENS_COLUMNS);
		return;
	}
	add_datum(&row, CStringGetTextDatum(kind));
	add_number(&row, count);
	if (since == 0)
		add_null(&row);
	else
		add_datum(&row, TimestampTzGetDatum((TimestampTz) since));
	add_number(&row, version);
	if (zp_trie_enter(&handle->session) == ZP_OK)
	{
		if (!zp_trie_held_back(&handle->session, version, &blocks, &bytes))
			blocks = bytes = 0;
		zp_trie_leave(&handle->session);
		add_number(&row, blocks);
		add_number(&row, bytes);
	}
	else
	{
		add_null(&row);
		add_null(&row);
	}
	put_row(fcinfo, &row, ZP_TOKENS_COLUMNS);
}

/* All that is held of a trie. */
static void
put_tokens(FunctionCallInfo fcinfo, ZpHandle *handle, bool all_stats)
{
	size_t		capacity = 64;
	ZpTokenInfo *infos;
	size_t		count;

	for (;;)
	{
		infos = palloc(capacity * sizeof(ZpTokenInfo));
		count = zp_trie_token_list(&handle->session, infos, capacity);
		if (count <= capacity)
			break;
		pfree(infos);
		capacity = 2 * count;
	}
	for (size_t i = 0; i < count; i++)
	{
		ZpTokenInfo *info = &infos[i];
		bool		visible = may_see(info->participant, all_stats);
		bool		held = false;

		for (int kind = 0; kind < 2; kind++)
		{
			if (info->held[kind].count == 0)
				continue;
			held = true;
			put_token(fcinfo, handle, info->participant, kind == 0 ? "reader" : "writer",
					  info->held[kind].count, info->held[kind].since,
					  info->held[kind].version, visible);
		}
		if (!held)
			put_token(fcinfo, handle, info->participant,
					  info->standing != 0 ? "transaction" : "operation", 0, 0, info->version,
					  visible);
	}
	pfree(infos);
}

PGDLLEXPORT Datum
zipora_tokens(PG_FUNCTION_ARGS)
{
	bool		all_stats = zp_reads_all_stats();
	ZpObjectInfo *infos;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	infos = zp_registry_list(ZP_OBJECT_TRIE, MyDatabaseId, &count);
	for (int i = 0; i < count; i++)
	{
		bool		close = false;
		ZpHandle   *handle = zp_open_to_look(infos[i].name, true, &close);

		if (handle == NULL)
			continue;
		put_tokens(fcinfo, handle, all_stats);
		if (close)
			zp_handle_close(handle);
	}
	return (Datum) 0;
}

PGDLLEXPORT Datum
zipora_token_stats(PG_FUNCTION_ARGS)
{
	bool		all_stats = zp_reads_all_stats();
	ZpObjectInfo *infos;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	infos = zp_registry_list(ZP_OBJECT_TRIE, MyDatabaseId, &count);
	for (int i = 0; i < count; i++)
	{
		bool		close = false;
		ZpHandle   *handle = zp_open_to_look(infos[i].name, all_stats, &close);
		ZpTokenStats stats;
		uint64		hits;
		Row			row = {.columns = 0};

		add_datum(&row, CStringGetTextDatum(infos[i].name));
		add_datum(&row, CStringGetTextDatum(zp_access_level_name(infos[i].access)));
		if (handle == NULL)
		{
			while (row.columns < ZP_TOKEN_STATS_COLUMNS)
				add_null(&row);
			put_row(fcinfo, &row, ZP_TOKEN_STATS_COLUMNS);
			continue;
		}
		zp_trie_token_stats(&handle->session, &stats);
		/* The two are not read at one moment. */
		hits = stats.counters.acquired > stats.counters.misses ?
			stats.counters.acquired - stats.counters.misses : 0;
		if (stats.owner == 0)
			add_null(&row);
		else
			add_datum(&row, Int32GetDatum((int32) stats.owner));
		add_number(&row, stats.counters.acquired);
		add_number(&row, hits);
		add_number(&row, stats.counters.misses);
		add_ratio(&row, hits, stats.counters.acquired);
		add_number(&row, stats.counters.invalidations);
		add_number(&row, stats.counters.waits);
		add_number(&row, stats.version);
		add_number(&row, stats.oldest);
		add_number(&row, stats.owned);
		add_number(&row, stats.held);
		add_number(&row, stats.counters.retired);
		add_number(&row, stats.counters.freed);
		add_number(&row, stats.pending);
		add_number(&row, stats.token_bytes);
		if (stats.reset_at == 0)
			add_null(&row);
		else
			add_datum(&row, TimestampTzGetDatum((TimestampTz) stats.reset_at));
		put_row(fcinfo, &row, ZP_TOKEN_STATS_COLUMNS);
		if (close)
			zp_handle_close(handle);
	}
	return (Datum) 0;
}

PGDLLEXPORT Datum
zipora_token_stats_reset(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	ZpHandle   *handle;

	handle = zp_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), ZP_PRIVILEGE_OWN);
	zp_trie_token_stats_reset(&handle->session, (uint64) GetCurrentTimestamp());
	PG_RETURN_VOID();
}
