/*
 * registry.h
 *	  Named objects of all databases: create, find, grant, drop.
 *
 * All functions but zp_registry_unpin may raise errors; none is to be called with
 * the root's lock held.
 */
#ifndef ZP_REGISTRY_H
#define ZP_REGISTRY_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "port/counter.h"
#include "port/flag.h"
#include "shm/image_state.h"
#include "sync/futex_queue.h"
#include "trie/trie.h"

#define ZP_OBJECT_MAGIC		0x5a704f62
#define ZP_NAME_BYTES		64	/* with the final NUL */

/* What a trie's keys carry, for its users. */
typedef enum ZpValueType
{
	ZP_VALUE_NONE,
	ZP_VALUE_BIGINT,
	ZP_VALUE_TEXT,
	ZP_VALUE_BYTEA,
	ZP_VALUE_JSONB
} ZpValueType;

#define ZP_VALUE_TYPES (ZP_VALUE_JSONB + 1)

/* What an object is; each kind has names of its own.  The values are in keys. */
typedef enum ZpObjectKind
{
	ZP_OBJECT_COUNTER = 'c',
	ZP_OBJECT_FLAG = 'f',
	ZP_OBJECT_IMAGE = 'i',		/* of an index; not named by users */
	ZP_OBJECT_POOL = 'p',
	ZP_OBJECT_TRIE = 't',
	ZP_OBJECT_FUTEX = 'w'
} ZpObjectKind;

/* Whether an object of the kind is a ZpSyncState; else it has a pool. */
static inline bool
zp_is_sync_kind(ZpObjectKind kind)
{
	return kind == ZP_OBJECT_COUNTER || kind == ZP_OBJECT_FLAG || kind == ZP_OBJECT_FUTEX;
}

/*
 * Shared: what a counter, flag or futex is.  In a cache line of its own, since the header
 * is read at every use.
 */
typedef union ZpSyncState
{
	ZpCounter	counter;
	ZpFlag		flag;
	ZpFutexQueue futex;
	char		line[ZP_CACHE_LINE_BYTES];
} ZpSyncState;

StaticAssertDecl(sizeof(ZpSyncState) == ZP_CACHE_LINE_BYTES, "one cache line each");

/* Mutexes of a pool's blocks for SQL; see pool_handle.h. */
#define ZP_BLOCK_MUTEXES 8

/* Rights on an object; a set of bits. */
typedef enum ZpPrivilege
{
	ZP_PRIVILEGE_READ = 1,
	ZP_PRIVILEGE_WRITE = 2,		/* comes with READ always */
	ZP_PRIVILEGE_OWN = 4		/* never granted: drop, grant, revoke */
} ZpPrivilege;

/* One grantee's rights. */
typedef struct ZpGrant
{
	Oid			role;			/* InvalidOid: public */
	uint32		privileges;
} ZpGrant;

/* Shared: the header of a named object; in the control pool. */
typedef struct ZpObject
{
	/* Constant from the moment that the object can be found. */
	uint32		magic;
	ZpRef		self;
	uint64		id;				/* never given twice */
	uint32		kind;			/* ZpObjectKind */
	Oid			database;
	Oid			owner;
	uint32		value_type;		/* ZpValueType; of a trie */
	uint32		pool_level;		/* ZpPoolLevel as asked for; the pool may have another */
	uint32		creator;		/* participant; at level no_lock the only one that writes */
	ZpRef		trie;			/* null: it is no trie */
	ZpRef		sync;			/* its ZpSyncState; null: it is none of those kinds */
	ZpRef		image;			/* its ZpImageState; null: it is no image */
	uint64		max_bytes;		/* 0: none */
	TimestampTz created;
	char		name[ZP_NAME_BYTES];

	/* Of a pool: operations that are inside; counted by atomic operations of anybody. */
	ZpAtomicU32 users;
	/* Of a pool: who writes, reads or frees a block holds the one of its ref. */
	ZpMutex		block_mutexes[ZP_BLOCK_MUTEXES];

	/*
	 * The trie's own pool, or the pool; null: destroyed, or about to be.  Changed under the root's
	 * lock, after `dropped` was set and nobody is inside, by who will destroy it.
	 */
	ZpRef		pool;

	/* Grows with each grant and revoke; read without a lock to find stale decisions. */
	ZpAtomicU32 acl_generation;
	/* 1: dropped.  Set under the root's lock; read with or without it. */
	ZpAtomicU32 dropped;

	/* All below is guarded by the root's lock. */
	bool		registered;		/* the registry still has it under its name */
	uint32		pins;			/* backends that point to it */
	ZpRef		grants;			/* block of ZpGrant, replaced as a whole; null: none */
	uint32		grant_count;
} ZpObject;

/* What zp_registry_create needs to know. */
typedef struct ZpObjectSpec
{
	ZpObjectKind kind;
	char		name[ZP_NAME_BYTES];
	ZpValueType value_type;
	ZpAccessLevel access;		/* of a trie or image; at single_* its first user will own it */
	ZpPoolOptions pool;

	/* Of an image only. */
	Oid			database;
	const ZpImageState *image;	/* what its state begins as; without a trie if ABSENT */
} ZpObjectSpec;

/* One object, as zp_registry_list copies it. */
typedef struct ZpObjectInfo
{
	ZpObjectKind kind;
	Oid			database;
	Oid			owner;
	char		name[ZP_NAME_BYTES];
	ZpValueType value_type;
	ZpAccessLevel access;		/* of a trie */
	ZpPoolLevel pool_level;
	uint64		max_bytes;
	TimestampTz created;
	ZpPoolStats pool;			/* of a trie or pool */
	int64		value;			/* of a counter, flag (0 or 1) or futex */
	uint32		waiters;		/* of a futex */
	ZpImageState image;			/* of an image: a copy */
	uint32		cache_count;	/* of zp_registry_list_caches */
	ZpPoolCache *caches;		/* what each session keeps in the pool */
} ZpObjectInfo;

/* The kind in words: trie, pool, counter, flag, futex. */
extern const char *zp_object_kind_name(ZpObjectKind kind);

/* false: an object of that kind and name is there already. */
extern bool zp_registry_create(const ZpObjectSpec *spec);

/*
 * The same for those who can do without, as they can without zp_backend_start: ZP_OK, ZP_EXISTS, or
 * why not.
 */
extern ZpStatus zp_registry_try_create(const ZpObjectSpec *spec);

/* As zp_registry_pin: ZP_OK, ZP_NOT_FOUND, or why not. */
extern ZpStatus zp_registry_try_pin(ZpObjectKind kind, const char *name, ZpObject **object);

/* The state of an image that the caller has pinned; NULL: it cannot be mapped. */
extern ZpImageState *zp_registry_image_state(ZpObject *object);

/*
 * Of the images with a trie, in all databases, the one whose last use is longest ago and before
 * `before` (TimestampTz), pinned; NULL: there is none.  Not `except`.
 */
extern ZpObject *zp_registry_pin_idle_image(ZpObject *except, TimestampTz before);

/* The object of a name in this database, pinned; NULL: there is none. */
extern ZpObject *zp_registry_pin(ZpObjectKind kind, const char *name);

/*
 * Gives back what this backend keeps in the object's pool, unless it was dropped: then
 * that goes with the pool.  Never throws.
 */
extern void zp_registry_leave_pool(ZpObject *object);

/*
 * Gives a pin back.  The last one of a dropped object frees all that is left of
 * it.  Never throws.
 */
extern void zp_registry_unpin(ZpObject *object);

/*
 * Drops an object that the caller has pinned: from now on nobody finds it, and who waits
 * on a futex is told.  Returns when its memory has been given back; when it is interrupted, or
 * sessions keep tokens of the trie, whoever unpins it last does that.  false: somebody else had
 * dropped it.
 */
extern bool zp_registry_drop(ZpObject *object);

/* Whether the role has these rights on an object that the caller has pinned. */
extern bool zp_registry_allows(ZpObject *object, Oid role, uint32 privileges);

/* Gives rights, or takes them; InvalidOid: public. */
extern void zp_registry_grant(ZpObject *object, Oid role, uint32 privileges);
extern void zp_registry_revoke(ZpObject *object, Oid role, uint32 privileges);

/* Drops what belongs to databases that are no more; returns how many objects. */
extern int	zp_registry_sweep(void);

/* Statistics of a pool by its ref.  False: it, or what it consists of, cannot be mapped here. */
extern bool zp_pool_stats_at(ZpRef ref, ZpPoolStats *stats);

/* Objects of a kind in one database, or (InvalidOid) in all, in an array palloc'd here. */
extern ZpObjectInfo *zp_registry_list(ZpObjectKind kind, Oid database, int *count);

/* The same, with what each session keeps in their pools. */
extern ZpObjectInfo *zp_registry_list_caches(ZpObjectKind kind, Oid database, int *count);

#endif							/* ZP_REGISTRY_H */
