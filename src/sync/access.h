/*
 * access.h
 *	  The five access levels of an object, and how an operation is admitted.
 *
 *	  read_only		nobody writes; reading takes no token work
 *	  single_strict	one participant, which owns the object; no token work
 *	  single_shared	one participant, with a token for each operation
 *	  one_writer	one writer at a time, any readers
 *	  multi_writer	any writers, any readers
 *
 * The level, with a number that each change makes larger, is one word of ZpVersions.  A
 * participant's pass remembers the value at which it was admitted last: as long as that
 * is the word's value, an operation is admitted by one load and a comparison.
 *
 * At the levels without token work a pass *stands*: its first operation acquires the
 * token, the following ones only compare, and the token is released when the pass meets
 * another level or rests (zp_pass_rest, at the end of a transaction).
 *
 * A hold is a token that is kept from call to call, as long as its holder likes.  See
 * README.md for the protocol and its argument.
 */
#ifndef ZP_ACCESS_H
#define ZP_ACCESS_H

#include "sync/token.h"

typedef enum ZpAccessLevel
{
	ZP_ACCESS_READ_ONLY = 0,
	ZP_ACCESS_SINGLE_STRICT = 1,
	ZP_ACCESS_SINGLE_SHARED = 2,
	ZP_ACCESS_ONE_WRITER = 3,
	ZP_ACCESS_MULTI_WRITER = 4
} ZpAccessLevel;

#define ZP_ACCESS_LEVELS (ZP_ACCESS_MULTI_WRITER + 1)

/* Why a pass keeps its token between operations. */
#define ZP_STANDING_LEVEL	1u	/* its level needs no token for each operation */
#define ZP_STANDING_HOLD	2u	/* it has holds */

typedef struct ZpHold ZpHold;

/* A participant's way into an object; private, used by one thread. */
typedef struct ZpPass
{
	ZpToken    *token;
	uint32_t	access;			/* at which it was admitted; 0: never yet */
	uint32_t	standing;		/* ZP_STANDING_*, or 0 */
	uint64_t	acquired;		/* not yet in the token; see zp_pass_publish */
	bool		locked;			/* the lock of the one writer is ours */
	bool		changing;		/* we are changing the level */
	bool		owns;			/* it was this pass that took the object, at single_* */

	/*
	 * Standing at level single_strict is refused with ZP_ASK_FIRST unless `asked`: for a
	 * participant whose waits for what is kept from call to call are seen to elsewhere.
	 */
	bool		asks;
	bool		asked;
	uint32_t	held_writers;
	ZpHold	   *holds;			/* the oldest first */

	ZpArenaMap *map;
	ZpVersions *versions;
} ZpPass;

/* A token kept from call to call; private memory of its holder. */
struct ZpHold
{
	ZpPass	   *pass;			/* NULL: it is not, or no longer, held */
	ZpHold	   *next;			/* younger */
	bool		writer;
	uint64_t	version;		/* what is retired from it on is kept */
	uint64_t	since;
};

/* As SQL names it. */
extern const char *zp_access_level_name(ZpAccessLevel level);

/* Sets the level of an object that nobody else knows yet; owner: of single_*, or 0. */
extern void zp_access_init(ZpVersions *versions, ZpAccessLevel level, uint32_t owner);

static inline ZpAccessLevel
zp_access_level(const ZpVersions *versions)
{
	return (ZpAccessLevel) (zp_load_acquire_u32(&versions->access) & ZP_ACCESS_LEVEL);
}

/* The pass of a participant that has attached a token. */
extern void zp_pass_init(ZpPass *pass, ZpArenaMap *map, ZpVersions *versions, ZpToken *token);

/*
 * The end: holds become void, an owner leaves (the next participant that uses the object
 * has it), a change under way is undone.  The token can be detached then.
 */
extern void zp_pass_leave(ZpPass *pass);

/*
 * Between operations: a standing token is released, so that it holds back nothing, and
 * what was counted is published.
 */
extern void zp_pass_rest(ZpPass *pass);

/* Somebody waited elsewhere for what others keep from call to call. */
extern void zp_pass_count_wait(ZpPass *pass);

/* The slow ways of what follows. */
extern ZpStatus zp_pass_admit(ZpPass *pass, bool write);
extern void zp_pass_end_write_standing(ZpPass *pass);

/* Carries a version before any link is loaded. */
static inline void
zp_pass_acquire(ZpVersions *versions, ZpToken *token)
{
	/* Release: who sees it has also seen what the token's last owner did. */
	zp_store_release_u64(&token->version, zp_load_acquire_u64(&versions->current));
	if (ZP_LIKELY(zp_load_relaxed_u32(&token->light)))
		zp_barrier_light();
	else
		zp_fence_seq_cst();
}

/* Whether the access word is still that at which the pass was admitted; counted if it is. */
static inline bool
zp_pass_is_good(ZpPass *pass, const ZpVersions *versions)
{
	if (ZP_UNLIKELY(zp_load_acquire_u32(&versions->access) != pass->access))
		return false;
	pass->acquired++;
	return true;
}

/* Puts what was counted into the token, where others see it. */
static inline void
zp_pass_publish(ZpPass *pass)
{
	ZpToken    *token = pass->token;

	if (pass->acquired == 0)
		return;
	zp_store_relaxed_u64(&token->acquired, zp_load_relaxed_u64(&token->acquired) + pass->acquired);
	pass->acquired = 0;
}

/*
 * The most frequent way of the next function, for a pass that does not stand: true is ZP_OK,
 * and zp_token_release the end; after false zp_pass_admit is to be asked.
 */
static inline bool
zp_pass_try_read(ZpPass *pass, ZpVersions *versions)
{
	zp_pass_acquire(versions, pass->token);
	return ZP_LIKELY(zp_pass_is_good(pass, versions));
}

/*
 * The begin of an operation that reads.  ZP_OK; ZP_DROPPED, ZP_OWNED, ZP_ASK_FIRST,
 * ZP_CANCELLED (at level single_* only): it has not begun.
 */
static inline ZpStatus
zp_pass_begin_read(ZpPass *pass, ZpVersions *versions)
{
	if (ZP_LIKELY(pass->standing == 0))
	{
		if (zp_pass_try_read(pass, versions))
			return ZP_OK;
	}
	else if (ZP_LIKELY(zp_load_acquire_u32(&versions->access) == pass->access))
		return ZP_OK;
	return zp_pass_admit(pass, false);
}

static inline void
zp_pass_end_read(ZpPass *pass)
{
	if (ZP_LIKELY(pass->standing == 0))
		zp_token_release(pass->token);
}

/*
 * The begin of an operation that writes.  As for reading, and ZP_READ_ONLY; ZP_CANCELLED
 * while it waits for another writer or a change; ZP_HELD: at level one_writer another
 * participant holds a writer's token.
 */
static inline ZpStatus
zp_pass_begin_write(ZpPass *pass, ZpVersions *versions)
{
	uint32_t	level = pass->access & (ZP_ACCESS_LEVEL | ZP_ACCESS_CHANGING);
	uint32_t	nobody = 0;

	if (ZP_LIKELY(pass->standing == 0))
	{
		if (level == ZP_ACCESS_ONE_WRITER)
			pass->locked = zp_cas_acquire_u32(&versions->writer, &nobody, pass->map->participant);
		if (ZP_LIKELY(level == ZP_ACCESS_MULTI_WRITER || pass->locked ||
					  level == ZP_ACCESS_SINGLE_SHARED))
		{
			zp_store_relaxed_u32(&pass->token->writing, 1);
			zp_pass_acquire(versions, pass->token);
			if (ZP_LIKELY(zp_pass_is_good(pass, versions)))
				return ZP_OK;
		}
	}
	else if (level == ZP_ACCESS_SINGLE_STRICT && (pass->standing & ZP_STANDING_LEVEL) &&
			 zp_load_acquire_u32(&versions->access) == pass->access)
		return ZP_OK;
	return zp_pass_admit(pass, true);
}

extern void zp_pass_unlock_writer(ZpPass *pass);

static inline void
zp_pass_end_write(ZpPass *pass)
{
	if (ZP_LIKELY(pass->standing == 0))
	{
		/* Release: who changes the level sees all that was written. */
		zp_store_release_u32(&pass->token->writing, 0);
		zp_token_release(pass->token);
		if (pass->locked)
			zp_pass_unlock_writer(pass);
	}
	else
		zp_pass_end_write_standing(pass);
}

/*
 * To look at the object at whatever level it is, and whoever owns it: a bare token, or
 * what the pass has already.  ZP_DROPPED.
 */
static inline ZpStatus
zp_pass_enter(ZpPass *pass)
{
	return pass->standing != 0 ? ZP_OK : zp_token_acquire(pass->versions, pass->token);
}

/* Frees what nobody can see any more of this participant's list; not during an operation. */
extern void zp_pass_reclaim(ZpPass *pass, ZpPool *pool);

/*
 * A token from here to zp_hold_end, or until the pass leaves.  Operations of the pass need
 * no token of their own meanwhile.  `since` is for those who look.  Statuses as those of
 * the operations'; hold->pass is NULL unless ZP_OK.
 */
extern ZpStatus zp_hold_begin(ZpPass *pass, ZpHold *hold, bool writer, uint64_t since);
extern void zp_hold_end(ZpHold *hold);

/*
 * Changing the level of a live object.
 *
 *		zp_access_change_begin		no writer is admitted from now on, they wait
 *		zp_access_change_ready		ZP_BUSY while those that were are still there: ask again
 *		zp_access_change_end		the new level; at single_* the caller is the owner
 *		zp_access_change_undo		instead: the old one
 *
 * The caller has no writer's hold (ZP_BAD_ARGUMENT).  Begin waits for another change, and
 * may be ZP_CANCELLED, ZP_DROPPED.  Ready may be ZP_MAP_FAILED.  Between begin and end the
 * caller alone may change the object, with a bare token.
 */
extern ZpStatus zp_access_change_begin(ZpPass *pass);
extern ZpStatus zp_access_change_ready(ZpPass *pass);
extern void zp_access_change_end(ZpPass *pass, ZpAccessLevel level);
extern void zp_access_change_undo(ZpPass *pass);

#endif							/* ZP_ACCESS_H */
