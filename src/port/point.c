/*
 * point.c
 *	  The hook behind the named test points.
 *
 * The core has no static mutable state but this, and this only in a build with
 * -DZP_POINTS.  A test sets it before threads start and clears it after they
 * ended, so it needs no atomic access.
 */
#include "port/point.h"

#ifdef ZP_POINTS
bool		(*zp_point_hook) (const char *name);
#endif
