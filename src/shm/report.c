/*
 * report.c
 *	  What the core's status is in PostgreSQL's words: the one place where a status
 *	  becomes an error.
 *
 *	  status				SQLSTATE
 *	  ZP_CANCELLED			57014, unless CHECK_FOR_INTERRUPTS knows better
 *	  ZP_OUT_OF_MEMORY		53200 out_of_memory
 *	  ZP_OVER_LIMIT			53400 configuration_limit_exceeded
 *	  ZP_MAP_FAILED			53200
 *	  ZP_KEY_TOO_LONG		54000 program_limit_exceeded
 *	  ZP_OVERFLOW			22003 numeric_value_out_of_range
 *	  ZP_NOT_OWNER			55000 object_not_in_prerequisite_state
 *	  ZP_OWNED				55000
 *	  ZP_READ_ONLY			55000
 *	  ZP_DROPPED			55000
 *	  ZP_CORRUPTED			XX001 data_corrupted
 *	  ZP_BAD_REF, ZP_BAD_SIZE, ZP_DOUBLE_FREE, ZP_BAD_ARGUMENT
 *							22023 invalid_parameter_value, of a named pool's block
 *	  anything else			XX000 internal_error
 */
#include "postgres.h"

#include "access/parallel.h"
#include "miscadmin.h"

#include "shm/backend.h"
#include "shm/dsm_segments.h"
#include "shm/handle.h"
#include "shm/report.h"

/* A detail line on who takes how much. */
static char *
describe_memory(ZpHandle *handle)
{
	StringInfoData text;
	ZpPoolStats pool;

	initStringInfo(&text);
	if (zp_backend.attached)
	{
		ZpArenaStats arena;

		zp_arena_stats(&zp_backend.map, &arena);
		appendStringInfo(&text, "zipora has taken %llu kB from the system, %llu kB of them in use",
						 (unsigned long long) arena.reserved_bytes / 1024,
						 (unsigned long long) arena.used_bytes / 1024);
		if (arena.limit_bytes != 0)
			appendStringInfo(&text, "; zipora.memory_limit is %llu kB",
							 (unsigned long long) arena.limit_bytes / 1024);
		appendStringInfoString(&text, ".");
	}
	else
		appendStringInfoString(&text, "zipora has no memory yet.");
	if (handle != NULL && zp_handle_pool_stats(handle, &pool))
	{
		appendStringInfo(&text, " The trie has %llu kB",
						 (unsigned long long) pool.reserved_bytes / 1024);
		if (pool.max_bytes != 0)
			appendStringInfo(&text, "; its max_bytes is %llu",
							 (unsigned long long) pool.max_bytes);
		if (pool.capacity != 0)
			appendStringInfo(&text, "; its pool is fixed to %llu bytes, %llu of them in use",
							 (unsigned long long) pool.capacity,
							 (unsigned long long) pool.used_bytes);
		appendStringInfoString(&text, ".");
	}
	return text.data;
}

/* Where more memory could come from. */
static char *
suggest_memory(void)
{
	const char *directory;
	uint64		free_bytes;

	if (zp_dsm_free_space(&directory, &free_bytes))
		return psprintf("%s has %llu kB free. Make it larger, or drop tries that are not needed.",
						directory, (unsigned long long) free_bytes / 1024);
	return pstrdup("Give the server more shared memory, or drop tries that are not needed.");
}

void
zp_report_unknown(ZpObjectKind kind, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s \"%s\" does not exist", zp_object_kind_name(kind), name)));
	pg_unreachable();
}

void
zp_report_pool(ZpStatus status, const char *name, int64 ref, int64 size)
{
	switch (status)
	{
		case ZP_OVER_LIMIT:
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no room for %lld bytes in pool \"%s\"", (long long) size, name),
					 errdetail("Its capacity or max_bytes, or zipora.memory_limit, is reached."),
					 errhint("Free blocks; see the view zipora_pool_stats.")));
			break;

		case ZP_BAD_REF:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%lld is not a block of pool \"%s\"", (long long) ref, name)));
			break;

		case ZP_DOUBLE_FREE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("block %lld of pool \"%s\" is free", (long long) ref, name)));
			break;

		case ZP_BAD_SIZE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("block %lld of pool \"%s\" is not one of %lld bytes",
							(long long) ref, name, (long long) size),
					 errhint("Free a block with the size that it was allocated with.")));
			break;

		case ZP_BAD_ARGUMENT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("size of a block must be between 1 and %lld bytes, not %lld",
							(long long) ZP_LARGEST_BLOCK_BYTES, (long long) size)));
			break;

		case ZP_NOT_OWNER:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("pool \"%s\" can be used by one session only", name),
					 errdetail("Its level is no_lock, and another session created it.")));
			break;

		case ZP_DROPPED:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("pool \"%s\" was dropped meanwhile", name)));
			break;

		case ZP_CORRUPTED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("pool \"%s\" is damaged", name),
					 errhint("Drop it and create it anew.")));
			break;

		default:
			zp_report(status, NULL, 0);
			break;
	}
	pg_unreachable();
}

void
zp_report(ZpStatus status, ZpHandle *handle, size_t key_bytes)
{
	const char *name = handle != NULL ? handle->name : "";
	char	   *memory = NULL;

	/* Before the report begins: it maps segments, and a failure there resets error data. */
	if (status == ZP_OUT_OF_MEMORY || status == ZP_MAP_FAILED || status == ZP_OVER_LIMIT)
		memory = describe_memory(handle);

	switch (status)
	{
		case ZP_CANCELLED:
			CHECK_FOR_INTERRUPTS();
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("canceling statement because a wait for shared memory was given up")));
			break;

		case ZP_OUT_OF_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of shared memory for zipora"),
					 errdetail_internal("%s", memory),
					 errhint("%s", suggest_memory())));
			break;

		case ZP_MAP_FAILED:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("could not map shared memory of zipora"),
					 errdetail_internal("%s", memory)));
			break;

		case ZP_OVER_LIMIT:
			{
				ZpPoolStats pool;
				ZpArenaStats arena;

				/* Of two limits, the one with less room is it. */
				zp_arena_stats(&zp_backend.map, &arena);
				if (handle != NULL && zp_handle_pool_stats(handle, &pool) &&
					(pool.max_bytes != 0 || pool.capacity != 0) &&
					(pool.capacity != 0 || arena.limit_bytes == 0 ||
					 (int64) (pool.max_bytes - pool.reserved_bytes) <=
					 (int64) (arena.limit_bytes - arena.reserved_bytes)))
					ereport(ERROR,
							(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
							 errmsg("memory limit for trie \"%s\" is reached", name),
							 errdetail_internal("%s", memory),
							 errhint("Delete keys, or create the trie anew with a larger max_bytes.")));
				ereport(ERROR,
						(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						 errmsg("memory limit for zipora is reached"),
						 errdetail_internal("%s", memory),
						 errhint("Raise zipora.memory_limit, or drop tries that are not needed.")));
			}
			break;

		case ZP_KEY_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("key is too long"),
					 errdetail("The key has %zu bytes; the limit is %d.",
							   key_bytes, ZP_MAX_KEY_BYTES)));
			break;

		case ZP_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("bigint out of range")));
			break;

		case ZP_NOT_OWNER:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("trie \"%s\" can be written by one session only", name),
					 errdetail("Its pool level is no_lock, and another session created it.")));
			break;

		case ZP_OWNED:
			{
				ZpTokenStats tokens;

				zp_trie_token_stats(&handle->session, &tokens);
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("trie \"%s\" belongs to another session", name),
						 errdetail("Its access level is %s, and process %u has it.",
								   zp_access_level_name(tokens.access & ZP_ACCESS_LEVEL),
								   tokens.owner),
						 IsParallelWorker() ?
						 errhint("Parallel workers cannot read it: set max_parallel_workers_per_gather to 0.") :
						 errhint("Its owner can change the level with zipora_set_access.")));
			}
			break;

		case ZP_READ_ONLY:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("trie \"%s\" is read-only", name),
					 errdetail("Its access level is read_only."),
					 errhint("Its owner can change that with zipora_set_access.")));
			break;

		case ZP_DROPPED:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("trie \"%s\" was dropped meanwhile", name)));
			break;

		case ZP_CORRUPTED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("trie \"%s\" is damaged", name),
					 errhint("Drop it and create it anew.")));
			break;

		case ZP_OK:
		case ZP_EXISTS:
		case ZP_NOT_FOUND:
		case ZP_END:
		case ZP_TIMED_OUT:
		case ZP_BUSY:
		case ZP_BUFFER_TOO_SMALL:
		case ZP_HELD:
		case ZP_ASK_FIRST:
		case ZP_BAD_ARGUMENT:
		case ZP_BAD_REF:
		case ZP_BAD_SIZE:
		case ZP_DOUBLE_FREE:
			elog(ERROR, "unexpected status %s of trie \"%s\"", zp_status_name(status), name);
			break;
	}
	pg_unreachable();
}
