/*
 * pool_block.c
 *	  zipora_pool_alloc, zipora_pool_free, zipora_pool_read, zipora_pool_write.
 *
 * A block is known by its number, the ref.  Users may give any number, and any session may
 * free a block at any time, so before a byte is read or written it is looked whether a block
 * begins there and how large it is, with the mutex of the ref held, which a free takes as
 * well.  Nothing that can throw is called with it held: what is to be written is
 * detoasted before, what is read goes into memory that was allocated before.
 *
 * A new block is filled with zeros.  Who guesses its number may read it before that, so the
 * pool is a clean one: what it takes from the arena, which may have been another user's, is
 * filled with zeros before there is a block in it.
 */
#include "sqlapi/sqlapi.h"

#include "utils/memutils.h"

#include "shm/pool_handle.h"

PG_FUNCTION_INFO_V1(zipora_pool_alloc);
PG_FUNCTION_INFO_V1(zipora_pool_free);
PG_FUNCTION_INFO_V1(zipora_pool_read);
PG_FUNCTION_INFO_V1(zipora_pool_write);

/* An operation on one block that exists. */
typedef struct BlockCall
{
	ZpHandle   *handle;
	int64		number;			/* as given */
	ZpRef		ref;
	size_t		bytes;			/* of the block */
} BlockCall;

static void
enter_pool(ZpHandle *handle)
{
	if (!zp_pool_enter(handle))
		zp_report_pool(ZP_DROPPED, handle->name, 0, 0);
}

static void
begin_block(BlockCall *call, FunctionCallInfo fcinfo)
{
	text	   *name = PG_GETARG_TEXT_PP(0);

	call->handle = zp_pool_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), false);
	call->number = PG_GETARG_INT64(1);
	call->bytes = 0;
	if (call->number <= 0 || call->number > (int64) PG_UINT32_MAX)
		zp_report_pool(ZP_BAD_REF, call->handle->name, call->number, 0);
	call->ref = (ZpRef) call->number;
}

/* Enters the pool and locks the block; nothing may throw until unlock_block. */
static void
lock_block(BlockCall *call)
{
	for (;;)
	{
		ZpStatus	status;

		enter_pool(call->handle);
		status = zp_mutex_lock(zp_block_mutex(call->handle, call->ref), zp_backend.map.hooks, NULL);
		if (status == ZP_OK)
			return;
		zp_pool_leave(call->handle);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
unlock_block(BlockCall *call)
{
	zp_mutex_unlock(zp_block_mutex(call->handle, call->ref));
	zp_pool_leave(call->handle);
}

/* Locked.  Where the block is mapped, and how large it is. */
static ZpStatus
find_block(BlockCall *call, char **address)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpStatus	status;

	status = zp_pool_block_bytes(map, call->handle->pool, call->ref, &call->bytes);
	if (status != ZP_OK)
		return status;
	map->map_failed = false;
	*address = zp_at(map, call->ref);
	return map->map_failed ? ZP_MAP_FAILED : ZP_OK;
}

/* Raises the error unless a range lies in the block. */
static void
check_range(const BlockCall *call, int64 offset, int64 length)
{
	if (offset >= 0 && length >= 0 && (uint64) offset <= call->bytes &&
		(uint64) length <= call->bytes - (uint64) offset)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("range is outside of block %lld of pool \"%s\"",
					(long long) call->number, call->handle->name),
			 errdetail("The block has %zu bytes; offset is %lld, length %lld.",
					   call->bytes, (long long) offset, (long long) length)));
}

PGDLLEXPORT Datum
zipora_pool_alloc(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	int64		size = PG_GETARG_INT64(1);
	ZpArenaMap *map = &zp_backend.map;
	ZpHandle   *handle;
	ZpRef		ref;
	ZpStatus	status;

	handle = zp_pool_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), false);
	if (size < 0 || size > (int64) ZP_LARGEST_BLOCK_BYTES)
		zp_report_pool(ZP_BAD_ARGUMENT, handle->name, 0, size);
	for (;;)
	{
		enter_pool(handle);
		status = zp_pool_alloc(map, handle->pool, (size_t) size, &ref);
		if (status == ZP_OK)
		{
			size_t		bytes = 0;

			/* Whoever guesses the number may have freed it by now: then it is not touched. */
			(void) zp_mutex_lock(zp_block_mutex(handle, ref), NULL, NULL);
			if (zp_pool_block_bytes(map, handle->pool, ref, &bytes) == ZP_OK)
				memset(zp_at(map, ref), 0, bytes);
			zp_mutex_unlock(zp_block_mutex(handle, ref));
		}
		zp_pool_leave(handle);
		if (status == ZP_OK)
			PG_RETURN_INT64((int64) ref);
		if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else if ((status != ZP_OUT_OF_MEMORY && status != ZP_OVER_LIMIT) ||
				 zp_registry_sweep() == 0)
			zp_report_pool(status, handle->name, 0, size);
	}
}

PGDLLEXPORT Datum
zipora_pool_free(PG_FUNCTION_ARGS)
{
	int64		size = PG_GETARG_INT64(2);
	BlockCall	call;
	ZpStatus	status;

	begin_block(&call, fcinfo);
	lock_block(&call);
	status = zp_pool_free(&zp_backend.map, call.handle->pool, call.ref,
						  size < 0 ? 0 : (size_t) size);
	unlock_block(&call);
	if (status != ZP_OK)
		zp_report_pool(status, call.handle->name, call.number, size);
	PG_RETURN_VOID();
}

PGDLLEXPORT Datum
zipora_pool_write(PG_FUNCTION_ARGS)
{
	bytea	   *data = PG_GETARG_BYTEA_PP(2);
	int64		offset = PG_GETARG_INT64(3);
	int64		length = (int64) VARSIZE_ANY_EXHDR(data);
	BlockCall	call;
	char	   *address;
	ZpStatus	status;

	begin_block(&call, fcinfo);
	lock_block(&call);
	status = find_block(&call, &address);
	if (status == ZP_OK && offset >= 0 && (uint64) offset <= call.bytes &&
		(uint64) length <= call.bytes - (uint64) offset)
		memcpy(address + offset, VARDATA_ANY(data), (size_t) length);
	unlock_block(&call);
	if (status != ZP_OK)
		zp_report_pool(status, call.handle->name, call.number, 0);
	check_range(&call, offset, length);
	PG_RETURN_VOID();
}

PGDLLEXPORT Datum
zipora_pool_read(PG_FUNCTION_ARGS)
{
	BlockCall	call;
	int64		offset;
	int64		length = -1;
	bytea	   *data;
	char	   *address;
	ZpStatus	status;

	for (int argument = 0; argument < 3; argument++)
	{
		if (PG_ARGISNULL(argument))
			PG_RETURN_NULL();
	}
	begin_block(&call, fcinfo);
	offset = PG_GETARG_INT64(2);
	if (!PG_ARGISNULL(3))
		length = PG_GETARG_INT64(3);

	/* How large it is, then the memory, then its bytes, if it is still as large. */
	for (;;)
	{
		int64		wanted;

		lock_block(&call);
		status = find_block(&call, &address);
		unlock_block(&call);
		if (status != ZP_OK)
			zp_report_pool(status, call.handle->name, call.number, 0);
		wanted = PG_ARGISNULL(3) ? (int64) call.bytes - offset : length;
		check_range(&call, offset, wanted);
		if ((uint64) wanted > MaxAllocSize - VARHDRSZ)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("cannot read %lld bytes at once", (long long) wanted),
					 errhint("Read the block in parts.")));
		data = palloc((size_t) wanted + VARHDRSZ);
		SET_VARSIZE(data, (size_t) wanted + VARHDRSZ);
		lock_block(&call);
		status = find_block(&call, &address);
		if (status == ZP_OK && (uint64) (offset + wanted) <= call.bytes)
		{
			memcpy(VARDATA(data), address + offset, (size_t) wanted);
			unlock_block(&call);
			PG_RETURN_BYTEA_P(data);
		}
		unlock_block(&call);
		pfree(data);
	}
}
