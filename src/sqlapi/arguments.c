/*
 * arguments.c
 *	  The rarer ways of a function's arguments.
 */
#include "sqlapi/sqlapi.h"

#include "shm/token_handle.h"

/* No handle is at hand, or it is not ready for these rights. */
void
zp_call_begin_slow(ZpCall *call, FunctionCallInfo fcinfo, const char *name, size_t name_bytes,
				   uint32 privileges)
{
	ZpCallCache *cache = fcinfo->flinfo->fn_extra;

	call->handle = zp_handle_open(name, name_bytes, privileges);
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ZpCallCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	cache->generation = zp_handle_generation;
	cache->handle = call->handle;
	cache->name_bytes = name_bytes;
	memcpy(cache->name, name, name_bytes);
}

void
zp_call_check_token(ZpCall *call, FunctionCallInfo fcinfo, int number)
{
	ZpSqlToken *token;
	char		text[ZP_TOKEN_TEXT_BYTES];

	if (PG_ARGISNULL(number))
		zp_null_argument("token");
	token = zp_token_require((uint64) PG_GETARG_INT64(number));
	zp_token_as_text(token->id, text);
	if (token->handle != call->handle)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("token %s is one of trie \"%s\", not of \"%s\"", text,
						token->handle->name, call->handle->name)));
	if ((call->privileges & ZP_PRIVILEGE_WRITE) != 0 && !token->hold.writer)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("token %s is a reader token", text),
				 errhint("Writing takes one of zipora_writer_token.")));
}

void
zp_null_argument(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", what)));
	pg_unreachable();
}
