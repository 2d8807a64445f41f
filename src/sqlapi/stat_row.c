/*
 * stat_row.c
 *	  Who may see figures, and of what.
 */
#include "sqlapi/stat_row.h"

#include "catalog/pg_authid.h"
#include "utils/acl.h"

bool
zp_reads_all_stats(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

ZpHandle *
zp_open_to_look(const char *name, bool all_stats, bool *close)
{
	ZpHandle   *handle = zp_handle_find(name, strlen(name), 0, true);

	if (handle == NULL)
		return NULL;
	*close = !handle->open;
	if (!all_stats && !zp_registry_allows(handle->object, GetUserId(), ZP_PRIVILEGE_READ))
		return NULL;
	return zp_handle_try_open(handle) ? handle : NULL;
}
