/*
 * access.c
 *	  The five access levels: admission, holds, and changes of a live object's level.
 *
 * README.md has the protocol and why it is right.  In short: whoever begins says so in its
 * token (a version; and `writing`), fences, and then looks at the access word; whoever
 * changes the level changes the word, fences for all, and then looks at the tokens.  So
 * either the one sees the word changed, and asks anew, or the other sees the token.
 *
 * The lock of the one writer is a word: 0, or the participant that has it, with a bit that
 * says that somebody sleeps, and one that says that it is kept from call to call: then a
 * futex is no place to wait (nobody looks for deadlocks there), and ZP_HELD is answered.
 */
#include "sync/access.h"

#include "port/backoff.h"
#include "port/point.h"
#include "sync/token_internal.h"

#define WRITER_WAITED	0x80000000u
#define WRITER_KEPT		0x40000000u

const char *
zp_access_level_name(ZpAccessLevel level)
{
	switch (level)
	{
		case ZP_ACCESS_READ_ONLY:
			return "read_only";
		case ZP_ACCESS_SINGLE_STRICT:
			return "single_strict";
		case ZP_ACCESS_SINGLE_SHARED:
			return "single_shared";
		case ZP_ACCESS_ONE_WRITER:
			return "one_writer";
		case ZP_ACCESS_MULTI_WRITER:
			return "multi_writer";
	}
	return "not a ZpAccessLevel";
}

static inline bool
is_single(ZpAccessLevel level)
{
	return level == ZP_ACCESS_SINGLE_STRICT || level == ZP_ACCESS_SINGLE_SHARED;
}

void
zp_access_init(ZpVersions *versions, ZpAccessLevel level, uint32_t owner)
{
	zp_store_relaxed_u32(&versions->owner, is_single(level) ? owner : 0);
	zp_store_release_u32(&versions->access, ZP_ACCESS_GENERATION | (uint32_t) level);
}

void
zp_pass_init(ZpPass *pass, ZpArenaMap *map, ZpVersions *versions, ZpToken *token)
{
	*pass = (ZpPass) {.token = token,.map = map,.versions = versions};
}

static void
set_standing(ZpPass *pass, uint32_t standing)
{
	pass->standing = standing;
	zp_store_release_u32(&pass->token->standing, standing);
}

static void
count_one(ZpAtomicU64 *counter)
{
	zp_store_relaxed_u64(counter, zp_load_relaxed_u64(counter) + 1);
}

void
zp_pass_count_wait(ZpPass *pass)
{
	count_one(&pass->token->waits);
}

/* ---- the lock of the one writer ---- */

/* ZP_OK, ZP_HELD, ZP_CANCELLED.  The token is not held meanwhile, unless by a hold. */
static ZpStatus
lock_writer(ZpPass *pass)
{
	ZpAtomicU32 *word = &pass->versions->writer;
	ZpBackoff	backoff = ZP_BACKOFF_INIT;

	for (;;)
	{
		uint32_t	seen = zp_load_relaxed_u32(word);

		if (seen == 0)
		{
			if (zp_cas_acquire_u32(word, &seen, pass->map->participant))
			{
				pass->locked = true;
				return ZP_OK;
			}
			continue;
		}
		if (seen & WRITER_KEPT)
			return ZP_HELD;
		if (zp_backoff_pause(&backoff))
			continue;
		if (!(seen & WRITER_WAITED))
		{
			if (!zp_cas_acquire_u32(word, &seen, seen | WRITER_WAITED))
				continue;
			seen |= WRITER_WAITED;
		}
		count_one(&pass->token->waits);
		if (zp_futex_wait(word, seen, ZP_WAIT_FOREVER, pass->map->hooks) == ZP_CANCELLED)
			return ZP_CANCELLED;
	}
}

void
zp_pass_unlock_writer(ZpPass *pass)
{
	ZpAtomicU32 *word = &pass->versions->writer;

	pass->locked = false;
	if (ZP_UNLIKELY(zp_exchange_release_u32(word, 0) & WRITER_WAITED))
		(void) zp_futex_wake_all(word);
}

/* The lock is ours, and will be kept: sleepers go and wait elsewhere. */
static void
keep_writer(ZpPass *pass)
{
	ZpAtomicU32 *word = &pass->versions->writer;

	if (zp_fetch_or_relaxed_u32(word, WRITER_KEPT) & WRITER_WAITED)
		(void) zp_futex_wake_all(word);
}

/* ---- admission ---- */

/*
 * No operation is under way: what is not kept by a hold is given up, the token and the
 * writer's lock.
 */
static void
give_up(ZpPass *pass)
{
	ZpToken    *token = pass->token;

	/* Release: what was written is seen by who finds us gone. */
	zp_store_release_u32(&token->writing, pass->held_writers > 0 ? 1 : 0);
	if (pass->holds == NULL)
		zp_token_release(token);
	if (pass->standing & ZP_STANDING_LEVEL)
		set_standing(pass, pass->standing & ~ZP_STANDING_LEVEL);
	if (pass->locked && pass->held_writers == 0)
		zp_pass_unlock_writer(pass);
}

void
zp_pass_rest(ZpPass *pass)
{
	zp_pass_publish(pass);
	if (pass->standing & ZP_STANDING_LEVEL)
		give_up(pass);
}

/* Sleeps until the access word is another one.  ZP_OK or ZP_CANCELLED. */
static ZpStatus
wait_for_change(ZpPass *pass, uint32_t access)
{
	count_one(&pass->token->waits);
	return zp_futex_wait(&pass->versions->access, access, ZP_WAIT_FOREVER,
						 pass->map->hooks) == ZP_CANCELLED ? ZP_CANCELLED : ZP_OK;
}

/*
 * The object is this participant's, or becomes it: ZP_OK or ZP_OWNED.  If the level is
 * another one meanwhile, taking it means nothing, and the caller looks.
 */
static ZpStatus
take_object(ZpPass *pass)
{
	uint32_t	nobody = 0;

	if (zp_load_acquire_u32(&pass->versions->owner) == pass->map->participant)
		return ZP_OK;
	if (!zp_cas_acq_rel_u32(&pass->versions->owner, &nobody, pass->map->participant))
		return ZP_OWNED;
	pass->owns = true;
	return ZP_OK;
}

/* Whether an operation may go on at an access value.  May take the object, and the lock. */
static ZpStatus
may_enter(ZpPass *pass, uint32_t access, bool write)
{
	ZpAccessLevel level = (ZpAccessLevel) (access & ZP_ACCESS_LEVEL);
	ZpStatus	status;

	if (write && level == ZP_ACCESS_READ_ONLY)
		return ZP_READ_ONLY;
	if (is_single(level))
	{
		status = take_object(pass);
		if (status != ZP_OK)
			return status;
		if (level == ZP_ACCESS_SINGLE_STRICT && pass->asks && !pass->asked)
			return ZP_ASK_FIRST;
	}
	if (write && level == ZP_ACCESS_ONE_WRITER && pass->held_writers == 0)
		return lock_writer(pass);
	return ZP_OK;
}

/* While a change is under way only those wait of whom it must know. */
static bool
must_wait(const ZpPass *pass, uint32_t access, bool write)
{
	if (!(access & ZP_ACCESS_CHANGING))
		return false;
	return (write && pass->held_writers == 0) ||
		(is_single((ZpAccessLevel) (access & ZP_ACCESS_LEVEL)) &&
		 zp_load_acquire_u32(&pass->versions->owner) != pass->map->participant);
}

ZpStatus
zp_pass_admit(ZpPass *pass, bool write)
{
	ZpVersions *versions = pass->versions;
	ZpToken    *token = pass->token;
	ZpAccessLevel level;
	uint32_t	access;
	bool		stands;

	for (;;)
	{
		ZpStatus	status;

		give_up(pass);
		access = zp_load_acquire_u32(&versions->access);
		level = (ZpAccessLevel) (access & ZP_ACCESS_LEVEL);
		if (access & ZP_ACCESS_CLOSED)
			return ZP_DROPPED;
		if (!pass->changing && must_wait(pass, access, write))
		{
			status = wait_for_change(pass, access);
			if (status != ZP_OK)
				return status;
			continue;
		}
		/* Who changes the level looks at the object, whosever it is. */
		status = pass->changing && !write ? ZP_OK : may_enter(pass, access, write);
		if (status != ZP_OK)
		{
			/* What it was refused for may not be so any more. */
			if (status != ZP_CANCELLED && zp_load_acquire_u32(&versions->access) != access)
				continue;
			return status;
		}
		ZP_POINT("admit_before_token");
		stands = !(access & ZP_ACCESS_CHANGING) &&
			(level == ZP_ACCESS_READ_ONLY || level == ZP_ACCESS_SINGLE_STRICT);
		if (write || (stands && level == ZP_ACCESS_SINGLE_STRICT))
			zp_store_relaxed_u32(&token->writing, 1);
		if (pass->holds == NULL)
			zp_store_release_u64(&token->version, zp_load_acquire_u64(&versions->current));
		zp_fence_seq_cst();
		if (zp_load_acquire_u32(&versions->access) == access)
			break;
	}

	pass->acquired++;
	zp_pass_publish(pass);
	if (access != pass->access)
	{
		count_one(&token->misses);
		if (pass->access != 0)
			count_one(&token->invalidations);
	}
	pass->access = access;
	if (stands)
		set_standing(pass, pass->standing | ZP_STANDING_LEVEL);
	return ZP_OK;
}

void
zp_pass_end_write_standing(ZpPass *pass)
{
	/* At single_strict nothing was begun. */
	if (pass->standing & ZP_STANDING_LEVEL)
		return;
	zp_store_release_u32(&pass->token->writing, pass->held_writers > 0 ? 1 : 0);
	if (pass->locked && pass->held_writers == 0)
		zp_pass_unlock_writer(pass);
}

void
zp_pass_reclaim(ZpPass *pass, ZpPool *pool)
{
	ZpToken    *token = pass->token;

	zp_pass_publish(pass);
	if (pass->standing != ZP_STANDING_LEVEL)
	{
		zp_lazy_reclaim(pass->map, pass->versions, pool, token);
		return;
	}
	/* Between operations a standing token refers to nothing: it comes back at a later version. */
	zp_token_release(token);
	zp_lazy_reclaim(pass->map, pass->versions, pool, token);
	ZP_POINT("reclaim_standing");
	zp_store_release_u64(&token->version, zp_load_acquire_u64(&pass->versions->current));
	zp_fence_seq_cst();

	/* A drop may have found us gone; then it is as if we had rested. */
	if (zp_load_acquire_u32(&pass->versions->access) & ZP_ACCESS_CLOSED)
		give_up(pass);
}

/* ---- holds ---- */

/* Says what is held of a kind. */
static void
show_holds(ZpPass *pass, bool writer)
{
	ZpHeldTokens *shown = &pass->token->held[writer ? 1 : 0];
	const ZpHold *oldest = NULL;
	uint32_t	count = 0;

	for (const ZpHold *hold = pass->holds; hold != NULL; hold = hold->next)
	{
		if (hold->writer != writer)
			continue;
		if (oldest == NULL)
			oldest = hold;
		count++;
	}
	zp_store_relaxed_u64(&shown->version, oldest != NULL ? oldest->version : 0);
	zp_store_relaxed_u64(&shown->since, oldest != NULL ? oldest->since : 0);
	zp_store_release_u32(&shown->count, count);
}

ZpStatus
zp_hold_begin(ZpPass *pass, ZpHold *hold, bool writer, uint64_t since)
{
	ZpHold	  **place = &pass->holds;
	ZpStatus	status;

	*hold = (ZpHold) {.writer = writer,.since = since};
	status = zp_pass_admit(pass, writer);
	if (status != ZP_OK)
		return status;

	/* A younger hold's version is not in the token, which has the oldest one's, but will be. */
	if (pass->holds == NULL)
		hold->version = zp_load_relaxed_u64(&pass->token->version);
	else
	{
		hold->version = zp_load_acquire_u64(&pass->versions->current);
		/* What is met from here on was stamped with this version or a later one. */
		zp_fence_seq_cst();
	}
	hold->pass = pass;
	while (*place != NULL)
		place = &(*place)->next;
	*place = hold;
	set_standing(pass, pass->standing | ZP_STANDING_HOLD);
	if (writer)
	{
		pass->held_writers++;
		if (pass->locked && pass->held_writers == 1)
			keep_writer(pass);
	}
	show_holds(pass, writer);
	return ZP_OK;
}

void
zp_hold_end(ZpHold *hold)
{
	ZpPass	   *pass = hold->pass;
	ZpHold	  **place = &pass->holds;

	while (*place != hold)
		place = &(*place)->next;
	*place = hold->next;
	hold->pass = NULL;
	if (hold->writer)
		pass->held_writers--;
	show_holds(pass, hold->writer);
	if (pass->holds != NULL)
		zp_store_release_u64(&pass->token->version, pass->holds->version);
	else
		set_standing(pass, pass->standing & ~ZP_STANDING_HOLD);
	give_up(pass);
}

/* The access word becomes another one that says the same: all are admitted anew. */
static void
renew_access(ZpVersions *versions)
{
	uint32_t	seen = zp_load_relaxed_u32(&versions->access);

	while (!zp_cas_acq_rel_u32(&versions->access, &seen, seen + ZP_ACCESS_GENERATION))
		;
	(void) zp_futex_wake_all(&versions->access);
}

void
zp_pass_leave(ZpPass *pass)
{
	uint32_t	ours = pass->map->participant;

	if (pass->changing)
		zp_access_change_undo(pass);
	while (pass->holds != NULL)
		zp_hold_end(pass->holds);
	give_up(pass);
	zp_pass_publish(pass);
	/*
	 * Release: whoever has the object next sees all that we did.  Another pass of this
	 * participant, if there is one, has been admitted as the owner's: it is to ask again.
	 */
	if (pass->owns && zp_cas_acq_rel_u32(&pass->versions->owner, &ours, 0))
		renew_access(pass->versions);
	pass->owns = false;
	pass->access = 0;
}

/* ---- changing the level ---- */

/* Sets level and CHANGING, with the next number; `closed` stays as it is. */
static void
set_access(ZpVersions *versions, uint32_t bits)
{
	uint32_t	seen = zp_load_relaxed_u32(&versions->access);
	uint32_t	next;

	do
		next = ((seen + ZP_ACCESS_GENERATION) & ~(uint32_t) (ZP_ACCESS_LEVEL | ZP_ACCESS_CHANGING))
			| bits;
	while (!zp_cas_acq_rel_u32(&versions->access, &seen, next));
	(void) zp_futex_wake_all(&versions->access);
}

ZpStatus
zp_access_change_begin(ZpPass *pass)
{
	ZpVersions *versions = pass->versions;

	if (pass->held_writers > 0 || pass->changing)
		return ZP_BAD_ARGUMENT;
	give_up(pass);
	for (;;)
	{
		uint32_t	seen = zp_load_acquire_u32(&versions->access);

		if (seen & ZP_ACCESS_CLOSED)
			return ZP_DROPPED;
		if (seen & ZP_ACCESS_CHANGING)
		{
			ZpStatus	status = wait_for_change(pass, seen);

			if (status != ZP_OK)
				return status;
		}
		else if (zp_cas_acq_rel_u32(&versions->access, &seen,
									(seen + ZP_ACCESS_GENERATION) | ZP_ACCESS_CHANGING))
			break;
	}
	pass->changing = true;
	return ZP_OK;
}

ZpStatus
zp_access_change_ready(ZpPass *pass)
{
	ZpArenaMap *map = pass->map;
	ZpVersions *versions = pass->versions;
	bool		busy = false;
	ZpToken    *token;

	/* Whoever begins after this barrier sees CHANGING; the others we see. */
	map->map_failed = false;
	if (!zp_fence_for_all(map, versions, pass->token))
		return map->map_failed ? ZP_MAP_FAILED : ZP_BUSY;
	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
	{
		if (token != pass->token && zp_load_acquire_u32(&token->writing) != 0)
			busy = true;
	}
	if (map->map_failed)
		return ZP_MAP_FAILED;
	return busy ? ZP_BUSY : ZP_OK;
}

void
zp_access_change_end(ZpPass *pass, ZpAccessLevel level)
{
	ZpVersions *versions = pass->versions;

	/* Before the level: whoever sees that sees whose the object is. */
	zp_store_release_u32(&versions->owner, is_single(level) ? pass->map->participant : 0);
	pass->owns = is_single(level);
	pass->changing = false;
	set_access(versions, (uint32_t) level);
}

void
zp_access_change_undo(ZpPass *pass)
{
	pass->changing = false;
	set_access(pass->versions,
			   zp_load_relaxed_u32(&pass->versions->access) & ZP_ACCESS_LEVEL);
}
