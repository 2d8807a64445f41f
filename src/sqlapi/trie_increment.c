/*
 * trie_increment.c
 *	  zipora_increment: adds to a key's bigint in one step, and gives the sum.
 */
#include "sqlapi/sqlapi.h"

PG_FUNCTION_INFO_V1(zipora_increment);

PGDLLEXPORT Datum
zipora_increment(PG_FUNCTION_ARGS)
{
	ZpCall		call;
	struct varlena *key;
	size_t		key_bytes;
	int64_t		sum;
	ZpStatus	status;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	if (PG_ARGISNULL(1))
		zp_null_argument("key");
	if (PG_ARGISNULL(2))
		zp_null_argument("delta");
	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_WRITE, 3);
	zp_require_value_type(call.handle, ZP_VALUE_BIGINT);
	key = PG_GETARG_VARLENA_PP(1);
	key_bytes = VARSIZE_ANY_EXHDR(key);
	do
		status = zp_trie_increment(&call.handle->session, VARDATA_ANY(key), key_bytes,
								   PG_GETARG_INT64(2), &sum);
	while (zp_call_again(&call, status, key_bytes));
	PG_FREE_IF_COPY(key, 1);
	PG_RETURN_INT64(sum);
}
