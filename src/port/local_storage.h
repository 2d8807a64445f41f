/*
 * local_storage.h
 *	  Values that each participant has of its own, found by a shared key.
 *
 * A key is an id (0..63) and a generation.  Ids come from a table in shared
 * memory and are used again after a release; the generation tells the lives of
 * an id apart, so a value of an earlier life is never returned, whoever released
 * the key and whenever.  A key is a plain value: keep it in the shared object
 * that it belongs to.
 *
 * The values live in private memory, and so do their destructors: a function has
 * another address in another process.
 */
#ifndef ZP_LOCAL_STORAGE_H
#define ZP_LOCAL_STORAGE_H

#include "port/atomic.h"
#include "port/status.h"

#define ZP_LOCAL_KEYS 64

/* Shared.  All zeros is a table in which every id is free. */
typedef struct ZpLocalKeyTable
{
	/*
	 * Of each id: odd while it is in use, even while it is free; grows by 1 at
	 * each allocation and each release, by compare-and-swap, by anybody.
	 */
	ZpAtomicU64 generations[ZP_LOCAL_KEYS];
} ZpLocalKeyTable;

typedef struct ZpLocalKey
{
	uint64_t	generation;		/* odd; 0: no key */
	uint32_t	id;
} ZpLocalKey;

/* Called with a value that is given up; may use other keys of the storage. */
typedef void (*ZpLocalDestructor) (void *value);

/* Private to one participant, used by one thread. */
typedef struct ZpLocalStorage
{
	ZpLocalKeyTable *table;
	struct
	{
		uint64_t	generation; /* of the key that the value was set with */
		void	   *value;		/* NULL: none */
		ZpLocalDestructor destructor;	/* may be NULL */
	}			slots[ZP_LOCAL_KEYS];
	bool		closing;		/* in zp_local_free_all: nothing can be set */
} ZpLocalStorage;

extern void zp_local_table_init(ZpLocalKeyTable *table);

/* ZP_OVER_LIMIT if all ids are in use. */
extern ZpStatus zp_local_key_alloc(ZpLocalKeyTable *table, ZpLocalKey *key);

/*
 * Gives the id back.  Every participant's value is unreachable from here on; each
 * destroys its own when it next touches the id, or at zp_local_sweep.
 * ZP_NOT_FOUND if the key was released before, ZP_BAD_ARGUMENT if it never was one.
 */
extern ZpStatus zp_local_key_release(ZpLocalKeyTable *table, ZpLocalKey key);

extern bool zp_local_key_is_live(const ZpLocalKeyTable *table, ZpLocalKey key);
extern uint32_t zp_local_keys_in_use(const ZpLocalKeyTable *table);

extern void zp_local_storage_init(ZpLocalStorage *storage, ZpLocalKeyTable *table);

/* This participant's value; NULL if it set none, or the key is not live. */
extern void *zp_local_get(ZpLocalStorage *storage, ZpLocalKey key);

/*
 * Sets this participant's value (NULL: none any more) and destroys the one that
 * it replaces, unless it is the same.  ZP_DROPPED: the key was released, or the
 * storage is being freed.  ZP_BAD_ARGUMENT: never was a key.  If it fails the
 * value still belongs to the caller.
 */
extern ZpStatus zp_local_set(ZpLocalStorage *storage, ZpLocalKey key, void *value,
							 ZpLocalDestructor destructor);

/* Destroys the values whose keys were released; returns how many. */
extern uint32_t zp_local_sweep(ZpLocalStorage *storage);

/* Destroys all values, as at the participant's end; returns how many.  It may be used again. */
extern uint32_t zp_local_free_all(ZpLocalStorage *storage);

#endif							/* ZP_LOCAL_STORAGE_H */
