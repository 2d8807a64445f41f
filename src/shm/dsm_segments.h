/*
 * dsm_segments.h
 *	  An arena's segments as PostgreSQL's dynamic shared memory.
 */
#ifndef ZP_DSM_SEGMENTS_H
#define ZP_DSM_SEGMENTS_H

#include "postgres.h"

#include "mem/arena.h"

/* None of these throws; the context is unused. */
extern const ZpSegmentOps zp_dsm_segment_ops;

/*
 * The directory whose file system backs dynamic shared memory and its free
 * bytes, or false where that cannot be told.
 */
extern bool zp_dsm_free_space(const char **directory, uint64 *free_bytes);

#endif							/* ZP_DSM_SEGMENTS_H */
