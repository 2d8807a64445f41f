/*
 * trie_tokens.c
 *	  Tokens that a session holds: the type zipora_token, zipora_reader_token,
 *	  zipora_writer_token, zipora_token_valid, zipora_release_token.
 *
 * A token's value is the number of its session's process and its number among the session's;
 * its text form has a dot between them.  It is a name, not a right: what counts is what the
 * session holds.
 */
#include "sqlapi/sqlapi.h"

#include "shm/token_handle.h"

PG_FUNCTION_INFO_V1(zipora_token_in);
PG_FUNCTION_INFO_V1(zipora_token_out);
PG_FUNCTION_INFO_V1(zipora_reader_token);
PG_FUNCTION_INFO_V1(zipora_writer_token);
PG_FUNCTION_INFO_V1(zipora_token_valid);
PG_FUNCTION_INFO_V1(zipora_release_token);

/* Digits of a number of 32 bits.  False: it is none. */
static bool
read_number(const char **at, uint32 *number)
{
	uint64		value = 0;
	const char *begin = *at;

	for (; **at >= '0' && **at <= '9'; ++*at)
	{
		value = value * 10 + (uint64) (**at - '0');
		if (value > PG_UINT32_MAX)
			return false;
	}
	*number = (uint32) value;
	return *at > begin;
}

PGDLLEXPORT Datum
zipora_token_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *at = text;
	uint32		process;
	uint32		number;

	if (!read_number(&at, &process) || *at++ != '.' || !read_number(&at, &number) || *at != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "zipora_token", text)));
	PG_RETURN_INT64((int64) ((uint64) process << 32 | number));
}

PGDLLEXPORT Datum
zipora_token_out(PG_FUNCTION_ARGS)
{
	char	   *text = palloc(ZP_TOKEN_TEXT_BYTES);

	zp_token_as_text((uint64) PG_GETARG_INT64(0), text);
	PG_RETURN_CSTRING(text);
}

static Datum
hold(FunctionCallInfo fcinfo, bool writer, bool nowait)
{
	text	   *name;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	name = PG_GETARG_TEXT_PP(0);
	PG_RETURN_INT64((int64) zp_token_hold(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), writer,
										  nowait)->id);
}

PGDLLEXPORT Datum
zipora_reader_token(PG_FUNCTION_ARGS)
{
	return hold(fcinfo, false, false);
}

PGDLLEXPORT Datum
zipora_writer_token(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		zp_null_argument("nowait");
	return hold(fcinfo, true, PG_GETARG_BOOL(1));
}

PGDLLEXPORT Datum
zipora_token_valid(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(zp_token_find((uint64) PG_GETARG_INT64(0)) != NULL);
}

PGDLLEXPORT Datum
zipora_release_token(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		zp_null_argument("token");
	zp_token_let_go(zp_token_require((uint64) PG_GETARG_INT64(0)));
	PG_RETURN_VOID();
}
