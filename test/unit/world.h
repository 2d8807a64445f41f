/*
 * world.h
 *	  An arena for tests: segments are pieces of one file in memory, so that
 *	  threads share one mapping and processes map it at addresses of their own.
 */
#ifndef ZP_WORLD_H
#define ZP_WORLD_H

#include <stddef.h>
#include <sys/types.h>

#include "mem/arena.h"

/*
 * Made before threads or processes start.  Everything in it that changes is
 * guarded by the arena's own `grow` lock or by the mapping lock inside.
 */
typedef struct World World;

/* A world whose segments may take at most max_bytes in all; 0: no bound.  Aborts on failure. */
extern World *world_create(size_t max_bytes);
extern void world_destroy(World *world);

/* The first participant's map, number 1. */
extern ZpArenaMap *world_map(World *world);

/*
 * A further participant: in the same process it shares the mapped addresses
 * (ThreadSanitizer tells races by address).  Free it with world_leave.
 */
extern ZpArenaMap *world_join(World *world, uint32_t participant);
extern void world_leave(World *world, ZpArenaMap *map);

/*
 * Runs body(world, map, number, argument) in `processes` forked children, each
 * of which maps every segment anew, at addresses that differ from all others'.
 * Aborts unless every child returns 0.  Their participants are 2, 3, ...
 */
extern void world_fork(World *world, int processes,
					   int (*body) (World *world, ZpArenaMap *map, int number, void *argument),
					   void *argument);

/* The same with threads. */
extern void world_threads(World *world, int threads,
						  int (*body) (World *world, ZpArenaMap *map, int number, void *argument),
						  void *argument);

/* Makes the n-th call of create/commit from now on fail, once; 0: none. */
extern void world_fail_growth(World *world, int n);

/* Bytes of real memory that the file takes now. */
extern size_t world_resident_bytes(World *world);

/* Memory for results that children and parent share; zeroed; freed with the world. */
extern void *world_shared(World *world, size_t bytes);

#endif							/* ZP_WORLD_H */
