/*
 * check.h
 *	  Whether an index is what it should be.
 */
#ifndef ZP_INDEX_CHECK_H
#define ZP_INDEX_CHECK_H

#include "compat.h"

/*
 * Reads the whole log and checks it, then the image against it, if there is one.  With heap_all_indexed it
 * also looks, for every row that a snapshot sees, whether the log has its entry.  Raises an error
 * that says what is wrong.  The caller has both relations open and locked (AccessShareLock).
 */
extern void zp_index_check(Relation heap, Relation index, bool heap_all_indexed);

#endif							/* ZP_INDEX_CHECK_H */
