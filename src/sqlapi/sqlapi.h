/*
 * sqlapi.h
 *	  What the SQL-callable functions share: arguments, value types, calls.
 *
 * Keys of type text and bytea are the same bytes, so one C function serves both.
 */
#ifndef ZP_SQLAPI_H
#define ZP_SQLAPI_H

#include "compat.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "shm/handle.h"
#include "shm/report.h"

/* Kept in fn_extra: which handle the last call's name led to. */
typedef struct ZpCallCache
{
	uint64		generation;		/* zp_handle_generation of that time */
	ZpHandle   *handle;
	size_t		name_bytes;
	char		name[ZP_NAME_BYTES];
	TupleDesc	row;			/* of a function that gives one row; NULL: not known yet */
} ZpCallCache;

/* arguments.c */
extern void zp_call_begin_slow(ZpCall *call, FunctionCallInfo fcinfo, const char *name,
							   size_t name_bytes, uint32 privileges);
extern void zp_null_argument(const char *what) __attribute__((noreturn));

/* Raises an error unless argument `number` is a token for such a call. */
extern void zp_call_check_token(ZpCall *call, FunctionCallInfo fcinfo, int number);

/* values.c */
extern const char *const zp_value_type_names[ZP_VALUE_TYPES];
extern void zp_wrong_value_type(ZpHandle *handle, ZpValueType given) __attribute__((noreturn));

/* The type's text form of a value in a buffer, palloc'd as text; bytes need not be aligned. */
extern text *zp_value_as_text(ZpValueType type, uint64 payload, const void *value,
							  size_t value_bytes);

/* The key as text or bytea datum, palloc'd; raises an error if it is no valid text. */
extern Datum zp_key_as_datum(const void *key, size_t key_bytes, bool as_bytea);

/* The value of a BLOCK trie's key as a varlena, palloc'd; NULL: no such key. */
extern struct varlena *zp_fetch_value(ZpCall *call, const void *key, size_t key_bytes);

/* Argument 0 is the trie's name: finds it, opens it, checks rights. */
static inline void
zp_call_begin(ZpCall *call, FunctionCallInfo fcinfo, uint32 privileges)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	const char *bytes = VARDATA_ANY(name);
	size_t		name_bytes = VARSIZE_ANY_EXHDR(name);
	ZpCallCache *cache = fcinfo->flinfo->fn_extra;

	call->privileges = privileges;
	call->relieved = false;
	call->waited = false;
	if (likely(cache != NULL &&
			   cache->generation == zp_handle_generation &&
			   cache->name_bytes == name_bytes &&
			   memcmp(cache->name, bytes, name_bytes) == 0 &&
			   zp_handle_is_ready(cache->handle, privileges)))
		call->handle = cache->handle;
	else
		zp_call_begin_slow(call, fcinfo, bytes, name_bytes, privileges);
	if ((privileges & ZP_PRIVILEGE_WRITE) != 0)
		call->handle->written = true;
	PG_FREE_IF_COPY(name, 0);
}

/*
 * The same for a function that takes so many arguments, or one more: the token with which
 * it is done.
 */
static inline void
zp_call_begin_of(ZpCall *call, FunctionCallInfo fcinfo, uint32 privileges, int arguments)
{
	zp_call_begin(call, fcinfo, privileges);
	if (unlikely(PG_NARGS() > arguments))
		zp_call_check_token(call, fcinfo, arguments);
}

/* Raises an error unless the trie's values are of this type. */
static inline void
zp_require_value_type(ZpHandle *handle, ZpValueType type)
{
	if (unlikely(handle->value_type != type))
		zp_wrong_value_type(handle, type);
}

#endif							/* ZP_SQLAPI_H */
