/*
 * local_storage.c
 *	  Values that each participant has of its own; see local_storage.h.
 *
 * A key is allocated by the compare-and-swap of one id's generation from even to
 * odd, the lowest free id first, and released by one from odd to even; a
 * generation of 64 bits does not come around again.  A look-up compares the
 * generation of the key with that of the private slot and with that of the
 * table: two loads, one of them of a shared cache line that only allocation and
 * release write.
 *
 * The destructor of a value is called after the slot was emptied or has its new
 * value, so it may look at the storage and set other keys.
 *
 * Weak: 64 ids for everybody, searched one by one.  A participant that never
 * looks at an id again keeps its value until it sweeps or ends.  A participant
 * that dies without zp_local_free_all runs no destructors; its private memory
 * goes with it, and the keys are not its own.
 */
#include "port/local_storage.h"

#include <stddef.h>

static inline bool
key_is_possible(ZpLocalKey key)
{
	return key.id < ZP_LOCAL_KEYS && (key.generation & 1) == 1;
}

/* Empties a slot and destroys its value, if it has one. */
static bool
destroy_slot(ZpLocalStorage *storage, uint32_t id)
{
	void	   *value = storage->slots[id].value;
	ZpLocalDestructor destructor = storage->slots[id].destructor;

	if (value == NULL)
		return false;
	storage->slots[id].value = NULL;
	storage->slots[id].destructor = NULL;
	if (destructor)
		destructor(value);
	return true;
}

void
zp_local_table_init(ZpLocalKeyTable *table)
{
	for (uint32_t id = 0; id < ZP_LOCAL_KEYS; id++)
		zp_store_relaxed_u64(&table->generations[id], 0);
}

ZpStatus
zp_local_key_alloc(ZpLocalKeyTable *table, ZpLocalKey *key)
{
	for (uint32_t id = 0; id < ZP_LOCAL_KEYS; id++)
	{
		uint64_t	generation = zp_load_relaxed_u64(&table->generations[id]);

		/* On failure `generation` is what there is: free again, perhaps. */
		while ((generation & 1) == 0)
		{
			if (zp_cas_acq_rel_u64(&table->generations[id], &generation, generation + 1))
			{
				key->id = id;
				key->generation = generation + 1;
				return ZP_OK;
			}
		}
	}
	return ZP_OVER_LIMIT;
}

ZpStatus
zp_local_key_release(ZpLocalKeyTable *table, ZpLocalKey key)
{
	uint64_t	expected = key.generation;

	if (!key_is_possible(key))
		return ZP_BAD_ARGUMENT;
	if (zp_cas_acq_rel_u64(&table->generations[key.id], &expected, key.generation + 1))
		return ZP_OK;
	return expected > key.generation ? ZP_NOT_FOUND : ZP_BAD_ARGUMENT;
}

bool
zp_local_key_is_live(const ZpLocalKeyTable *table, ZpLocalKey key)
{
	return key_is_possible(key) &&
		zp_load_relaxed_u64(&table->generations[key.id]) == key.generation;
}

uint32_t
zp_local_keys_in_use(const ZpLocalKeyTable *table)
{
	uint32_t	in_use = 0;

	for (uint32_t id = 0; id < ZP_LOCAL_KEYS; id++)
		in_use += (uint32_t) (zp_load_relaxed_u64(&table->generations[id]) & 1);
	return in_use;
}

void
zp_local_storage_init(ZpLocalStorage *storage, ZpLocalKeyTable *table)
{
	storage->table = table;
	storage->closing = false;
	for (uint32_t id = 0; id < ZP_LOCAL_KEYS; id++)
	{
		storage->slots[id].generation = 0;
		storage->slots[id].value = NULL;
		storage->slots[id].destructor = NULL;
	}
}

/* Destroys the value of a slot if its key was released. */
static bool
sweep_slot(ZpLocalStorage *storage, uint32_t id)
{
	if (storage->slots[id].value == NULL ||
		storage->slots[id].generation == zp_load_relaxed_u64(&storage->table->generations[id]))
		return false;
	return destroy_slot(storage, id);
}

void *
zp_local_get(ZpLocalStorage *storage, ZpLocalKey key)
{
	if (!key_is_possible(key))
		return NULL;
	(void) sweep_slot(storage, key.id);

	/* A value that is left is of the life that the table is in: is it this key's? */
	if (storage->slots[key.id].generation != key.generation)
		return NULL;
	return storage->slots[key.id].value;
}

ZpStatus
zp_local_set(ZpLocalStorage *storage, ZpLocalKey key, void *value,
			 ZpLocalDestructor destructor)
{
	uint64_t	current;
	void	   *old_value;
	ZpLocalDestructor old_destructor;

	if (!key_is_possible(key))
		return ZP_BAD_ARGUMENT;
	(void) sweep_slot(storage, key.id);
	current = zp_load_relaxed_u64(&storage->table->generations[key.id]);
	if (current < key.generation)
		return ZP_BAD_ARGUMENT;
	if (storage->closing || current != key.generation)
		return ZP_DROPPED;

	/* The new value first: the old one's destructor may look at the storage. */
	old_value = storage->slots[key.id].value;
	old_destructor = storage->slots[key.id].destructor;
	storage->slots[key.id].generation = key.generation;
	storage->slots[key.id].value = value;
	storage->slots[key.id].destructor = value ? destructor : NULL;
	if (old_value != value && old_destructor)
		old_destructor(old_value);
	return ZP_OK;
}

uint32_t
zp_local_sweep(ZpLocalStorage *storage)
{
	uint32_t	destroyed = 0;

	for (uint32_t id = 0; id < ZP_LOCAL_KEYS; id++)
		destroyed += sweep_slot(storage, id);
	return destroyed;
}

uint32_t
zp_local_free_all(ZpLocalStorage *storage)
{
	uint32_t	destroyed = 0;
	bool		was_closing = storage->closing;

	/* Nothing can be set meanwhile, so once round is enough. */
	storage->closing = true;
	for (uint32_t id = 0; id < ZP_LOCAL_KEYS; id++)
		destroyed += destroy_slot(storage, id);
	storage->closing = was_closing;
	return destroyed;
}
