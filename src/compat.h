/*
 * compat.h
 *	  Where PostgreSQL 15 to 18 differ, in one place.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef ZP_COMPAT_H
#define ZP_COMPAT_H

#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#if PG_VERSION_NUM >= 170000
#include "storage/procarray.h"
#else
#include "storage/sinvaladt.h"
#endif
#include "utils/pg_locale.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "utils/relfilenumbermap.h"
#else
#include "utils/relfilenodemap.h"
#endif
#include "utils/tuplesort.h"
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

/* The hand-made records of log/append.c are what generic_redo of these versions reads. */
#if PG_VERSION_NUM < 190000
#define ZP_GENERIC_DELTA_IS_KNOWN
#endif

/* Where a relation's storage is, in names that all versions share. */
#if PG_VERSION_NUM >= 160000
#define ZP_SPACE_OID(relation) ((relation)->rd_locator.spcOid)
#define ZP_FILE_NUMBER(relation) ((relation)->rd_locator.relNumber)
#define ZP_RELID_OF_FILE(space, file) RelidByRelfilenumber(space, file)
#else
#define ZP_SPACE_OID(relation) ((relation)->rd_node.spcNode)
#define ZP_FILE_NUMBER(relation) ((relation)->rd_node.relNode)
#define ZP_RELID_OF_FILE(space, file) RelidByRelfilenode(space, file)
#endif

/* A new page at the end of a fork: pinned, locked exclusively, all zeros. */
static inline Buffer
zp_extend_fork(Relation relation, ForkNumber fork)
{
#if PG_VERSION_NUM >= 160000
	return ExtendBufferedRel(BMR_REL(relation), fork, NULL, EB_LOCK_FIRST);
#else
	bool		need_lock = !RELATION_IS_LOCAL(relation);
	Buffer		buffer;

	if (need_lock)
		LockRelationForExtension(relation, ExclusiveLock);
	buffer = ReadBufferExtended(relation, fork, P_NEW, RBM_NORMAL, NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (need_lock)
		UnlockRelationForExtension(relation, ExclusiveLock);
	return buffer;
#endif
}

static inline Buffer
zp_extend_relation(Relation relation)
{
	return zp_extend_fork(relation, MAIN_FORKNUM);
}

/* The next datum of a sort, a palloc'd copy. */
static inline bool
zp_tuplesort_getdatum(Tuplesortstate *sort, bool forward, Datum *datum, bool *isnull)
{
#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, forward, true, datum, isnull, NULL);
#else
	return tuplesort_getdatum(sort, forward, datum, isnull, NULL);
#endif
}

/* EXPLAIN's count of the descents of an index. */
#if PG_VERSION_NUM >= 180000
#define ZP_COUNT_SEARCH(descriptor) \
	do { if ((descriptor)->instrument) (descriptor)->instrument->nsearches++; } while (0)
#else
#define ZP_COUNT_SEARCH(descriptor) ((void) 0)
#endif

/* Whether a role owns a relation. */
#if PG_VERSION_NUM >= 160000
#define zp_owns_class(relation, role) object_ownercheck(RelationRelationId, relation, role)
#else
#define zp_owns_class(relation, role) pg_class_ownercheck(relation, role)
#endif

/* How many elements the planner expects of an array. */
#if PG_VERSION_NUM >= 170000
#define zp_estimate_array_length(root, node) estimate_array_length(root, node)
#else
#define zp_estimate_array_length(root, node) estimate_array_length(node)
#endif

#if PG_VERSION_NUM >= 180000
#define zp_conditional_lock_tuple(relation, tid, mode) \
	ConditionalLockTuple(relation, tid, mode, false)
#else
#define zp_conditional_lock_tuple(relation, tid, mode) ConditionalLockTuple(relation, tid, mode)
#endif

/* For code that runs as another user. */
#if PG_VERSION_NUM >= 170000
#define ZP_RESTRICT_SEARCH_PATH() RestrictSearchPath()
#else
#define ZP_RESTRICT_SEARCH_PATH() ((void) 0)
#endif

/* Whether the backend with this number lives. */
#if PG_VERSION_NUM >= 170000
#define ZP_IS_BACKEND_ALIVE(number) (ProcNumberGetProc(number) != NULL)
#else
#define ZP_IS_BACKEND_ALIVE(number) (BackendIdGetProc(number) != NULL)
#endif

/* Whether this is an autovacuum worker. */
#if PG_VERSION_NUM >= 170000
#define ZP_IS_AUTOVACUUM() AmAutoVacuumWorkerProcess()
#else
#define ZP_IS_AUTOVACUUM() IsAutoVacuumWorkerProcess()
#endif

/*
 * Fields of IndexAmRoutine that came after 15.  The functions that translate strategies stay
 * NULL but for the order: see FACTS.md 2 about the plans of other tables.
 */
#if PG_VERSION_NUM >= 180000
#include "access/cmptype.h"
#define ZP_TRANSLATES_COMPARISONS
extern StrategyNumber zp_translate_comparison(CompareType comparison, Oid family);
#define ZP_SET_NEW_ROUTINE_FIELDS(routine) \
	((routine)->amtranslatecmptype = zp_translate_comparison)
#else
#define ZP_SET_NEW_ROUTINE_FIELDS(routine) ((void) 0)
#endif

/* Between the pages of a VACUUM. */
#if PG_VERSION_NUM >= 180000
#define ZP_VACUUM_DELAY() vacuum_delay_point(false)
#else
#define ZP_VACUUM_DELAY() vacuum_delay_point()
#endif

/* Whether a collation orders text by its bytes. */
#if PG_VERSION_NUM >= 180000
#define zp_collation_is_c(collation) (pg_newlocale_from_collation(collation)->collate_is_c)
#else
#define zp_collation_is_c(collation) lc_collate_is_c(collation)
#endif

#endif							/* ZP_COMPAT_H */
