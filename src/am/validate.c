/*
 * validate.c
 *	  What the access method says about operator classes.
 *
 * There are no support functions: a type's encoding is ours.  So an operator class is right if
 * its type has one, if its operators mean what their strategy numbers say, as far as that can
 * be seen, and if the five comparisons are all there.
 */
#include "am/validate.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "am/conditions.h"
#include "am/strategies.h"

#define ZP_COMPARISONS \
	(1 << ZP_STRATEGY_LESS | 1 << ZP_STRATEGY_LESS_EQUAL | 1 << ZP_STRATEGY_EQUAL | \
	 1 << ZP_STRATEGY_GREATER_EQUAL | 1 << ZP_STRATEGY_GREATER)

/* Whether the operator is that comparison somewhere in btree. */
static bool
is_comparison(Oid operator, StrategyNumber strategy)
{
	CatCList   *members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(operator));
	bool		found = false;

	for (int i = 0; i < members->n_members && !found; i++)
	{
		Form_pg_amop member = (Form_pg_amop) GETSTRUCT(&members->members[i]->tuple);

		found = member->amopmethod == BTREE_AM_OID && member->amopstrategy == strategy;
	}
	ReleaseSysCacheList(members);
	return found;
}

static bool
validate_operator(const char *family, Form_pg_amop member)
{
	bool		right = true;
	StrategyNumber strategy = member->amopstrategy;

	if (strategy < 1 || strategy > ZP_STRATEGIES)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator family \"%s\" of access method %s contains operator %s with invalid strategy number %d",
						family, "zipora", format_operator(member->amopopr), strategy)));
		return false;
	}
	if (member->amoppurpose != AMOP_SEARCH || OidIsValid(member->amopsortfamily))
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator family \"%s\" of access method %s contains invalid ORDER BY specification for operator %s",
						family, "zipora", format_operator(member->amopopr))));
		right = false;
	}
	if (!check_amop_signature(member->amopopr, BOOLOID, member->amoplefttype,
							  member->amoprighttype))
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator family \"%s\" of access method %s contains operator %s with wrong signature",
						family, "zipora", format_operator(member->amopopr))));
		right = false;
	}
	if (!zp_condition_is_possible(member->amoplefttype, strategy, member->amoprighttype))
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator family \"%s\" of access method %s contains operator %s, but keys of type %s cannot answer strategy number %d with type %s",
						family, "zipora", format_operator(member->amopopr),
						format_type_be(member->amoplefttype), strategy,
						format_type_be(member->amoprighttype))));
		right = false;
	}
	if (strategy <= ZP_STRATEGY_GREATER && !is_comparison(member->amopopr, strategy))
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator family \"%s\" of access method %s contains operator %s with strategy number %d, which it has in no operator family of access method %s",
						family, "zipora", format_operator(member->amopopr), strategy,
						"btree")));
		right = false;
	}
	return right;
}

/* All five comparisons, for each pair of types that has any, and for the class's own. */
static bool
validate_groups(const char *family, const char *class, Oid type, CatCList *operators,
				CatCList *functions)
{
	List	   *groups = identify_opfamily_groups(operators, functions);
	bool		right = true;
	bool		own = false;
	ListCell   *cell;

	foreach(cell, groups)
	{
		OpFamilyOpFuncGroup *group = lfirst(cell);
		uint64		comparisons = group->operatorset & ZP_COMPARISONS;

		if (group->lefttype == type && group->righttype == type)
			own = comparisons == ZP_COMPARISONS;
		else if (comparisons != ZP_COMPARISONS && group->operatorset != 0)
		{
			ereport(INFO,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("operator family \"%s\" of access method %s is missing operator(s) for types %s and %s",
							family, "zipora", format_type_be(group->lefttype),
							format_type_be(group->righttype))));
			right = false;
		}
	}
	if (!own)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s is missing operator(s)",
						class, "zipora")));
		right = false;
	}
	return right;
}

static char *
family_name(Oid family)
{
	HeapTuple	tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator family %u", family);
	name = pstrdup(NameStr(((Form_pg_opfamily) GETSTRUCT(tuple))->opfname));
	ReleaseSysCache(tuple);
	return name;
}

bool
zp_index_validate(Oid opclass)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Form_pg_opclass class;
	ZpKeyKind	kind;
	char	   *family;
	CatCList   *operators;
	CatCList   *functions;
	bool		right = true;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclass);
	class = (Form_pg_opclass) GETSTRUCT(tuple);
	family = family_name(class->opcfamily);
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(class->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(class->opcfamily));

	if (!zp_key_kind_of_type(class->opcintype, &kind))
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s is for type %s, which has no keys",
						NameStr(class->opcname), "zipora", format_type_be(class->opcintype))));
		right = false;
	}
	if (OidIsValid(class->opckeytype))
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s stores another type: %s",
						NameStr(class->opcname), "zipora", format_type_be(class->opckeytype))));
		right = false;
	}
	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc member = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);

		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator family \"%s\" of access method %s contains function %s with invalid support number %d",
						family, "zipora", format_procedure(member->amproc),
						member->amprocnum)));
		right = false;
	}
	for (int i = 0; i < operators->n_members; i++)
	{
		if (!validate_operator(family, (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple)))
			right = false;
	}
	if (!validate_groups(family, NameStr(class->opcname), class->opcintype, operators, functions))
		right = false;

	ReleaseSysCacheList(functions);
	ReleaseSysCacheList(operators);
	ReleaseSysCache(tuple);
	return right;
}

/*
 * A class cannot do without the comparisons of its own type: they are dropped with it only.
 * Whatever else there is belongs to the family and may be dropped from it.
 */
void
zp_index_adjust_members(Oid opfamily, Oid opclass, List *operators, List *functions)
{
	ListCell   *cell;

	foreach(cell, operators)
	{
		OpFamilyMember *member = lfirst(cell);
		bool		required = OidIsValid(opclass) && member->lefttype == member->righttype &&
			member->number <= ZP_STRATEGY_GREATER;

		member->ref_is_hard = required;
		member->ref_is_family = !required;
		member->refobjid = required ? opclass : opfamily;
	}
}
