/*
 * key_collation.c
 *	  Whether the collations of an index's columns fit their operator classes.
 *
 * Keys are compared byte by byte.  "=" of text is that too under every deterministic
 * collation, and so are the operators "~<~" and "^@"; "<" is that under C only.
 */
#include "am/key.h"

#include "access/stratnum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Whether the class's "less" asks the collation. */
static bool
is_ordered_by_collation(Relation index, int column)
{
	Oid			type = index->rd_opcintype[column];
	Oid			less = get_opfamily_member(index->rd_opfamily[column], type, type,
										   BTLessStrategyNumber);
	Oid			function = OidIsValid(less) ? get_opcode(less) : InvalidOid;

	return function == F_TEXT_LT || function == F_BPCHARLT;
}

void
zp_key_check_collations(Relation index)
{
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		Oid			collation = index->rd_indcollation[i];

		if (!OidIsValid(collation))
			continue;
		if (!get_collation_isdeterministic(collation))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("access method \"%s\" does not support nondeterministic collations",
							"zipora"),
					 errdetail("Column %d of index \"%s\" has collation \"%s\", in which values that differ in their bytes can be equal.",
							   i + 1, RelationGetRelationName(index),
							   get_collation_name(collation)),
					 errhint("Use a deterministic collation, such as \"C\", or access method \"btree\".")));
		if (is_ordered_by_collation(index, i) && !zp_collation_is_c(collation))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("operator class of column %d of index \"%s\" needs the collation \"C\"",
							i + 1, RelationGetRelationName(index)),
					 errdetail("Keys are in the order of their bytes; collation \"%s\" has another order.",
							   get_collation_name(collation)),
					 errhint("Write COLLATE \"C\" after the column, or use the default operator class, whose order is that of the operator ~<~.")));
	}
}
