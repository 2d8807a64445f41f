/*
 * trie_delete.c
 *	  zipora_delete: whether the key was there.
 */
#include "sqlapi/sqlapi.h"

PG_FUNCTION_INFO_V1(zipora_delete);

PGDLLEXPORT Datum
zipora_delete(PG_FUNCTION_ARGS)
{
	ZpCall		call;
	struct varlena *key;
	size_t		key_bytes;
	ZpStatus	status;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	if (PG_ARGISNULL(1))
		zp_null_argument("key");
	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_WRITE, 2);
	key = PG_GETARG_VARLENA_PP(1);
	key_bytes = VARSIZE_ANY_EXHDR(key);
	do
		status = zp_trie_delete(&call.handle->session, VARDATA_ANY(key), key_bytes);
	while (zp_call_again(&call, status, key_bytes));
	PG_FREE_IF_COPY(key, 1);
	PG_RETURN_BOOL(status == ZP_OK);
}
