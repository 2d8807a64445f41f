/*
 * point.h
 *	  Named places where a test can stop a participant or make it fail.
 *
 * Compiled in only with -DZP_POINTS; a release build has nothing of it.
 */
#ifndef ZP_POINT_H
#define ZP_POINT_H

#ifdef ZP_POINTS
#include <stdbool.h>

/* Set by the test; may block.  Returns true to make a ZP_FAIL_POINT fail. */
extern bool (*zp_point_hook) (const char *name);

#define ZP_POINT(name) ((void) (zp_point_hook && zp_point_hook(name)))
#define ZP_FAIL_POINT(name) (zp_point_hook && zp_point_hook(name))
#else
#define ZP_POINT(name) ((void) 0)
#define ZP_FAIL_POINT(name) 0
#endif

#endif							/* ZP_POINT_H */
