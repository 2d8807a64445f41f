/*
 * compat.h
 *	  Where PostgreSQL 15 to 18 differ, in one place.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef ZP_COMPAT_H
#define ZP_COMPAT_H

#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/pg_locale.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "zipora needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Number of this backend's current transaction among its own. */
#if PG_VERSION_NUM >= 170000
#define ZP_MY_LXID (MyProc->vxid.lxid)
#else
#define ZP_MY_LXID (MyProc->lxid)
#endif

/*
 * The wait event that a sleep is shown as.  Versions before 17 know only one
 * event for all extensions.
 */
#if PG_VERSION_NUM >= 170000
#define ZP_NEW_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define ZP_NEW_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

/* Whether a collation orders text by its bytes. */
#if PG_VERSION_NUM >= 180000
#define zp_collation_is_c(collation) (pg_newlocale_from_collation(collation)->collate_is_c)
#else
#define zp_collation_is_c(collation) lc_collate_is_c(collation)
#endif

#endif							/* ZP_COMPAT_H */
