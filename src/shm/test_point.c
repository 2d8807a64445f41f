/*
 * test_point.c
 *	  What a backend does at a named point, in a build for tests (-DZP_POINTS, "make points").
 *
 * zipora.test_point names a point (port/point.h).  There the backend sleeps for
 * zipora.test_point_ms, and then a point that can fail does.  Another session so has
 * the time to do what is to happen between two lines.
 */
#include "compat.h"

#include "shm/test_point.h"

#ifdef ZP_POINTS
#include "port/clock.h"
#include "port/point.h"
#include "utils/guc.h"

static char *point_name = NULL;
static int	point_ms = 0;

static bool
at_point(const char *name)
{
	int64		end;

	if (point_name == NULL || strcmp(name, point_name) != 0)
		return false;

	/* Signals end a sleep. */
	end = zp_clock_wall_us() + (int64) point_ms * 1000;
	while (zp_clock_wall_us() < end)
		pg_usleep(1000);
	return true;
}

void
zp_test_point_init(void)
{
	DefineCustomStringVariable("zipora.test_point", "Names the point at which a test stops.", NULL,
							   &point_name, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("zipora.test_point_ms", "Sets for how long it stops there.", NULL,
							&point_ms, 0, 0, 60000, PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	zp_point_hook = at_point;
}
#endif
