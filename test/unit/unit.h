/*
 * unit.h
 *	  What every unit test of the core includes: cmocka, and a check that works
 *	  in threads and child processes, where cmocka's own may not jump.
 */
#ifndef ZP_UNIT_H
#define ZP_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "port/status.h"

/* Stops the whole program where it is: the core dump or the sanitizer shows the rest. */
#define ZP_REQUIRE(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: required: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#define ZP_REQUIRE_STATUS(call, wanted) \
	do { \
		ZpStatus	zp_status_ = (call); \
		if (zp_status_ != (wanted)) \
		{ \
			fprintf(stderr, "%s:%d: %s is %s, not %s\n", __FILE__, __LINE__, #call, \
					zp_status_name(zp_status_), zp_status_name(wanted)); \
			abort(); \
		} \
	} while (0)

#define ZP_REQUIRE_OK(call) ZP_REQUIRE_STATUS(call, ZP_OK)

#endif							/* ZP_UNIT_H */
