/*
 * trie.h
 *	  A concurrent ordered map from byte strings to a payload, in an arena.
 *
 * An adaptive radix tree (Leis, Kemper, Neumann, ICDE 2013) whose nodes hold the
 * bytes of the key (a compressed path of any length), are exactly as large as
 * their contents and are replaced, not changed, when their shape changes.
 * Writers lock the nodes that they replace (the ROWEX protocol: Leis, Scheibner,
 * Kemper, Neumann, DaMoN 2016); readers never wait and never start again.
 *
 * Keys are compared as unsigned bytes; a prefix sorts before what it begins.
 * See README.md for the protocol and the node layout.
 */
#ifndef ZP_TRIE_H
#define ZP_TRIE_H

#include "mem/pool.h"
#include "sync/access.h"

#define ZP_MAX_KEY_BYTES	65536
#define ZP_MAX_VALUE_BYTES	((size_t) 1 << 30)

/* What a key carries. */
typedef enum ZpPayloadKind
{
	ZP_PAYLOAD_NONE = 0,		/* nothing: a set */
	ZP_PAYLOAD_FIXED = 1,		/* 8 bytes, in the node */
	ZP_PAYLOAD_BLOCK = 2		/* bytes of any length, in a block that the trie owns */
} ZpPayloadKind;

typedef struct ZpTrie ZpTrie;	/* shared; see node.h */

#define ZP_FINGER_BYTES		64

/*
 * Where the last key was appended behind all others: keys that come in order go there
 * without a walk.  The bucket is what it was as long as nobody has tried to free memory
 * since, that is, as long as the version is the same.
 */
typedef struct ZpFinger
{
	struct ZpBucket *bucket;	/* NULL: none */
	uint64_t	version;		/* the current one, while the bucket was in use */
	size_t		bytes;			/* of keys, before the bucket's path */
	uint32_t	low;			/* the next byte of keys that the bucket stands for: from low... */
	uint32_t	high;			/* ...below high */
	unsigned char prefix[ZP_FINGER_BYTES];
} ZpFinger;

/* One participant's use of a trie; private to it, used by one thread. */
typedef struct ZpTrieSession
{
	ZpArenaMap *map;
	ZpTrie	   *trie;
	ZpPool	   *pool;
	ZpToken    *token;
	ZpPass		pass;			/* how its operations are admitted */
	ZpPayloadKind payload_kind;
	uint32_t	entry_bytes;	/* of a key in a bucket: 8, and 8 for a payload */
	ZpFinger	finger;
} ZpTrieSession;

/*
 * Makes an empty trie, at access level multi_writer.  Its nodes, values and lazy free lists come from `pool`,
 * which must serve this trie alone; its own struct and the tokens, which sessions
 * point to, come from control_pool and outlive a drop until zp_trie_free.
 */
extern ZpStatus zp_trie_create(ZpArenaMap *map, ZpRef control_pool, ZpRef pool,
							   ZpPayloadKind kind, ZpRef *trie);

/* Sets the level of a trie that nobody else knows yet; owner: of single_*, or 0. */
extern ZpStatus zp_trie_init_access(ZpArenaMap *map, ZpRef trie, ZpAccessLevel level,
									uint32_t owner);

/* The level of a trie by its ref, without a session. */
extern ZpStatus zp_trie_access_at(ZpArenaMap *map, ZpRef trie, ZpAccessLevel *level);

/*
 * The first half of a drop: every operation that begins from now on answers
 * ZP_DROPPED.  ZP_BUSY while operations are still under way: sleep, call again.
 * ZP_HELD: the same, but all that are inside keep a token from call to call.
 * ZP_OK: nobody is inside and nobody will be; the caller destroys `pool`.
 */
extern ZpStatus zp_trie_close_for_all(ZpArenaMap *map, ZpRef trie);

/* The second half, once no session is open any more: frees the struct and the tokens. */
extern ZpStatus zp_trie_free(ZpArenaMap *map, ZpRef trie);

/* ZP_CORRUPTED if the ref is not a trie of this layout.  Costs a token. */
extern ZpStatus zp_trie_open(ZpArenaMap *map, ZpRef trie, ZpTrieSession *session);

/* Gives the token back, and what is held.  Not during an operation. */
extern void zp_trie_close(ZpTrieSession *session);

/*
 * Between operations: what the session keeps for the next one at levels read_only and
 * single_strict is released, so that nobody waits for it.  For the end of a transaction,
 * or whatever the caller's is.
 */
extern void zp_trie_rest(ZpTrieSession *session);

/*
 * Tokens by scope.  From the begin to the end nothing that is in the trie at the begin is
 * reused; a writer's token at level one_writer keeps all other writers out besides.  The
 * session's operations are done with it meanwhile.  `token` is the caller's memory; the
 * end may come at any time, but for during an operation, and in any order of several.
 * ZP_READ_ONLY, ZP_OWNED, ZP_HELD, ZP_ASK_FIRST, ZP_CANCELLED, ZP_DROPPED.
 */
extern ZpStatus zp_trie_begin_reader_token(ZpTrieSession *session, ZpHold *token);
extern ZpStatus zp_trie_begin_writer_token(ZpTrieSession *session, ZpHold *token);
extern void zp_trie_end_token(ZpHold *token);

/* The same around a call of a function, whose answer is returned. */
typedef ZpStatus (*ZpWithToken) (ZpTrieSession *session, const ZpHold *token, void *context);
extern ZpStatus zp_with_reader_token(ZpTrieSession *session, ZpWithToken function, void *context);
extern ZpStatus zp_with_writer_token(ZpTrieSession *session, ZpWithToken function, void *context);

/*
 * Changes the access level of a live trie: begin; until ready is ZP_OK, ask again (ZP_BUSY)
 * or undo; end.  See sync/access.h.
 */
extern ZpStatus zp_trie_change_begin(ZpTrieSession *session);
extern ZpStatus zp_trie_change_ready(ZpTrieSession *session);
extern void zp_trie_change_end(ZpTrieSession *session, ZpAccessLevel level);
extern void zp_trie_change_undo(ZpTrieSession *session);

static inline ZpAccessLevel
zp_trie_access_level(const ZpTrieSession *session)
{
	return zp_access_level(session->pass.versions);
}

/*
 * Between these two a drop waits, so that the caller may look at the pool (its
 * statistics).  ZP_DROPPED.  Not nested, and no other call in between.
 */
extern ZpStatus zp_trie_enter(ZpTrieSession *session);
extern void zp_trie_leave(ZpTrieSession *session);

/*
 * One key.  Each is atomic: another participant sees all of it or nothing.  A
 * key of over ZP_MAX_KEY_BYTES is refused with ZP_KEY_TOO_LONG.  All may return
 * ZP_MAP_FAILED; those that write may return ZP_OUT_OF_MEMORY, ZP_OVER_LIMIT and
 * ZP_CANCELLED (hooks->should_stop said so during a wait), all ZP_DROPPED.  Then nothing changed.
 * What the access level refuses is ZP_READ_ONLY, ZP_OWNED, ZP_HELD, ZP_ASK_FIRST.
 */

/* Adds a key if it is not there: ZP_OK or ZP_EXISTS.  FIXED or NONE (payload is ignored). */
extern ZpStatus zp_trie_insert(ZpTrieSession *session, const void *key, size_t key_bytes,
							   uint64_t payload);

/* Adds or replaces: ZP_OK (new) or ZP_EXISTS (replaced; the old payload in *old unless NULL). */
extern ZpStatus zp_trie_upsert(ZpTrieSession *session, const void *key, size_t key_bytes,
							   uint64_t payload, uint64_t *old);

/*
 * FIXED, as int64: adds delta to the payload, or adds the key with payload
 * delta.  *sum is what is there now.  ZP_OVERFLOW: nothing changed.
 */
extern ZpStatus zp_trie_increment(ZpTrieSession *session, const void *key, size_t key_bytes,
								  int64_t delta, int64_t *sum);

/* ZP_OK or ZP_NOT_FOUND. */
extern ZpStatus zp_trie_delete(ZpTrieSession *session, const void *key, size_t key_bytes);

/* ZP_OK or ZP_NOT_FOUND.  FIXED: the payload in *payload (may be NULL); else 0. */
extern ZpStatus zp_trie_lookup(ZpTrieSession *session, const void *key, size_t key_bytes,
							   uint64_t *payload);

/* BLOCK: the same with a value of up to ZP_MAX_VALUE_BYTES (else ZP_BAD_ARGUMENT). */
extern ZpStatus zp_trie_insert_value(ZpTrieSession *session, const void *key, size_t key_bytes,
									 const void *value, size_t value_bytes);
extern ZpStatus zp_trie_upsert_value(ZpTrieSession *session, const void *key, size_t key_bytes,
									 const void *value, size_t value_bytes);

/*
 * BLOCK: copies the value into buffer.  *value_bytes is its length, also when
 * the buffer was ZP_BUFFER_TOO_SMALL (then nothing is copied: ask again, the
 * value may have changed meanwhile).
 */
extern ZpStatus zp_trie_lookup_value(ZpTrieSession *session, const void *key, size_t key_bytes,
									 void *buffer, size_t buffer_bytes, size_t *value_bytes);

/* Number of keys; exact when no writer is at work. */
extern uint64_t zp_trie_count(ZpTrieSession *session);

/* Frees what nobody can see any more, in all lazy free lists; returns what is still pending. */
extern uint64_t zp_trie_reclaim(ZpTrieSession *session);

/* The same for this session's own list only: cheap, for the end of a transaction. */
extern void zp_trie_reclaim_own(ZpTrieSession *session);

/* See zp_lazy_held_back, zp_token_list, zp_token_stats_reset. */
extern bool zp_trie_held_back(ZpTrieSession *session, uint64_t version, uint64_t *blocks,
							  uint64_t *bytes);
extern size_t zp_trie_token_list(ZpTrieSession *session, ZpTokenInfo *infos, size_t max);
extern void zp_trie_token_stats_reset(ZpTrieSession *session, uint64_t now);

extern void zp_trie_token_stats(ZpTrieSession *session, ZpTokenStats *stats);

#endif							/* ZP_TRIE_H */
