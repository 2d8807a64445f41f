/*
 * token_handle.h
 *	  Tokens that users hold from statement to statement, and the locks that go with them.
 *
 * Waiting for what is held from statement to statement is PostgreSQL's lock manager's
 * business: it finds deadlocks, obeys lock_timeout and shows it all in pg_locks.  So each
 * such token, and whatever else must keep a change of level away, has a lock on its trie:
 *
 *	  reader's token				AccessShareLock
 *	  writer's token, several		RowExclusiveLock
 *	  writer's token, the only one	ShareRowExclusiveLock
 *	  at work at single_strict		RowExclusiveLock
 *	  change of level				ExclusiveLock; to single_*: AccessExclusiveLock
 *	  drop							AccessExclusiveLock
 */
#ifndef ZP_TOKEN_HANDLE_H
#define ZP_TOKEN_HANDLE_H

#include "shm/handle.h"

#include "storage/lock.h"
#include "utils/resowner.h"

typedef struct ZpSqlToken
{
	uint64		id;				/* process number << 32 | number among the session's */
	dlist_node	place;			/* among all of this backend */
	ZpHandle   *handle;
	ZpHold		hold;			/* hold.pass NULL: void, the trie is gone */
	LOCKMODE	mode;
	SubTransactionId subtransaction;	/* it ends with it, at the latest */
	ResourceOwner owner;		/* of the lock */
} ZpSqlToken;

/*
 * A lock on a handle's trie, owned by `owner`.  Waits, or with nowait answers false if it
 * would have to.  Raises an error for a deadlock, a timeout, a cancel.
 */
extern bool zp_trie_lock(ZpHandle *handle, LOCKMODE mode, ResourceOwner owner, bool nowait);
extern void zp_trie_unlock(ZpHandle *handle, LOCKMODE mode, ResourceOwner owner);

/* At level single_strict: takes the lock with which this transaction may stand. */
extern void zp_handle_ask_to_stand(ZpHandle *handle);

/* Between operations: what the session keeps for the next one is released. */
extern void zp_handle_rest(ZpHandle *handle);

/* A token of a trie of a name; raises an error if there can be none now. */
extern ZpSqlToken *zp_token_hold(const char *name, size_t name_bytes, bool writer, bool nowait);

/* The token of an id.  NULL: this session does not hold it, or its trie is gone. */
extern ZpSqlToken *zp_token_find(uint64 id);

/* The same; raises the error that says why not. */
extern ZpSqlToken *zp_token_require(uint64 id);

extern void zp_token_let_go(ZpSqlToken *token);

/* Whether this session holds tokens of a trie, of writers only or of all. */
extern bool zp_handle_has_tokens(ZpHandle *handle, bool writers_only);

/* "12345.1" */
#define ZP_TOKEN_TEXT_BYTES 32
extern void zp_token_as_text(uint64 id, char *text);

/* From the callbacks of backend.c. */
extern void zp_tokens_before_prepare(void);
extern void zp_tokens_end_transaction(void);
extern void zp_tokens_end_subtransaction(bool aborted, SubTransactionId ended,
										 SubTransactionId parent);
extern void zp_tokens_close_all(void);

#endif							/* ZP_TOKEN_HANDLE_H */
