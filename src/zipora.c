/*
 * zipora.c
 *	  The library's entry: magic block, parameters.
 *
 * _PG_init must be cheap, silent and never fail: it may run in a backend that only
 * plans a query near an object of ours.  Shared memory is touched at first use.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "am/options.h"
#include "log/log.h"
#include "shm/backend.h"
#include "shm/test_point.h"

PG_MODULE_MAGIC;

int			zp_memory_limit = 0;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("zipora.memory_limit",
							"Limits the shared memory of all tries and indexes together.",
							"Whole segments count; 0 means no limit.  What is over a lowered "
							"limit stays until it is freed.",
							&zp_memory_limit,
							0, 0, MAX_KILOBYTES,
							PGC_SIGHUP,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("zipora.fast_wal",
							 "Writes the WAL records of insertions into indexes by hand.",
							 "They are the same kind of record as PostgreSQL's generic WAL "
							 "functions write, at a fifth of the cost.",
							 &zp_fast_wal,
							 true,
							 PGC_SUSET,
							 GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
	zp_options_define();
#ifdef ZP_POINTS
	zp_test_point_init();
#endif
	MarkGUCPrefixReserved("zipora");
	zp_root_install_hooks();
}
