/*
 * handler.c
 *	  What the access method can do, for PostgreSQL.
 */
#include "compat.h"

#include "access/amapi.h"
#include "commands/vacuum.h"
#include "fmgr.h"

#include "am/am.h"
#include "am/scan.h"
#include "am/strategies.h"
#include "am/validate.h"

PG_FUNCTION_INFO_V1(zipora_index_handler);

/*
 * Whether index-only scans can have this column (from 1).  Not on a standby: the replay of a
 * VACUUM waits for no scan.
 */
static bool
can_return(Relation index, int attribute)
{
	ZpKeyLayout *layout;
	bool		returnable;

	if (RecoveryInProgress())
		return false;
	layout = zp_key_layout(index, CurrentMemoryContext);
	returnable = zp_key_is_returnable(layout, attribute - 1);
	pfree(layout);
	return returnable;
}

#ifdef ZP_TRANSLATES_COMPARISONS
/* Which strategy is "<", and so on; for ORDER BY. */
StrategyNumber
zp_translate_comparison(CompareType comparison, Oid family)
{
	switch (comparison)
	{
		case COMPARE_LT:
			return ZP_STRATEGY_LESS;
		case COMPARE_LE:
			return ZP_STRATEGY_LESS_EQUAL;
		case COMPARE_EQ:
			return ZP_STRATEGY_EQUAL;
		case COMPARE_GE:
			return ZP_STRATEGY_GREATER_EQUAL;
		case COMPARE_GT:
			return ZP_STRATEGY_GREATER;
		default:
			return InvalidStrategy;
	}
}
#endif

Datum
zipora_index_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *routine = makeNode(IndexAmRoutine);

	routine->amstrategies = ZP_STRATEGIES;
	routine->amsupport = 0;
	routine->amoptsprocnum = 0;
	routine->amcanorder = true;
	routine->amcanorderbyop = false;

	/*
	 * A scan can run backward, but not turn round: rows of equal keys come in another order if
	 * the image was loaded anew meanwhile.  The planner puts a Materialize node on top.
	 */
	routine->amcanbackward = false;
	routine->amcanunique = false;
	routine->amcanmulticol = true;
	routine->amoptionalkey = true;
	routine->amsearcharray = true;
	routine->amsearchnulls = true;
	routine->amstorage = false;
	routine->amclusterable = true;
	routine->ampredlocks = false;
	routine->amcanparallel = false;
	routine->amcaninclude = true;
	routine->amusemaintenanceworkmem = false;
	routine->amparallelvacuumoptions = VACUUM_OPTION_NO_PARALLEL;
	routine->amkeytype = InvalidOid;
	ZP_SET_NEW_ROUTINE_FIELDS(routine);

	routine->ambuild = zp_index_build;
	routine->ambuildempty = zp_index_build_empty;
	routine->aminsert = zp_index_insert;
	routine->ambulkdelete = zp_index_bulk_delete;
	routine->amvacuumcleanup = zp_index_vacuum_cleanup;
	routine->amcanreturn = can_return;
	routine->amcostestimate = zp_index_cost;
	routine->amoptions = zp_index_options;
	routine->amproperty = NULL;
	routine->ambuildphasename = zp_index_build_phase_name;
	routine->amvalidate = zp_index_validate;
	routine->amadjustmembers = zp_index_adjust_members;
	routine->ambeginscan = zp_index_beginscan;
	routine->amrescan = zp_index_rescan;
	routine->amgettuple = zp_index_gettuple;
	routine->amgetbitmap = zp_index_getbitmap;
	routine->amendscan = zp_index_endscan;
	routine->ammarkpos = NULL;
	routine->amrestrpos = NULL;
	routine->amestimateparallelscan = NULL;
	routine->aminitparallelscan = NULL;
	routine->amparallelrescan = NULL;
	PG_RETURN_POINTER(routine);
}
