/*
 * descend.h
 *	  The way of a writer from the root to where a key is or would be.
 */
#ifndef ZP_DESCEND_H
#define ZP_DESCEND_H

#include "trie/node.h"

/* A slot, and the word that locks it. */
typedef struct ZpPlace
{
	ZpAtomicU32 *slot;
	ZpAtomicU32 *lock;
	ZpNode	   *holder;			/* NULL: the trie itself holds the slot of the root */
	ZpRef		holder_ref;
	uint32_t	holder_word;
} ZpPlace;

typedef enum ZpDescentEnd
{
	ZP_DESCENT_EMPTY,			/* the slot is empty: so is the trie, or the direct node's slot */
	ZP_DESCENT_SPLIT,			/* the key leaves the node's path, or ends inside it */
	ZP_DESCENT_HERE,			/* the key ends at the node's end */
	ZP_DESCENT_NO_CHILD			/* the key goes on, a sparse node has no child for it */
} ZpDescentEnd;

typedef struct ZpDescent
{
	ZpDescentEnd end;
	ZpPlace		above;			/* the slot that holds place.holder, if that is a node */
	ZpPlace		place;			/* the slot that holds the node */
	ZpNode	   *node;			/* NULL if EMPTY */
	ZpRef		ref;
	uint32_t	word;
	size_t		used;			/* bytes of the key before the node's path */
	size_t		matched;		/* bytes of the node's path that the key shares */
} ZpDescent;

/*
 * Goes as far as it can without a lock.  The token is held.  Look at
 * map->map_failed after.
 */
extern void zp_descend(ZpTrieSession *session, const unsigned char *key, size_t key_bytes,
					   ZpDescent *descent);

#endif							/* ZP_DESCEND_H */
