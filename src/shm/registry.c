/*
 * registry.c
 *	  Named objects: the registry, and the life of an object.
 *
 * The registry is itself a trie: its key is a byte for the kind (ZpObjectKind), the database's
 * OID in big-endian order and the name, its payload the ref of the object's header.
 * So the objects of a database stand side by side.  It and the headers are guarded
 * by the root's lock.  A backend comes here once for each name that it uses; then it
 * keeps a handle (handle.c).
 *
 * Life of an object.  Creating makes the whole object first, without a lock, and
 * then enters its name under the lock: making a segment for it stops nobody, and can
 * be cancelled.  Dropping sets `dropped` and takes the name out, under the lock; then
 * closes the trie for all and waits until no operation is inside; then destroys its
 * pool, which gives all its memory back.  The header, the trie's struct and its
 * tokens stay while any backend has the object pinned, because sessions point to
 * them: they are a few hundred bytes, and a backend unpins a dropped object at its
 * next use, at the end of its next transaction, or when it ends.
 *
 * The wait of a drop can be cancelled.  The object then stays dropped, pinned by the
 * dropper's handle, and the last to unpin it finishes the work.
 *
 * A counter, a flag or a futex has no pool, and nothing in it can be used up by being used
 * after a drop: it is the header and one cache line of state, which go when the last
 * backend unpins it.  A drop marks it and wakes who waits.
 *
 * Taking a name out can fail for want of memory, since a trie's node is replaced, not
 * changed.  Then the name stays in the registry with a header that says `dropped`,
 * which counts as absent; it is taken out when the object is freed, or overwritten
 * when the name is used again.  In the worst case such a header (of 200 bytes) stays.
 */
#include "compat.h"

#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "port/point.h"
#include "shm/backend.h"
#include "shm/registry.h"
#include "shm/report.h"
#include "shm/waits.h"
#include "trie/cursor.h"

#define ZP_NAME_KEY_PREFIX	5	/* kind and database */
#define ZP_NAME_KEY_BYTES	(ZP_NAME_KEY_PREFIX + ZP_NAME_BYTES)

#define ZP_DROP_POLL_MS		1

static const ZpObjectKind all_kinds[] = {
	ZP_OBJECT_TRIE, ZP_OBJECT_POOL, ZP_OBJECT_COUNTER, ZP_OBJECT_FLAG, ZP_OBJECT_FUTEX,
	ZP_OBJECT_IMAGE
};

const char *
zp_object_kind_name(ZpObjectKind kind)
{
	switch (kind)
	{
		case ZP_OBJECT_COUNTER:
			return "counter";
		case ZP_OBJECT_FLAG:
			return "flag";
		case ZP_OBJECT_IMAGE:
			return "index image";
		case ZP_OBJECT_POOL:
			return "pool";
		case ZP_OBJECT_TRIE:
			return "trie";
		case ZP_OBJECT_FUTEX:
			return "futex";
	}
	return "object";
}

static inline void
lock_registry(LWLockMode mode)
{
	LWLockAcquire(&zp_backend.root->lock, mode);
}

static inline void
unlock_registry(void)
{
	LWLockRelease(&zp_backend.root->lock);
}

/* Builds the key of a name; returns its length. */
static size_t
make_key(unsigned char *key, ZpObjectKind kind, Oid database, const char *name)
{
	size_t		bytes = strlen(name);

	key[0] = (unsigned char) kind;
	key[1] = (unsigned char) (database >> 24);
	key[2] = (unsigned char) (database >> 16);
	key[3] = (unsigned char) (database >> 8);
	key[4] = (unsigned char) database;
	memcpy(key + ZP_NAME_KEY_PREFIX, name, bytes);
	return ZP_NAME_KEY_PREFIX + bytes;
}

static Oid
database_of_key(const unsigned char *key)
{
	return ((Oid) key[1] << 24) | ((Oid) key[2] << 16) | ((Oid) key[3] << 8) | (Oid) key[4];
}

/* The header at a ref, or NULL if it cannot be mapped. */
static ZpObject *
object_at(ZpRef ref)
{
	ZpObject   *object;

	zp_backend.map.map_failed = false;
	object = zp_at(&zp_backend.map, ref);
	if (zp_backend.map.map_failed || object->magic != ZP_OBJECT_MAGIC)
		return NULL;
	return object;
}

/* What the registry has under a name, dropped or not: ZP_OK, ZP_NOT_FOUND.  The lock is held. */
static ZpStatus
find_name(ZpObjectKind kind, Oid database, const char *name, ZpObject **object)
{
	unsigned char key[ZP_NAME_KEY_BYTES];
	size_t		key_bytes = make_key(key, kind, database, name);
	uint64_t	ref;
	ZpStatus	status;

	status = zp_trie_lookup(&zp_backend.names, key, key_bytes, &ref);
	if (status != ZP_OK)
		return status;
	*object = object_at((ZpRef) ref);
	return *object == NULL ? ZP_MAP_FAILED : ZP_OK;
}

/* Takes an object's name out, if the registry still has it; the lock is held exclusively. */
static void
forget_name(ZpObject *object)
{
	unsigned char key[ZP_NAME_KEY_BYTES];
	size_t		key_bytes;
	ZpStatus	status;

	if (!object->registered)
		return;
	key_bytes = make_key(key, (ZpObjectKind) object->kind, object->database, object->name);
	status = zp_trie_delete(&zp_backend.names, key, key_bytes);
	if (status == ZP_OK || status == ZP_NOT_FOUND)
		object->registered = false;
}

/* Frees a header and its grants. */
static void
free_header(ZpObject *object)
{
	ZpArenaMap *map = &zp_backend.map;

	if (object->grants != ZP_NULL_REF)
		(void) zp_pool_free(map, zp_backend.control_pool, object->grants,
							object->grant_count * sizeof(ZpGrant));
	if (object->sync != ZP_NULL_REF)
		(void) zp_pool_free(map, zp_backend.control_pool, object->sync, sizeof(ZpSyncState));
	if (object->image != ZP_NULL_REF)
		(void) zp_pool_free(map, zp_backend.control_pool, object->image, sizeof(ZpImageState));
	object->magic = 0;
	(void) zp_pool_free(map, zp_backend.control_pool, object->self, sizeof(ZpObject));
}

/*
 * Frees all that is left of a dropped object that nobody has pinned any more.
 * Whatever cannot be freed now (a segment cannot be mapped, the name cannot be taken
 * out) is left: it would be wrong to free what something still points to.
 */
static void
destroy_object(ZpObject *object)
{
	ZpArenaMap *map = &zp_backend.map;

	if (object->pool != ZP_NULL_REF)
	{
		if ((object->trie != ZP_NULL_REF &&
			 zp_trie_close_for_all(map, object->trie) != ZP_OK) ||
			zp_pool_destroy(map, object->pool) != ZP_OK)
			return;
		object->pool = ZP_NULL_REF;
	}
	if (object->trie != ZP_NULL_REF)
	{
		if (zp_trie_free(map, object->trie) != ZP_OK)
			return;
		object->trie = ZP_NULL_REF;
	}
	if (object->registered)
	{
		lock_registry(LW_EXCLUSIVE);
		forget_name(object);
		unlock_registry();
		if (object->registered)
			return;
	}
	free_header(object);
}

/* Makes the state of a counter (0), flag (clear) or futex (0). */
static ZpStatus
make_sync_state(ZpObjectKind kind, ZpRef *ref)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpSyncState *state;
	ZpStatus	status;

	status = zp_pool_alloc(map, zp_backend.control_pool, sizeof(ZpSyncState), ref);
	if (status != ZP_OK)
		return status;
	map->map_failed = false;
	state = zp_at(map, *ref);
	if (map->map_failed)
	{
		(void) zp_pool_free(map, zp_backend.control_pool, *ref, sizeof(ZpSyncState));
		return ZP_MAP_FAILED;
	}
	memset(state, 0, sizeof(*state));
	if (kind == ZP_OBJECT_COUNTER)
		zp_counter_init(&state->counter, 0);
	else if (kind == ZP_OBJECT_FLAG)
		zp_flag_init(&state->flag, false);
	else
		zp_futex_queue_init(&state->futex, 0);
	return ZP_OK;
}

/* Makes the state of an image, a copy of what it begins as. */
static ZpStatus
make_image_state(const ZpImageState *initial, ZpRef *ref)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpImageState *state;
	ZpStatus	status;

	status = zp_pool_alloc(map, zp_backend.control_pool, sizeof(ZpImageState), ref);
	if (status != ZP_OK)
		return status;
	map->map_failed = false;
	state = zp_at(map, *ref);
	if (map->map_failed)
	{
		(void) zp_pool_free(map, zp_backend.control_pool, *ref, sizeof(ZpImageState));
		return ZP_MAP_FAILED;
	}
	memcpy(state, initial, sizeof(*state));
	zp_mutex_init(&state->apply);
	return ZP_OK;
}

/* Whether an object that is to be made has a trie. */
static bool
wants_trie(const ZpObjectSpec *spec)
{
	return spec->kind == ZP_OBJECT_TRIE ||
		(spec->kind == ZP_OBJECT_IMAGE &&
		 zp_load_relaxed_u32(&spec->image->phase) != ZP_IMAGE_ABSENT);
}

/* Makes an object that nobody knows yet. */
static ZpStatus
make_object(const ZpObjectSpec *spec, ZpObject **made)
{
	static const ZpPayloadKind kinds[ZP_VALUE_TYPES] = {
		[ZP_VALUE_NONE] = ZP_PAYLOAD_NONE,
		[ZP_VALUE_BIGINT] = ZP_PAYLOAD_FIXED,
		[ZP_VALUE_TEXT] = ZP_PAYLOAD_BLOCK,
		[ZP_VALUE_BYTEA] = ZP_PAYLOAD_BLOCK,
		[ZP_VALUE_JSONB] = ZP_PAYLOAD_BLOCK
	};
	ZpArenaMap *map = &zp_backend.map;
	ZpObject   *object;
	ZpRef		self;
	ZpRef		pool = ZP_NULL_REF;
	ZpRef		trie = ZP_NULL_REF;
	ZpRef		sync = ZP_NULL_REF;
	ZpRef		image = ZP_NULL_REF;
	ZpStatus	status;

	status = zp_pool_alloc(map, zp_backend.control_pool, sizeof(ZpObject), &self);
	if (status != ZP_OK)
		return status;
	map->map_failed = false;
	object = zp_at(map, self);
	if (map->map_failed)
		status = ZP_MAP_FAILED;
	if (status == ZP_OK && zp_is_sync_kind(spec->kind))
		status = make_sync_state(spec->kind, &sync);
	if (status == ZP_OK && spec->kind == ZP_OBJECT_IMAGE)
		status = make_image_state(spec->image, &image);
	if (status == ZP_OK && (wants_trie(spec) || spec->kind == ZP_OBJECT_POOL))
		status = zp_pool_create_with(map, &spec->pool, &pool);
	if (status == ZP_OK && wants_trie(spec))
	{
		status = zp_trie_create(map, zp_backend.control->control_pool, pool,
								spec->kind == ZP_OBJECT_IMAGE ? ZP_PAYLOAD_FIXED :
								kinds[spec->value_type], &trie);
		if (status == ZP_OK)
		{
			status = zp_trie_init_access(map, trie, spec->access, 0);
			if (status != ZP_OK)
				(void) zp_trie_free(map, trie);
		}
		if (status != ZP_OK)
			(void) zp_pool_destroy(map, pool);
	}
	if (status != ZP_OK)
	{
		if (image != ZP_NULL_REF)
			(void) zp_pool_free(map, zp_backend.control_pool, image, sizeof(ZpImageState));
		(void) zp_pool_free(map, zp_backend.control_pool, self, sizeof(ZpObject));
		return status;
	}
	memset(object, 0, sizeof(*object));
	object->magic = ZP_OBJECT_MAGIC;
	object->self = self;
	object->id = zp_fetch_add_relaxed_u64(&zp_backend.control->last_id, 1) + 1;
	object->kind = spec->kind;
	object->database = spec->kind == ZP_OBJECT_IMAGE ? spec->database : MyDatabaseId;
	object->owner = GetUserId();
	object->value_type = spec->value_type;
	object->pool_level = spec->pool.level;
	object->creator = map->participant;
	object->pool = pool;
	object->trie = trie;
	object->sync = sync;
	object->image = image;
	object->max_bytes = spec->pool.max_bytes;
	for (int i = 0; i < ZP_BLOCK_MUTEXES; i++)
		zp_mutex_init(&object->block_mutexes[i]);
	object->created = GetCurrentTimestamp();
	strlcpy(object->name, spec->name, ZP_NAME_BYTES);
	*made = object;
	return ZP_OK;
}

/* Enters a new object's name: ZP_OK, ZP_EXISTS, or why not. */
static ZpStatus
enter_name(ZpObject *object)
{
	unsigned char key[ZP_NAME_KEY_BYTES];
	size_t		key_bytes = make_key(key, (ZpObjectKind) object->kind, object->database,
									 object->name);
	ZpObject   *other = NULL;
	bool		destroy_other = false;
	ZpStatus	status;

	lock_registry(LW_EXCLUSIVE);
	status = find_name((ZpObjectKind) object->kind, object->database, object->name, &other);
	if (status == ZP_OK && zp_load_relaxed_u32(&other->dropped) == 0)
		status = ZP_EXISTS;
	else if (status == ZP_OK || status == ZP_NOT_FOUND)
	{
		status = zp_trie_upsert(&zp_backend.names, key, key_bytes, object->self, NULL);
		if (status == ZP_OK || status == ZP_EXISTS)
		{
			status = ZP_OK;
			object->registered = true;
			if (other != NULL)
			{
				other->registered = false;
				destroy_other = other->pins == 0;
			}
		}
	}
	unlock_registry();
	if (destroy_other)
		destroy_object(other);
	return status;
}

ZpStatus
zp_registry_try_create(const ZpObjectSpec *spec)
{
	ZpObject   *object;
	ZpStatus	status = make_object(spec, &object);

	if (status != ZP_OK)
		return status;
	status = enter_name(object);
	if (status != ZP_OK)
		destroy_object(object);
	return status;
}

bool
zp_registry_create(const ZpObjectSpec *spec)
{
	bool		relieved = false;
	ZpObject   *object;
	ZpStatus	status;

	zp_backend_start();
	(void) zp_registry_sweep();

	/* The usual reason to fail; making an object only to find it out is dear. */
	object = zp_registry_pin(spec->kind, spec->name);
	if (object != NULL)
	{
		zp_registry_unpin(object);
		return false;
	}

	for (;;)
	{
		status = zp_registry_try_create(spec);
		if (status == ZP_OK)
			return true;
		if (status == ZP_EXISTS)
			return false;
		if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else if (status == ZP_OUT_OF_MEMORY && !relieved)
		{
			/* The names' own replaced nodes may be what is missing. */
			lock_registry(LW_EXCLUSIVE);
			(void) zp_trie_reclaim(&zp_backend.names);
			unlock_registry();
			relieved = true;
		}
		else
			zp_report(status, NULL, 0);
	}
}

ZpStatus
zp_registry_try_pin(ZpObjectKind kind, const char *name, ZpObject **object)
{
	ZpStatus	status;

	lock_registry(LW_EXCLUSIVE);
	status = find_name(kind, MyDatabaseId, name, object);
	if (status == ZP_OK)
	{
		if (zp_load_relaxed_u32(&(*object)->dropped) != 0)
			status = ZP_NOT_FOUND;
		else
			(*object)->pins++;
	}
	unlock_registry();
	return status;
}

ZpObject *
zp_registry_pin(ZpObjectKind kind, const char *name)
{
	ZpObject   *object = NULL;
	ZpStatus	status;

	zp_backend_start();
	status = zp_registry_try_pin(kind, name, &object);
	if (status == ZP_NOT_FOUND)
		return NULL;
	if (status != ZP_OK)
		zp_report(status, NULL, 0);
	ZP_POINT("object_pinned");
	return object;
}

void
zp_registry_leave_pool(ZpObject *object)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpPool	   *pool;

	/* A drop needs the lock before it touches the pool. */
	lock_registry(LW_SHARED);
	if (zp_load_relaxed_u32(&object->dropped) == 0)
	{
		map->map_failed = false;
		pool = zp_at(map, object->pool);
		if (!map->map_failed)
			(void) zp_pool_forget(map, pool, map->participant);
	}
	unlock_registry();
}

/* Takes the pool out of a dropped object's header: who gets it destroys it.  The lock is held. */
static ZpRef
claim_pool(ZpObject *object)
{
	ZpRef		pool = object->pool;

	object->pool = ZP_NULL_REF;
	return pool;
}

/* Destroys a pool that was claimed; what cannot be mapped here is left for a later attempt. */
static ZpStatus
destroy_claimed(ZpObject *object, ZpRef pool)
{
	ZpStatus	status = zp_pool_destroy(&zp_backend.map, pool);

	if (status != ZP_OK)
	{
		lock_registry(LW_EXCLUSIVE);
		object->pool = pool;
		unlock_registry();
	}
	return status;
}

void
zp_registry_unpin(ZpObject *object)
{
	ZpRef		pool = ZP_NULL_REF;
	bool		dropped;
	bool		last;

	lock_registry(LW_EXCLUSIVE);
	Assert(object->magic == ZP_OBJECT_MAGIC && object->pins > 0);
	dropped = zp_load_relaxed_u32(&object->dropped) != 0;

	/*
	 * A drop that met a token which is kept from call to call left the memory to whoever
	 * leaves: it is not to wait for those who have the object pinned and do nothing.
	 */
	if (dropped && object->pins > 1 && object->pool != ZP_NULL_REF &&
		object->trie != ZP_NULL_REF &&
		zp_trie_close_for_all(&zp_backend.map, object->trie) == ZP_OK)
		pool = claim_pool(object);
	if (pool == ZP_NULL_REF)
		object->pins--;
	last = object->pins == 0 && dropped;
	unlock_registry();
	if (pool != ZP_NULL_REF)
	{
		/* Still pinned: nobody frees the header meanwhile. */
		(void) destroy_claimed(object, pool);
		lock_registry(LW_EXCLUSIVE);
		object->pins--;
		last = object->pins == 0;
		unlock_registry();
	}
	if (last)
		destroy_object(object);
}

/* Tells those who wait on a futex that it was dropped. */
static void
wake_waiters(ZpObject *object)
{
	ZpSyncState *state;

	zp_backend.map.map_failed = false;
	state = zp_at(&zp_backend.map, object->sync);
	if (zp_backend.map.map_failed)
		return;
	while (zp_futex_queue_close(&zp_backend.map, &state->futex) == ZP_CANCELLED)
		CHECK_FOR_INTERRUPTS();
}

bool
zp_registry_drop(ZpObject *object)
{
	ZpStatus	status = ZP_OK;

	lock_registry(LW_EXCLUSIVE);
	if (zp_load_relaxed_u32(&object->dropped) != 0)
	{
		unlock_registry();
		return false;
	}
	zp_store_release_u32(&object->dropped, 1);
	forget_name(object);
	unlock_registry();
	zp_fetch_add_seq_cst_u32(&zp_backend.control->drops, 1);

	if (zp_is_sync_kind((ZpObjectKind) object->kind))
	{
		/* Waiters look at `dropped` themselves (futex_wait.c); this only is faster. */
		if (object->kind == ZP_OBJECT_FUTEX)
			wake_waiters(object);
		return true;
	}
	if (object->pool == ZP_NULL_REF)
		return true;
	if (object->trie != ZP_NULL_REF)
	{
		while ((status = zp_trie_close_for_all(&zp_backend.map, object->trie)) == ZP_BUSY)
			zp_pause(ZP_DROP_POLL_MS);
	}
	else
	{
		/* Who comes in from here on sees that it is dropped (zp_pool_enter). */
		zp_fence_seq_cst();
		while (zp_load_acquire_u32(&object->users) != 0)
			zp_pause(ZP_DROP_POLL_MS);
	}
	/* Who keeps a token sees that it is dropped at its next use, or rests; see unpin. */
	if (status == ZP_HELD)
		return true;
	if (status == ZP_OK)
	{
		ZpRef		pool;

		lock_registry(LW_EXCLUSIVE);
		pool = claim_pool(object);
		unlock_registry();
		if (pool != ZP_NULL_REF)
			status = destroy_claimed(object, pool);
	}
	if (status != ZP_OK)
		zp_report(status, NULL, 0);
	return true;
}

bool
zp_registry_allows(ZpObject *object, Oid role, uint32 privileges)
{
	ZpGrant    *grants;
	uint32		capacity = 8;
	uint32		count;
	uint32		found = 0;

	if (has_privs_of_role(role, object->owner))
		return true;

	/* Membership is looked up in the catalogs: not with the lock held. */
	for (;;)
	{
		grants = palloc(capacity * sizeof(ZpGrant));
		lock_registry(LW_SHARED);
		count = object->grant_count;
		if (count <= capacity && count > 0)
		{
			ZpGrant    *shared;

			zp_backend.map.map_failed = false;
			shared = zp_at(&zp_backend.map, object->grants);
			if (zp_backend.map.map_failed)
				count = 0;
			else
				memcpy(grants, shared, count * sizeof(ZpGrant));
		}
		unlock_registry();
		if (count <= capacity)
			break;
		pfree(grants);
		capacity = count;
	}
	for (uint32 i = 0; i < count && (privileges & ~found) != 0; i++)
	{
		if ((grants[i].privileges & privileges & ~found) != 0 &&
			(grants[i].role == InvalidOid || has_privs_of_role(role, grants[i].role)))
			found |= grants[i].privileges;
	}
	pfree(grants);
	return (privileges & ~found) == 0;
}

/*
 * Sets the rights of a role to (old & keep) | add, as a new block of grants.
 * Returns a failure of the core, or ZP_OK.
 */
static ZpStatus
change_grants(ZpObject *object, Oid role, uint32 keep, uint32 add)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpPool	   *pool = zp_backend.control_pool;
	ZpRef		new_ref = ZP_NULL_REF;
	ZpGrant    *old;
	ZpGrant    *new;
	uint32		new_count = 0;
	bool		met = false;
	ZpStatus	status = ZP_OK;

	lock_registry(LW_EXCLUSIVE);
	map->map_failed = false;
	old = object->grant_count > 0 ? zp_at(map, object->grants) : NULL;

	/* Worked out in private memory, whose size is known before anything is shared. */
	new = palloc((object->grant_count + 1) * sizeof(ZpGrant));
	if (map->map_failed)
		status = ZP_MAP_FAILED;
	else
	{
		for (uint32 i = 0; i < object->grant_count; i++)
		{
			ZpGrant		grant = old[i];

			if (grant.role == role)
			{
				grant.privileges = (grant.privileges & keep) | add;
				met = true;
			}
			if (grant.privileges != 0)
				new[new_count++] = grant;
		}
		if (!met && add != 0)
			new[new_count++] = (ZpGrant) {role, add};
		if (new_count > 0)
			status = zp_pool_alloc(map, pool, new_count * sizeof(ZpGrant), &new_ref);
	}
	if (status == ZP_OK && new_count > 0)
	{
		ZpGrant    *shared = zp_at(map, new_ref);

		if (map->map_failed)
		{
			(void) zp_pool_free(map, pool, new_ref, new_count * sizeof(ZpGrant));
			status = ZP_MAP_FAILED;
		}
		else
			memcpy(shared, new, new_count * sizeof(ZpGrant));
	}
	if (status == ZP_OK)
	{
		if (object->grants != ZP_NULL_REF)
			(void) zp_pool_free(map, pool, object->grants,
								object->grant_count * sizeof(ZpGrant));
		object->grants = new_ref;
		object->grant_count = new_count;
		zp_fetch_add_seq_cst_u32(&object->acl_generation, 1);
	}
	unlock_registry();
	pfree(new);
	return status;
}

void
zp_registry_grant(ZpObject *object, Oid role, uint32 privileges)
{
	ZpStatus	status = change_grants(object, role, ~(uint32) 0, privileges);

	if (status != ZP_OK)
		zp_report(status, NULL, 0);
}

void
zp_registry_revoke(ZpObject *object, Oid role, uint32 privileges)
{
	ZpStatus	status = change_grants(object, role, ~privileges, 0);

	if (status != ZP_OK)
		zp_report(status, NULL, 0);
}

/*
 * The first database at or after `database` that the registry has, or InvalidOid.
 * The lock is held.
 */
static Oid
next_database(ZpObjectKind kind, Oid database)
{
	unsigned char key[ZP_NAME_KEY_BYTES];
	unsigned char buffer[ZP_NAME_KEY_BYTES];
	size_t		key_bytes = make_key(key, kind, database, "");
	ZpCursor	cursor;
	ZpEntry		entry;
	size_t		count;
	size_t		needed;
	Oid			found = InvalidOid;

	zp_cursor_begin(&cursor, &zp_backend.names);
	if (zp_cursor_seek(&cursor, key, key_bytes, false) == ZP_OK &&
		zp_cursor_read(&cursor, ZP_FORWARD, &entry, 1, buffer, sizeof(buffer),
					   &count, &needed) == ZP_OK &&
		entry.key[0] == (unsigned char) kind)
		found = database_of_key(entry.key);
	zp_cursor_end(&cursor);
	return found;
}

/* An object of a database, pinned; or NULL: there is none. */
static ZpObject *
pin_any(ZpObjectKind kind, Oid database)
{
	unsigned char key[ZP_NAME_KEY_BYTES];
	unsigned char buffer[16 * ZP_NAME_KEY_BYTES];
	size_t		key_bytes = make_key(key, kind, database, "");
	ZpObject   *pinned = NULL;
	ZpCursor	cursor;
	ZpEntry		entries[16];
	size_t		count;
	size_t		needed;
	bool		more = true;

	lock_registry(LW_EXCLUSIVE);
	zp_cursor_begin(&cursor, &zp_backend.names);
	more = zp_cursor_seek(&cursor, key, key_bytes, false) == ZP_OK;
	while (more && pinned == NULL &&
		   zp_cursor_read(&cursor, ZP_FORWARD, entries, lengthof(entries),
						  buffer, sizeof(buffer), &count, &needed) == ZP_OK)
	{
		for (size_t i = 0; i < count && more && pinned == NULL; i++)
		{
			ZpObject   *object;

			more = entries[i].key[0] == (unsigned char) kind &&
				database_of_key(entries[i].key) == database;
			object = more ? object_at((ZpRef) entries[i].payload) : NULL;
			if (object != NULL && zp_load_relaxed_u32(&object->dropped) == 0)
			{
				object->pins++;
				pinned = object;
			}
		}
	}
	zp_cursor_end(&cursor);
	unlock_registry();
	return pinned;
}

/* Drops the objects of a kind whose databases are no more. */
static int
sweep_kind(ZpObjectKind kind)
{
	int			dropped = 0;
	Oid			database = InvalidOid;

	for (;;)
	{
		ZpObject   *object;

		lock_registry(LW_SHARED);
		database = next_database(kind, database + 1);
		unlock_registry();
		if (database == InvalidOid)
			return dropped;
		if (database == MyDatabaseId ||
			SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database)))
			continue;
		while ((object = pin_any(kind, database)) != NULL)
		{
			/* An interrupt must not leave the pin behind. */
			PG_TRY();
			{
				if (zp_registry_drop(object))
					dropped++;
			}
			PG_FINALLY();
			{
				zp_registry_unpin(object);
			}
			PG_END_TRY();
		}
	}
}

int
zp_registry_sweep(void)
{
	int			dropped = 0;

	zp_backend_start();
	for (size_t i = 0; i < lengthof(all_kinds); i++)
		dropped += sweep_kind(all_kinds[i]);
	return dropped;
}

bool
zp_pool_stats_at(ZpRef ref, ZpPoolStats *stats)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpPool	   *pool;

	map->map_failed = false;
	pool = zp_at(map, ref);
	if (!map->map_failed)
		zp_pool_stats(map, pool, stats);
	return !map->map_failed;
}

/* Copies what there is to see of a counter, flag or futex; false: it cannot be mapped. */
static bool
look_at_sync_state(const ZpObject *object, ZpObjectInfo *info)
{
	ZpSyncState *state;

	zp_backend.map.map_failed = false;
	state = zp_at(&zp_backend.map, object->sync);
	if (zp_backend.map.map_failed)
		return false;
	info->waiters = 0;
	if (object->kind == ZP_OBJECT_COUNTER)
		info->value = zp_counter_get_relaxed(&state->counter);
	else if (object->kind == ZP_OBJECT_FLAG)
		info->value = zp_flag_test_acquire(&state->flag);
	else
	{
		info->value = (int32) zp_futex_queue_load_acquire(&state->futex);
		info->waiters = zp_futex_queue_waiting_relaxed(&state->futex);
	}
	return true;
}

ZpImageState *
zp_registry_image_state(ZpObject *object)
{
	ZpImageState *state;

	zp_backend.map.map_failed = false;
	state = zp_at(&zp_backend.map, object->image);
	return zp_backend.map.map_failed ? NULL : state;
}

/* Copies the state of an image; false: it cannot be mapped. */
static bool
look_at_image(ZpObject *object, ZpObjectInfo *info)
{
	ZpImageState *state = zp_registry_image_state(object);

	if (state == NULL)
		return false;
	/* Figures to look at; a torn one among them would do no harm. */
	memcpy(&info->image, state, sizeof(*state));
	return true;
}

ZpObject *
zp_registry_pin_idle_image(ZpObject *except, TimestampTz before)
{
	unsigned char key[ZP_NAME_KEY_BYTES];
	unsigned char buffer[16 * ZP_NAME_KEY_BYTES];
	size_t		key_bytes = make_key(key, ZP_OBJECT_IMAGE, InvalidOid, "");
	ZpObject   *oldest = NULL;
	uint64		oldest_use = 0;
	ZpCursor	cursor;
	ZpEntry		entries[16];
	size_t		count;
	size_t		needed;
	bool		more;

	lock_registry(LW_EXCLUSIVE);
	zp_cursor_begin(&cursor, &zp_backend.names);
	more = zp_cursor_seek(&cursor, key, key_bytes, false) == ZP_OK;
	while (more &&
		   zp_cursor_read(&cursor, ZP_FORWARD, entries, lengthof(entries),
						  buffer, sizeof(buffer), &count, &needed) == ZP_OK)
	{
		for (size_t i = 0; i < count; i++)
		{
			ZpObject   *object;
			ZpImageState *state;
			uint64		used;

			more = entries[i].key[0] == (unsigned char) ZP_OBJECT_IMAGE;
			if (!more)
				break;
			object = object_at((ZpRef) entries[i].payload);
			if (object == NULL || object == except || object->trie == ZP_NULL_REF ||
				zp_load_relaxed_u32(&object->dropped) != 0)
				continue;
			state = zp_registry_image_state(object);
			if (state == NULL)
				continue;
			used = zp_load_relaxed_u64(&state->used_at);
			if ((TimestampTz) used < before && (oldest == NULL || used < oldest_use))
			{
				oldest = object;
				oldest_use = used;
			}
		}
	}
	zp_cursor_end(&cursor);
	if (oldest != NULL)
		oldest->pins++;
	unlock_registry();
	return oldest;
}

/* What sessions keep in a pool; false: somebody's record cannot be mapped. */
static bool
read_caches(ZpRef ref, ZpObjectInfo *info)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpStatus	status;
	uint32		most = 0;
	ZpPool	   *pool;

	map->map_failed = false;
	pool = zp_at(map, ref);
	if (map->map_failed)
		return false;
	info->caches = NULL;
	while ((status = zp_pool_caches(map, pool, info->caches, most, &info->cache_count)) == ZP_OK &&
		   info->cache_count > most)
	{
		most = info->cache_count + 4;
		info->caches = palloc(most * sizeof(ZpPoolCache));
	}
	return status == ZP_OK;
}

static ZpObjectInfo *
list_objects(ZpObjectKind kind, Oid database, bool with_caches, int *count)
{
	int			capacity = 16;
	ZpObjectInfo *infos = palloc(capacity * sizeof(ZpObjectInfo));
	unsigned char key[ZP_NAME_KEY_BYTES];
	unsigned char buffer[16 * ZP_NAME_KEY_BYTES];
	size_t		key_bytes = make_key(key, kind, database, "");
	ZpCursor	cursor;
	ZpEntry		entries[16];
	size_t		batch;
	size_t		needed;
	ZpStatus	status;

	*count = 0;
	zp_backend_start();

	/* A drop needs the lock before it touches anything: all that we meet stays. */
	lock_registry(LW_SHARED);
	zp_cursor_begin(&cursor, &zp_backend.names);
	PG_TRY();
	{
		bool		more = true;

		status = zp_cursor_seek(&cursor, key, key_bytes, false);
		while (status == ZP_OK && more)
		{
			status = zp_cursor_read(&cursor, ZP_FORWARD, entries, lengthof(entries),
									buffer, sizeof(buffer), &batch, &needed);
			for (size_t i = 0; status == ZP_OK && i < batch; i++)
			{
				ZpObject   *object;
				ZpObjectInfo *info;

				more = entries[i].key[0] == (unsigned char) kind &&
					(database == InvalidOid || database_of_key(entries[i].key) == database);
				if (!more)
					break;
				object = object_at((ZpRef) entries[i].payload);
				if (object == NULL || zp_load_relaxed_u32(&object->dropped) != 0)
					continue;
				if (*count == capacity)
				{
					capacity *= 2;
					infos = repalloc(infos, capacity * sizeof(ZpObjectInfo));
				}
				info = &infos[(*count)++];
				info->kind = (ZpObjectKind) object->kind;
				info->database = object->database;
				info->owner = object->owner;
				memcpy(info->name, object->name, ZP_NAME_BYTES);
				info->value_type = (ZpValueType) object->value_type;
				info->pool_level = (ZpPoolLevel) object->pool_level;
				if (kind == ZP_OBJECT_TRIE &&
					zp_trie_access_at(&zp_backend.map, object->trie, &info->access) != ZP_OK)
				{
					status = ZP_MAP_FAILED;
					break;
				}
				info->max_bytes = object->max_bytes;
				info->created = object->created;
				info->cache_count = 0;
				info->caches = NULL;
				memset(&info->pool, 0, sizeof(info->pool));
				if ((object->sync != ZP_NULL_REF && !look_at_sync_state(object, info)) ||
					(object->image != ZP_NULL_REF && !look_at_image(object, info)) ||
					(object->pool != ZP_NULL_REF &&
					 (!zp_pool_stats_at(object->pool, &info->pool) ||
					  (with_caches && !read_caches(object->pool, info)))))
				{
					status = ZP_MAP_FAILED;
					break;
				}
			}
		}
	}
	PG_FINALLY();
	{
		zp_cursor_end(&cursor);
	}
	PG_END_TRY();
	unlock_registry();
	if (status != ZP_OK && status != ZP_END)
		zp_report(status, NULL, 0);
	return infos;
}

ZpObjectInfo *
zp_registry_list(ZpObjectKind kind, Oid database, int *count)
{
	return list_objects(kind, database, false, count);
}

ZpObjectInfo *
zp_registry_list_caches(ZpObjectKind kind, Oid database, int *count)
{
	return list_objects(kind, database, true, count);
}
