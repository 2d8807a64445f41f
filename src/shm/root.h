/*
 * root.h
 *	  The one small struct in PostgreSQL's main shared memory, by which every
 *	  backend finds everything else.
 */
#ifndef ZP_ROOT_H
#define ZP_ROOT_H

#include "postgres.h"

#include "storage/lwlock.h"

/*
 * Frozen: its name, its size and the meaning of each field never change, since
 * an old and a new library may run side by side in one server until the last old
 * session ends.  Another layout takes another name.
 */
#define ZP_ROOT_NAME	"zipora root 1"
#define ZP_ROOT_MAGIC	0x5a70526f
#define ZP_ROOT_BYTES	256

typedef union ZpRoot
{
	struct
	{
		/* Constant once the struct exists. */
		uint32		magic;
		int32		tranche_id;

		/*
		 * Guards arena_handle, and the registry of names (registry.h).  Taken
		 * before any lock of the core; nothing that PostgreSQL offers is taken
		 * with it held, but for what making a segment takes.
		 */
		LWLock		lock;

		/* Segment 0 of the arena; 0: nobody has made the arena yet. */
		uint32		arena_handle;
	};
	char		bytes[ZP_ROOT_BYTES];
} ZpRoot;

StaticAssertDecl(sizeof(ZpRoot) == ZP_ROOT_BYTES, "the root's size is frozen");

/* Hooks for a library that shared_preload_libraries loads; nothing otherwise. */
extern void zp_root_install_hooks(void);

/* Finds the root, or makes it.  Raises an error when main shared memory is exhausted. */
extern ZpRoot *zp_root_attach(void);

#endif							/* ZP_ROOT_H */
