/*
 * descend.h
 *	  The way of a writer from the root to where a key is or would be.
 */
#ifndef ZP_DESCEND_H
#define ZP_DESCEND_H

#include "trie/bucket.h"

/* A slot, and the word that locks it. */
typedef struct ZpPlace
{
	ZpAtomicU32 *slot;
	ZpAtomicU32 *lock;
} ZpPlace;

/* A node that was met, as it was then. */
typedef struct ZpMet
{
	ZpPlace		place;			/* of the slot that led to it */
	uint32_t	slot;			/* what that slot held: ref and kind */
	ZpNode	   *node;
	uint32_t	word;
} ZpMet;

typedef enum ZpDescentEnd
{
	ZP_DESCENT_EMPTY,			/* the trie is empty */
	ZP_DESCENT_SPLIT,			/* the key leaves the inner node's path, or ends inside it */
	ZP_DESCENT_HERE,			/* the key ends behind the inner node's path */
	ZP_DESCENT_GAP,				/* the key goes on, but the inner node has no child for its byte */
	ZP_DESCENT_BUCKET			/* a bucket stands for the key's next byte */
} ZpDescentEnd;

typedef struct ZpDescent
{
	ZpDescentEnd end;
	ZpMet		here;			/* EMPTY: only here.place */
	ZpMet		holder;			/* the inner node that holds here.place.slot; node NULL: the trie */
	int			position;		/* of here among the holder's children */
	int			gap;			/* GAP: position of the child before the gap, -1: none */
	ZpRest		rest;			/* of the key, from the path of `here` on */
	size_t		matched;		/* bytes of that path that the key has */
} ZpDescent;

/*
 * Goes as far as it can without a lock.  The token is held.  Look at
 * map->map_failed after.
 */
extern void zp_descend(ZpTrieSession *session, ZpRest rest, ZpDescent *descent);

static inline ZpBucket *
zp_met_bucket(const ZpMet *met)
{
	return (ZpBucket *) met->node;
}

/*
 * The key's entry in the bucket where the descent ended, whose path it has; -1: it is not
 * there.  Gives its suffix, and the state of the bucket that was searched.
 */
static inline int
zp_descent_find(const ZpTrieSession *session, const ZpDescent *descent, ZpSuffix *suffix,
				uint32_t *state)
{
	ZpBucket   *bucket = zp_met_bucket(&descent->here);
	ZpRest		rest = descent->rest;

	zp_rest_skip(&rest, descent->matched);
	*suffix = zp_rest_suffix(&rest);
	*state = zp_load_acquire_u32(&bucket->state);
	return zp_bucket_find(bucket, zp_state_count(*state), zp_entry_bytes(session), suffix);
}

#endif							/* ZP_DESCEND_H */
