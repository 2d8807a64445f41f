/*
 * difftest.h
 *	  What the parts of the differential test share.
 */
#ifndef DIFFTEST_H
#define DIFFTEST_H

#include "session.h"
#include "table.h"
#include "types.h"

/* differential.c */
extern Method method;			/* that is tested */
extern const char *method_name;
extern bool has_prefix_of;		/* the operator @^ exists */
extern bool serial;				/* wait for each statement before the next */
extern bool scroll;				/* cursors are read backward too */
extern int	prepared_transactions;	/* max_prepared_transactions */

#define WRITERS		3

#endif							/* DIFFTEST_H */
