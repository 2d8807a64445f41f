/*
 * waits.h
 *	  What a backend does around the core's sleeps.
 */
#ifndef ZP_WAITS_H
#define ZP_WAITS_H

#include "postgres.h"

#include "port/futex.h"

/* For every ZpArenaMap of a backend. */
extern const ZpWaitHooks zp_wait_hooks;

/* Once per backend, before the first wait. */
extern void zp_waits_start(void);

/*
 * Sleeps for some milliseconds, or until an interrupt, which it services.  May
 * raise an error: hold nothing.
 */
extern void zp_pause(long milliseconds);

#endif							/* ZP_WAITS_H */
