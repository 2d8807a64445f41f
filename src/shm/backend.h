/*
 * backend.h
 *	  This backend's part in shared memory: its map of the arena, its session with
 *	  the registry of names, and what happens when it ends.
 */
#ifndef ZP_BACKEND_H
#define ZP_BACKEND_H

#include "postgres.h"

#include "port/local_storage.h"
#include "shm/root.h"
#include "trie/trie.h"

#define ZP_CONTROL_MAGIC	0x5a704374
#define ZP_CONTROL_LAYOUT	5	/* bump with any change of a struct in src/shm or below */

/* What each backend keeps of its own, under a key that all share; see local.h. */
typedef enum ZpLocalCache
{
	ZP_LOCAL_HANDLES,
	ZP_LOCAL_FUTEX_NODE
} ZpLocalCache;

#define ZP_LOCAL_CACHES (ZP_LOCAL_FUTEX_NODE + 1)

/* Shared: the root of the arena.  Constant once it can be found, but for the atomics. */
typedef struct ZpControl
{
	uint32		magic;
	uint32		layout;
	ZpRef		control_pool;	/* objects' headers, tries' structs, tokens */
	ZpRef		names_pool;		/* nodes of the registry of names */
	ZpRef		names;			/* the registry: a trie, see registry.c */

	/* Grows with every drop, so that sessions know to look for dropped tries. */
	ZpAtomicU32 drops;
	/* The last id that an object was given. */
	ZpAtomicU64 last_id;

	/* Keys of backend-local storage, those of ZpLocalCache, and how many backends have a value. */
	ZpLocalKeyTable local_table;
	ZpLocalKey	local_keys[ZP_LOCAL_CACHES];
	ZpAtomicU32 local_users[ZP_LOCAL_CACHES];
} ZpControl;

/* Private to this backend. */
typedef struct ZpBackend
{
	bool		started;		/* all of the below can be used */
	bool		hooked;			/* the callbacks are registered */
	bool		attached;		/* map is usable */
	ZpRoot	   *root;
	ZpArenaMap	map;
	ZpControl  *control;
	ZpPool	   *control_pool;
	ZpLocalStorage local;
	ZpTrieSession names;		/* use with root->lock held */
	int			applied_limit;	/* value of zipora.memory_limit that was passed on */
} ZpBackend;

extern ZpBackend zp_backend;

/* The parameter zipora.memory_limit, in kB; 0: none. */
extern int	zp_memory_limit;

extern void zp_backend_start_slow(void);

/* As zp_backend_start, but says why not: for those who can do without shared memory. */
extern ZpStatus zp_backend_try_start(void);
extern void zp_backend_apply_limit(void);

/* Makes zp_backend usable; makes the arena if this is the server's first use of it. */
static inline void
zp_backend_start(void)
{
	if (unlikely(!zp_backend.started))
		zp_backend_start_slow();
	if (unlikely(zp_backend.applied_limit != zp_memory_limit))
		zp_backend_apply_limit();
}

#endif							/* ZP_BACKEND_H */
