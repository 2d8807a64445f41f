/*
 * token_handle.c
 *	  Tokens that users hold from statement to statement, and the locks that go with them.
 *
 * The lock's tag is LOCKTAG_USERLOCK: a kind that PostgreSQL keeps for contrib modules and no
 * SQL function can take, so no advisory lock (LOCKTAG_ADVISORY) is ever in our way; and, unlike
 * LOCKTAG_OBJECT, one that may be taken in every mode on a standby.  It names the database
 * and the number of the trie, which is never given twice.  pg_locks has it as "userlock":
 * classid and objid are the halves of that number, objsubid is ZP_LOCK_CLASS.  The method is
 * DEFAULT_LOCKMETHOD, so that pg_advisory_unlock_all and DISCARD leave it alone.
 *
 * A lock is taken before its token, and let go after it, so who gets the lock finds nobody in
 * the core that keeps anything for longer than a call.  PostgreSQL releases the locks at the
 * end of the (sub)transaction, after it called us, whatever ends it; at FATAL, too, our
 * callback at the end of the backend comes first.
 */
#include "compat.h"

#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "shm/report.h"
#include "shm/token_handle.h"
#include "shm/waits.h"

#define ZP_LOCK_CLASS 0x5a70		/* "Zp" */

static dlist_head tokens = DLIST_STATIC_INIT(tokens);
static uint32 last_number = 0;

static void
make_tag(const ZpHandle *handle, LOCKTAG *tag)
{
	tag->locktag_field1 = handle->object->database;
	tag->locktag_field2 = (uint32) (handle->object_id >> 32);
	tag->locktag_field3 = (uint32) handle->object_id;
	tag->locktag_field4 = ZP_LOCK_CLASS;
	tag->locktag_type = LOCKTAG_USERLOCK;
	tag->locktag_lockmethodid = DEFAULT_LOCKMETHOD;
}

bool
zp_trie_lock(ZpHandle *handle, LOCKMODE mode, ResourceOwner owner, bool nowait)
{
	ResourceOwner before = CurrentResourceOwner;
	LockAcquireResult result = LOCKACQUIRE_NOT_AVAIL;
	LOCKTAG		tag;

	make_tag(handle, &tag);
	CurrentResourceOwner = owner;
	PG_TRY();
	{
		result = LockAcquire(&tag, mode, false, true);
		if (result == LOCKACQUIRE_NOT_AVAIL && !nowait)
		{
			if (handle->open)
				zp_pass_count_wait(&handle->session.pass);
			result = LockAcquire(&tag, mode, false, false);
		}
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = before;
	}
	PG_END_TRY();
	return result != LOCKACQUIRE_NOT_AVAIL;
}

void
zp_trie_unlock(ZpHandle *handle, LOCKMODE mode, ResourceOwner owner)
{
	ResourceOwner before = CurrentResourceOwner;
	LOCKTAG		tag;

	make_tag(handle, &tag);
	CurrentResourceOwner = owner;
	(void) LockRelease(&tag, mode, false);
	CurrentResourceOwner = before;
}

void
zp_handle_ask_to_stand(ZpHandle *handle)
{
	(void) zp_trie_lock(handle, RowExclusiveLock, TopTransactionResourceOwner, false);
	handle->session.pass.asked = true;
}

void
zp_handle_rest(ZpHandle *handle)
{
	if (!handle->open || handle->kind != ZP_OBJECT_TRIE)
		return;
	zp_trie_rest(&handle->session);
	handle->session.pass.asked = false;
}

/* ---- tokens ---- */

void
zp_token_as_text(uint64 id, char *text)
{
	snprintf(text, ZP_TOKEN_TEXT_BYTES, "%u.%u", (uint32) (id >> 32), (uint32) id);
}

/* What a token of a kind locks, at a level. */
static LOCKMODE
mode_of(bool writer, ZpAccessLevel level)
{
	if (!writer)
		return AccessShareLock;
	return level == ZP_ACCESS_ONE_WRITER ? ShareRowExclusiveLock : RowExclusiveLock;
}

static void
report_not_now(ZpHandle *handle, bool writer)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 writer ?
			 errmsg("could not get a writer token of trie \"%s\"", handle->name) :
			 errmsg("could not get a reader token of trie \"%s\"", handle->name),
			 errdetail("Other sessions hold tokens of the trie, or change its access level."),
			 errhint("See the view zipora_tokens.")));
}

ZpSqlToken *
zp_token_hold(const char *name, size_t name_bytes, bool writer, bool nowait)
{
	ZpCall		call = {0};
	ZpSqlToken *token;
	ResourceOwner owner = CurTransactionResourceOwner;

	call.privileges = writer ? ZP_PRIVILEGE_WRITE : ZP_PRIVILEGE_READ;
	call.handle = zp_handle_open(name, name_bytes, call.privileges);
	token = MemoryContextAllocZero(TopMemoryContext, sizeof(ZpSqlToken));
	PG_TRY();
	{
		for (;;)
		{
			ZpHandle   *handle = call.handle;
			ZpAccessLevel level = zp_trie_access_level(&handle->session);
			LOCKMODE	mode = mode_of(writer, level);
			ZpStatus	status = ZP_BUSY;

			if (!zp_trie_lock(handle, mode, owner, nowait))
				report_not_now(handle, writer);
			/* With the lock, the level stays what it is. */
			if (zp_trie_access_level(&handle->session) == level)
				status = zp_hold_begin(&handle->session.pass, &token->hold, writer,
									   (uint64) GetCurrentTimestamp());
			if (status == ZP_OK)
			{
				token->handle = handle;
				token->mode = mode;
				break;
			}
			zp_trie_unlock(handle, mode, owner);
			if (status == ZP_BUSY)
				CHECK_FOR_INTERRUPTS();
			else if (status == ZP_HELD)
				zp_pause(1);
			else
				(void) zp_call_failed(&call, status, 0);
		}
	}
	PG_CATCH();
	{
		pfree(token);
		PG_RE_THROW();
	}
	PG_END_TRY();

	token->id = (uint64) MyProcPid << 32 | ++last_number;
	token->subtransaction = GetCurrentSubTransactionId();
	token->owner = owner;
	token->handle->users++;
	dlist_push_head(&tokens, &token->place);
	if (writer)
		token->handle->written = true;
	return token;
}

/* Ends a token, but for its lock. */
static void
forget_token(ZpSqlToken *token)
{
	ZpHandle   *handle = token->handle;
	bool		gone = token->hold.pass == NULL;

	zp_trie_end_token(&token->hold);
	/* What only this token held back goes now, whoever retired it. */
	if (!gone && !zp_handle_has_tokens(handle, false) &&
		handle->object->pool_level != ZP_POOL_NO_LOCK)
		(void) zp_trie_reclaim(&handle->session);
	handle->users--;
	dlist_delete(&token->place);
	pfree(token);
}

void
zp_token_let_go(ZpSqlToken *token)
{
	ZpHandle   *handle = token->handle;
	LOCKMODE	mode = token->mode;
	ResourceOwner owner = token->owner;
	bool		gone = token->hold.pass == NULL;

	forget_token(token);
	if (!gone)
		zp_trie_unlock(handle, mode, owner);
}

ZpSqlToken *
zp_token_find(uint64 id)
{
	dlist_iter	iter;

	dlist_foreach(iter, &tokens)
	{
		ZpSqlToken *token = dlist_container(ZpSqlToken, place, iter.cur);

		if (token->id == id)
			return token->hold.pass != NULL ? token : NULL;
	}
	return NULL;
}

ZpSqlToken *
zp_token_require(uint64 id)
{
	ZpSqlToken *token = zp_token_find(id);
	char		text[ZP_TOKEN_TEXT_BYTES];

	if (likely(token != NULL))
		return token;
	zp_token_as_text(id, text);
	if ((uint32) (id >> 32) != (uint32) MyProcPid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("token %s belongs to another session", text),
				 errhint("Tokens can be used by the session that got them only.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("token %s is not held", text),
			 errdetail("It was released, or the transaction that got it has ended.")));
	return NULL;
}

bool
zp_handle_has_tokens(ZpHandle *handle, bool writers_only)
{
	const ZpPass *pass = &handle->session.pass;

	return handle->open && (writers_only ? pass->held_writers > 0 : pass->holds != NULL);
}

/* ---- ends ---- */

/* A prepared transaction has no session that could hold anything. */
void
zp_tokens_before_prepare(void)
{
	if (!dlist_is_empty(&tokens))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that holds tokens of tries"),
				 errhint("Release them with zipora_release_token.")));
	zp_handles_rest(true);
}

void
zp_tokens_end_transaction(void)
{
	while (!dlist_is_empty(&tokens))
		forget_token(dlist_head_element(ZpSqlToken, place, &tokens));
}

void
zp_tokens_end_subtransaction(bool aborted, SubTransactionId ended, SubTransactionId parent)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &tokens)
	{
		ZpSqlToken *token = dlist_container(ZpSqlToken, place, iter.cur);

		if (token->subtransaction != ended)
			continue;
		if (aborted)
			forget_token(token);
		else
		{
			/* The lock goes to the parent's owner, too. */
			token->subtransaction = parent;
			token->owner = ResourceOwnerGetParent(token->owner);
		}
	}
}

void
zp_tokens_close_all(void)
{
	zp_tokens_end_transaction();
}
