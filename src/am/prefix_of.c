/*
 * prefix_of.c
 *	  The operator k @^ q: whether k is a prefix of q, byte by byte.
 *
 * Of text it is the commutator of ^@.  As that, it refuses nondeterministic collations.
 */
#include "compat.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(zipora_prefix_of);

/* Checked once for each call's place in a query. */
static void
check_collation(FunctionCallInfo fcinfo)
{
	Oid			collation = PG_GET_COLLATION();

	if (fcinfo->flinfo != NULL && fcinfo->flinfo->fn_extra != NULL)
		return;
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("nondeterministic collations are not supported for substring searches")));
	if (fcinfo->flinfo != NULL)
		fcinfo->flinfo->fn_extra = fcinfo->flinfo;
}

/* Of text and bytea alike. */
PGDLLEXPORT Datum
zipora_prefix_of(PG_FUNCTION_ARGS)
{
	Datum		key = PG_GETARG_DATUM(0);
	Datum		query = PG_GETARG_DATUM(1);
	Size		key_bytes = toast_raw_datum_size(key) - VARHDRSZ;
	Size		query_bytes = toast_raw_datum_size(query) - VARHDRSZ;
	struct varlena *key_string;
	struct varlena *query_string;
	bool		result;

	check_collation(fcinfo);
	if (key_bytes > query_bytes)
		PG_RETURN_BOOL(false);
	key_string = PG_DETOAST_DATUM_PACKED(key);
	query_string = PG_DETOAST_DATUM_SLICE(query, 0, (int32) key_bytes);
	result = memcmp(VARDATA_ANY(key_string), VARDATA_ANY(query_string), key_bytes) == 0;
	PG_FREE_IF_COPY(key_string, 0);
	PG_FREE_IF_COPY(query_string, 1);
	PG_RETURN_BOOL(result);
}
