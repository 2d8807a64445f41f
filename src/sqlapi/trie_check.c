/*
 * trie_check.c
 *	  zipora_check: walks a whole trie and says what it found, or what is wrong.
 *
 * The walk needs a trie that nobody writes to.  It cannot keep writers out, so when
 * it complains, we look whether anybody wrote meanwhile (the count of keys, or of
 * blocks that were retired, has changed) or was inside; if so it proves nothing and
 * is done again, a few times.
 */
#include "sqlapi/sqlapi.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

#include "shm/waits.h"
#include "trie/check.h"

#define ZP_CHECK_ATTEMPTS	5
#define ZP_CHECK_PAUSE_MS	20

PG_FUNCTION_INFO_V1(zipora_check);

/* The walk, with what decides whether it was undisturbed. */
static ZpStatus
walk(ZpHandle *handle, ZpTrieReport *report, bool *disturbed)
{
	ZpTokenStats before;
	ZpTokenStats after;
	ZpPoolStats pool_before;
	ZpPoolStats pool_after;
	ZpStatus	status;

	memset(report, 0, sizeof(*report));
	*disturbed = true;
	if (!zp_handle_pool_stats(handle, &pool_before))
		return ZP_DROPPED;
	zp_trie_token_stats(&handle->session, &before);
	status = zp_trie_check(&handle->session, report);
	zp_trie_token_stats(&handle->session, &after);
	if (!zp_handle_pool_stats(handle, &pool_after))
		return ZP_DROPPED;
	*disturbed = before.held != 0 || after.held != 0 || before.retired != after.retired ||
		before.freed != after.freed || before.count != after.count ||
		pool_before.allocations != pool_after.allocations ||
		pool_before.frees != pool_after.frees;
	return status;
}

static void
put_line(ReturnSetInfo *result, const char *what, uint64 number)
{
	char	   *line = psprintf("%s: " UINT64_FORMAT, what, number);
	Datum		value = CStringGetTextDatum(line);
	bool		is_null = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
}

PGDLLEXPORT Datum
zipora_check(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ZpHandle   *handle;
	ZpTrieReport report;
	ZpStatus	status = ZP_BUSY;
	bool		disturbed = true;

	for (int attempt = 0; attempt < ZP_CHECK_ATTEMPTS; attempt++)
	{
		if (attempt > 0)
			zp_pause(ZP_CHECK_PAUSE_MS);
		handle = zp_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), ZP_PRIVILEGE_OWN);

		/* What is pending would be counted, but nobody may be left to free it. */
		if (handle->object->pool_level != ZP_POOL_NO_LOCK)
			(void) zp_trie_reclaim(&handle->session);
		status = walk(handle, &report, &disturbed);
		if (status != ZP_CORRUPTED || !disturbed)
			break;
	}
	if (status == ZP_CORRUPTED && disturbed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("trie \"%s\" cannot be checked while it is written to", handle->name)));
	if (status == ZP_CORRUPTED)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("trie \"%s\" is damaged", handle->name),
				 errdetail_internal("%s", report.why),
				 errhint("Drop it and create it anew.")));
	if (status != ZP_OK)
		zp_report(status, handle, 0);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	put_line(result, "keys", report.keys);
	put_line(result, "nodes", report.nodes);
	put_line(result, "node bytes", report.node_bytes);
	put_line(result, "value bytes", report.value_bytes);
	put_line(result, "depth", report.depth);
	return (Datum) 0;
}
