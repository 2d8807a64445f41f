/*
 * trie_grant.c
 *	  zipora_grant, zipora_revoke, of any kind of object but pools.
 *
 * A grant of write includes reading, so revoking read takes write away with it,
 * and revoking write leaves read.
 */
#include "sqlapi/choices.h"

#include "utils/acl.h"

PG_FUNCTION_INFO_V1(zipora_grant);
PG_FUNCTION_INFO_V1(zipora_revoke);

typedef struct GrantCall
{
	ZpHandle   *handle;
	Oid			role;			/* InvalidOid: public */
	bool		write;			/* else read */
} GrantCall;

static void
begin(GrantCall *call, FunctionCallInfo fcinfo)
{
	/* Whoever may write one block of a pool may free another: nothing to give to others. */
	static const ZpChoice kinds[] = {
		{"trie", ZP_OBJECT_TRIE},
		{"counter", ZP_OBJECT_COUNTER},
		{"flag", ZP_OBJECT_FLAG},
		{"futex", ZP_OBJECT_FUTEX},
		{"pool", ZP_NOT_BUILT},
		{NULL, 0}
	};
	text	   *name = PG_GETARG_TEXT_PP(0);
	ZpObjectKind kind = (ZpObjectKind) zp_choose(fcinfo, 3, "kind", kinds);
	char	   *role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *privilege = text_to_cstring(PG_GETARG_TEXT_PP(2));

	call->write = strcmp(privilege, "write") == 0;
	if (!call->write && strcmp(privilege, "read") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid privilege: \"%s\"", privilege),
				 errhint("Supported: read, write.")));
	call->role = strcmp(role, "public") == 0 ? InvalidOid : get_role_oid(role, false);
	call->handle = zp_handle_find_kind(kind, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
									   ZP_PRIVILEGE_OWN, false);
}

PGDLLEXPORT Datum
zipora_grant(PG_FUNCTION_ARGS)
{
	GrantCall	call;

	begin(&call, fcinfo);
	zp_registry_grant(call.handle->object, call.role,
					  ZP_PRIVILEGE_READ | (call.write ? ZP_PRIVILEGE_WRITE : 0));
	PG_RETURN_VOID();
}

PGDLLEXPORT Datum
zipora_revoke(PG_FUNCTION_ARGS)
{
	GrantCall	call;

	begin(&call, fcinfo);
	zp_registry_revoke(call.handle->object, call.role,
					   ZP_PRIVILEGE_WRITE | (call.write ? 0 : ZP_PRIVILEGE_READ));
	PG_RETURN_VOID();
}
