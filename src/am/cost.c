/*
 * cost.c
 *	  What a scan costs.
 *
 * Measured, in units of PostgreSQL's cost model as it is on a warm btree (a descent of a btree of
 * a million keys takes about a microsecond, for which it charges some 0.3 units of CPU and one random page):
 * a look-up in an image takes a fifth of that and reads no page; going on to the next entry
 * costs a third of what btree's next index tuple costs.  Without an image every page of the log is read and
 * every entry is looked at.
 *
 * An image that has not been loaded is charged as if it were there: it is loaded once, and to refuse it
 * would mean that it never is.  One that was refused for want of memory is charged as the log.
 */
#include "compat.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_statistic.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/index_selfuncs.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
#include "utils/syscache.h"

#include "am/am.h"
#include "am/strategies.h"

/* In units of cpu_operator_cost. */
#define ZP_COST_DESCENT		20.0
#define ZP_COST_ENTRY		0.5
/* An entry (or a seek to the next one) where a condition on a later column does not hold. */
#define ZP_COST_SKIP		4.0

/* Whether scans of the index read the log now, for want of memory. */
static bool
has_no_image(Relation index)
{
	ZpLogMeta	meta;
	ZpImage    *image;
	ZpImageReason reason;

	zp_meta_read(index, &meta);
	image = zp_image_peek(index, meta.incarnation);
	if (image == NULL)
		return zp_image_start_failed() != ZP_REASON_NONE;
	if (image->open || image->state == NULL)
		return false;
	reason = (ZpImageReason) zp_load_relaxed_u32(&image->state->reason);
	return reason == ZP_REASON_NO_MEMORY || reason == ZP_REASON_OVER_LIMIT;
}

/* How the first column's order goes with that of the table: statistics have it for "<". */
static double
correlation_of_first_column(PlannerInfo *root, IndexOptInfo *index)
{
	RangeTblEntry *table = planner_rt_fetch(index->rel->relid, root);
	AttrNumber	column = index->indexkeys[0];
	double		correlation = 0.0;
	HeapTuple	statistics;
	Oid			less;
	AttStatsSlot slot;

	if (table->rtekind != RTE_RELATION || index->sortopfamily == NULL)
		return 0.0;
	if (column != 0)
		statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table->relid),
									 Int16GetDatum(column), BoolGetDatum(table->inh));
	else
		statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(index->indexoid),
									 Int16GetDatum(1), BoolGetDatum(false));
	if (!HeapTupleIsValid(statistics))
		return 0.0;

	/* Statistics are those of btree's "<"; another order (of bytes) has none. */
	less = get_opfamily_member(index->opfamily[0], index->opcintype[0], index->opcintype[0],
							   BTLessStrategyNumber);
	if (OidIsValid(less) &&
		get_attstatsslot(&slot, statistics, STATISTIC_KIND_CORRELATION, less,
						 ATTSTATSSLOT_NUMBERS))
	{
		correlation = slot.numbers[0];
		if (index->reverse_sort[0])
			correlation = -correlation;
		if (index->nkeycolumns > 1)
			correlation *= 0.75;
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(statistics);
	return correlation;
}

/*
 * How many entries a scan looks at, and with how many descents: those between the bounds that
 * conditions on the first columns set.  A condition on a column behind a gap is only tested: then
 * the answer is true.
 */
static bool
count_visited(PlannerInfo *root, IndexPath *path, GenericCosts *costs)
{
	IndexOptInfo *index = path->indexinfo;
	List	   *bounds = NIL;
	int			column = 0;
	bool		equal = false;
	double		descents = 1.0;
	bool		skips = false;
	ListCell   *cell;
	Selectivity selectivity;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);
		ListCell   *qual_cell;

		if (clause->indexcol != column)
		{
			/* Only what is behind an equality can be a bound as well. */
			if (!equal || clause->indexcol != column + 1)
			{
				skips = true;
				break;
			}
			column++;
			equal = false;
		}
		foreach(qual_cell, clause->indexquals)
		{
			RestrictInfo *qual = lfirst_node(RestrictInfo, qual_cell);
			Expr	   *expression = qual->clause;
			Oid			operator = InvalidOid;

			if (IsA(expression, OpExpr))
				operator = ((OpExpr *) expression)->opno;
			else if (IsA(expression, ScalarArrayOpExpr))
			{
				ScalarArrayOpExpr *array = (ScalarArrayOpExpr *) expression;
				double		length = zp_estimate_array_length(root, lsecond(array->args));

				operator = array->opno;
				if (length > 1)
					descents *= length;
			}
			else if (IsA(expression, NullTest))
			{
				if (((NullTest *) expression)->nulltesttype == IS_NULL)
					equal = true;
			}
			if (OidIsValid(operator) &&
				get_op_opfamily_strategy(operator, index->opfamily[column]) ==
				ZP_STRATEGY_EQUAL)
				equal = true;
			bounds = lappend(bounds, qual);
		}
	}
	selectivity = clauselist_selectivity(root, add_predicate_to_index_quals(index, bounds),
										 index->rel->relid, JOIN_INNER, NULL);
	costs->numIndexTuples = rint(Max(selectivity * index->rel->tuples, 1.0) / descents);
	costs->num_sa_scans = descents;
	return skips;
}

void
zp_index_cost(PlannerInfo *root, IndexPath *path, double loop_count,
			  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
			  double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	GenericCosts costs = {0};
	Relation	relation;
	bool		from_log;
	double		entries;
	double		descents;
	double		entry_cost;
	double		qual_cost;

	entry_cost = (count_visited(root, path, &costs) ? ZP_COST_SKIP : ZP_COST_ENTRY) *
		cpu_operator_cost;
	descents = Max(costs.num_sa_scans, 1.0);
	entries = Max(costs.numIndexTuples, 1.0);
	genericcostestimate(root, path, loop_count, &costs);
	relation = index_open(index->indexoid, NoLock);
	from_log = has_no_image(relation);
	index_close(relation, NoLock);

	entries *= descents;
	qual_cost = cpu_operator_cost * list_length(path->indexclauses);
	if (from_log)
	{
		double		page_cost;

		get_tablespace_page_costs(index->reltablespace, NULL, &page_cost);
		*startup_cost = index->pages * page_cost +
			index->tuples * (cpu_index_tuple_cost + qual_cost);
		*total_cost = *startup_cost + entries * cpu_index_tuple_cost;
		*pages = index->pages;
	}
	else
	{
		*startup_cost = ZP_COST_DESCENT * cpu_operator_cost;
		*total_cost = descents * ZP_COST_DESCENT * cpu_operator_cost +
			entries * (entry_cost + qual_cost);

		/* Of two indexes that do as well, the smaller one. */
		*total_cost += index->pages * 1e-4 * cpu_operator_cost;

		/* Nothing is read from disk; the figure is for the cost of parallel plans only. */
		*pages = 0;
	}
	*selectivity = costs.indexSelectivity;
	*correlation = correlation_of_first_column(root, index);
}
