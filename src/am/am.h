/*
 * am.h
 *	  The functions of the access method, as PostgreSQL calls them.
 */
#ifndef ZP_AM_H
#define ZP_AM_H

#include "compat.h"

#include "access/amapi.h"
#include "commands/vacuum.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "am/image.h"

/* build.c */
extern IndexBuildResult *zp_index_build(Relation heap, Relation index, IndexInfo *info);
extern void zp_index_build_empty(Relation index);
extern char *zp_index_build_phase_name(int64 phase);

/* insert.c */
extern bool zp_index_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
							Relation heap, IndexUniqueCheck check_unique,
							bool index_unchanged, IndexInfo *info);

/* Raises the error for a key (with its included values) that is too long. */
extern void zp_check_key_size(Relation heap, Relation index, size_t bytes);

/* vacuum.c */
extern IndexBulkDeleteResult *zp_index_bulk_delete(IndexVacuumInfo *info,
												   IndexBulkDeleteResult *result,
												   IndexBulkDeleteCallback callback,
												   void *callback_state);
extern IndexBulkDeleteResult *zp_index_vacuum_cleanup(IndexVacuumInfo *info,
													  IndexBulkDeleteResult *result);

/* cost.c */
extern void zp_index_cost(PlannerInfo *root, IndexPath *path, double loop_count,
						  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
						  double *correlation, double *pages);

#endif							/* ZP_AM_H */
