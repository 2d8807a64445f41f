/*
 * prefix_of_selectivity.c
 *	  How many rows k @^ q finds.
 *
 * A string has one prefix of each length, so at most its length plus one different keys are
 * answers, and of those only the ones that are as long as some key is.  The most common
 * values are looked at one by one; of the others, each candidate is taken as one
 * key of average frequency.  The lengths that occur are those in the histogram.
 */
#include "compat.h"

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

/* Candidates where nothing is known about lengths. */
#define ZP_DEFAULT_LENGTHS		8

/* Of const @^ column, where core has no better idea either. */
#define ZP_DEFAULT_BEGINS_WITH	0.005

PG_FUNCTION_INFO_V1(zipora_prefix_of_sel);
PG_FUNCTION_INFO_V1(zipora_prefix_of_joinsel);

/* What statistics say about the column's keys. */
typedef struct KeyStatistics
{
	double		null_fraction;
	double		distinct;
	double		common_fraction;	/* of all rows: those with one of the most common values */
	double		common_prefixes;	/* of these: those that are prefixes of the query */
	int			common;			/* values */
	int			common_matches;
	int			lengths;		/* that occur in the histogram, up to the query's; 0: none is known */
} KeyStatistics;

static int
compare_sizes(const void *a, const void *b)
{
	Size		x = *(const Size *) a;
	Size		y = *(const Size *) b;

	return x < y ? -1 : x > y;
}

/* How many different lengths up to most the values have. */
static int
count_lengths(const AttStatsSlot *slot, Size most)
{
	Size	   *sizes = palloc(sizeof(Size) * Max(slot->nvalues, 1));
	int			count = 0;
	int			different = 0;

	for (int i = 0; i < slot->nvalues; i++)
	{
		Size		size = toast_raw_datum_size(slot->values[i]) - VARHDRSZ;

		if (size <= most)
			sizes[count++] = size;
	}
	qsort(sizes, count, sizeof(Size), compare_sizes);
	for (int i = 0; i < count; i++)
	{
		if (i == 0 || sizes[i] != sizes[i - 1])
			different++;
	}
	pfree(sizes);
	return different;
}

/* query: NULL if it is not known; then of whatever length. */
static void
read_statistics(VariableStatData *variable, Oid function, Oid collation, Datum *query,
				KeyStatistics *statistics)
{
	bool		is_default;
	AttStatsSlot slot;
	Size		most = query != NULL ? toast_raw_datum_size(*query) - VARHDRSZ : MaxAllocSize;

	memset(statistics, 0, sizeof(*statistics));
	statistics->distinct = get_variable_numdistinct(variable, &is_default);
	if (!HeapTupleIsValid(variable->statsTuple))
		return;
	statistics->null_fraction =
		((Form_pg_statistic) GETSTRUCT(variable->statsTuple))->stanullfrac;
	if (!statistic_proc_security_check(variable, function))
		return;
	if (get_attstatsslot(&slot, variable->statsTuple, STATISTIC_KIND_MCV, InvalidOid,
						 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
	{
		FmgrInfo	operator;

		fmgr_info(function, &operator);
		statistics->common = slot.nvalues;
		for (int i = 0; i < slot.nvalues; i++)
		{
			statistics->common_fraction += slot.numbers[i];
			if (query != NULL &&
				DatumGetBool(FunctionCall2Coll(&operator, collation, slot.values[i], *query)))
			{
				statistics->common_prefixes += slot.numbers[i];
				statistics->common_matches++;
			}
		}
		free_attstatsslot(&slot);
	}
	if (get_attstatsslot(&slot, variable->statsTuple, STATISTIC_KIND_HISTOGRAM, InvalidOid,
						 ATTSTATSSLOT_VALUES))
	{
		statistics->lengths = count_lengths(&slot, most);
		free_attstatsslot(&slot);
	}
}

/* The fraction of all rows whose key is a prefix of a string with so many bytes. */
static double
estimate(const KeyStatistics *statistics, double query_bytes)
{
	double		others = statistics->distinct - statistics->common;
	double		fraction = 1.0 - statistics->null_fraction - statistics->common_fraction;
	double		candidates = query_bytes + 1;

	if (statistics->lengths > 0)
		candidates = Min(candidates, statistics->lengths);
	candidates -= statistics->common_matches;
	candidates = Min(candidates, others);
	if (others < 1 || fraction <= 0 || candidates <= 0)
		return statistics->common_prefixes;
	return statistics->common_prefixes + fraction * candidates / others;
}

/* const @^ column is column ^@ const; of bytea nobody can say. */
static double
estimate_begins_with(FunctionCallInfo fcinfo)
{
	List	   *arguments = (List *) PG_GETARG_POINTER(2);
	List	   *swapped = list_make2(lsecond(arguments), linitial(arguments));

	if (exprType(linitial(arguments)) != TEXTOID)
		return ZP_DEFAULT_BEGINS_WITH;
	return DatumGetFloat8(DirectFunctionCall4Coll(prefixsel, PG_GET_COLLATION(),
												  PG_GETARG_DATUM(0),
												  ObjectIdGetDatum(TextPrefixOperator),
												  PointerGetDatum(swapped),
												  PG_GETARG_DATUM(3)));
}

PGDLLEXPORT Datum
zipora_prefix_of_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *arguments = (List *) PG_GETARG_POINTER(2);
	int			relation = PG_GETARG_INT32(3);
	VariableStatData variable;
	KeyStatistics statistics;
	Node	   *other;
	bool		is_left;
	double		selectivity;

	if (!get_restriction_variable(root, arguments, relation, &variable, &other, &is_left))
		PG_RETURN_FLOAT8(ZP_DEFAULT_BEGINS_WITH);
	if (!is_left)
		selectivity = estimate_begins_with(fcinfo);
	else if (!IsA(other, Const))
	{
		read_statistics(&variable, get_opcode(operator), PG_GET_COLLATION(), NULL, &statistics);
		selectivity = estimate(&statistics, ZP_DEFAULT_LENGTHS);
	}
	else if (((Const *) other)->constisnull)
		selectivity = 0.0;
	else
	{
		Datum		query = ((Const *) other)->constvalue;

		read_statistics(&variable, get_opcode(operator), PG_GET_COLLATION(), &query, &statistics);
		selectivity = estimate(&statistics,
							   (double) (toast_raw_datum_size(query) - VARHDRSZ));
	}
	ReleaseVariableStats(variable);
	CLAMP_PROBABILITY(selectivity);
	PG_RETURN_FLOAT8(selectivity);
}

/*
 * Each string finds so many keys.  Of a semijoin or antijoin we know nothing: half of the outer rows
 * have a partner.
 */
PGDLLEXPORT Datum
zipora_prefix_of_joinsel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *arguments = (List *) PG_GETARG_POINTER(2);
	SpecialJoinInfo *join = (SpecialJoinInfo *) PG_GETARG_POINTER(4);
	VariableStatData key;
	VariableStatData query;
	KeyStatistics statistics;
	bool		is_reversed;
	double		selectivity;

	if (join->jointype == JOIN_SEMI || join->jointype == JOIN_ANTI)
		PG_RETURN_FLOAT8(0.5);
	get_join_variables(root, arguments, join, &key, &query, &is_reversed);
	read_statistics(&key, get_opcode(operator), PG_GET_COLLATION(), NULL, &statistics);
	selectivity = estimate(&statistics, ZP_DEFAULT_LENGTHS);
	if (HeapTupleIsValid(query.statsTuple))
		selectivity *= 1.0 - ((Form_pg_statistic) GETSTRUCT(query.statsTuple))->stanullfrac;
	ReleaseVariableStats(key);
	ReleaseVariableStats(query);
	CLAMP_PROBABILITY(selectivity);
	PG_RETURN_FLOAT8(selectivity);
}
