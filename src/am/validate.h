/*
 * validate.h
 *	  What the access method says about operator classes.
 */
#ifndef ZP_VALIDATE_H
#define ZP_VALIDATE_H

#include "compat.h"

#include "access/amapi.h"

/* amvalidate: each fault is reported at INFO level; whether there was none. */
extern bool zp_index_validate(Oid opclass);

/* amadjustmembers */
extern void zp_index_adjust_members(Oid opfamily, Oid opclass, List *operators, List *functions);

#endif							/* ZP_VALIDATE_H */
