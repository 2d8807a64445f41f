/*
 * local.h
 *	  What a backend caches for itself, in backend-local storage.
 *
 * The keys are in the control struct, made with it; the values are private memory of each
 * backend.  Each cache has one, made at its first use and destroyed, by the destructor
 * that it was set with, when the backend ends.
 */
#ifndef ZP_LOCAL_H
#define ZP_LOCAL_H

#include "postgres.h"

#include "shm/backend.h"

/* What a cache says of itself, for the view zipora_local_storage. */
typedef struct ZpLocalFigures
{
	uint64		entries;
	uint64		bytes;
	uint64		hits;			/* look-ups that found what they looked for */
	uint64		misses;
} ZpLocalFigures;

/* This backend's value; NULL: none yet. */
static inline void *
zp_local_cache(ZpLocalCache cache)
{
	return zp_local_get(&zp_backend.local, zp_backend.control->local_keys[cache]);
}

/* Sets the value of a cache that has none; the destructor ends with zp_local_cache_gone. */
extern void zp_local_cache_set(ZpLocalCache cache, void *value, ZpLocalDestructor destructor);
extern void zp_local_cache_gone(ZpLocalCache cache);

/* Destroys the value, if there is one. */
extern void zp_local_cache_clear(ZpLocalCache cache);

extern const char *zp_local_cache_name(ZpLocalCache cache);

/* Backends that have a value now. */
extern uint32 zp_local_cache_users(ZpLocalCache cache);

#endif							/* ZP_LOCAL_H */
