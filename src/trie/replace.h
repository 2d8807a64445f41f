/*
 * replace.h
 *	  The one way in which a trie changes its shape: a slot gets another node.
 */
#ifndef ZP_REPLACE_H
#define ZP_REPLACE_H

#include "trie/descend.h"
#include "trie/node_build.h"

#define ZP_REPLACE_MAX 3

/* A node that leaves the trie. */
typedef struct ZpOldNode
{
	ZpNode	   *node;
	ZpRef		ref;
	uint32_t	word;
} ZpOldNode;

/*
 * Locks the place and the old nodes (from the root down; the first is in the
 * slot), builds the new node by the plan (unless NULL) from them, stores
 * replacement in the slot, and retires the old nodes.  ZP_OK; ZP_BUSY: something
 * changed, nothing was done, begin again; ZP_CANCELLED.
 */
extern ZpStatus zp_replace(ZpTrieSession *session, const ZpPlace *place, ZpRef replacement,
						   const ZpNodePlan *plan, ZpNode *built,
						   const ZpOldNode *old, int old_count);

/* Allocates the blocks of n plans, all or none; node[i] is the address of ref[i]. */
extern ZpStatus zp_reserve_nodes(ZpTrieSession *session, ZpNodePlan *const *plans, int n,
								 ZpRef *refs, ZpNode **nodes);

/* Frees blocks that zp_reserve_nodes gave and nobody has seen. */
extern void zp_return_nodes(ZpTrieSession *session, ZpNodePlan *const *plans, int n,
							const ZpRef *refs);

/* Retires a node that was unlinked. */
extern void zp_retire_node(ZpTrieSession *session, const ZpOldNode *old);

/* Retires the value of a BLOCK payload that was unlinked. */
extern void zp_retire_payload(ZpTrieSession *session, uint64_t payload);

/* The end of every operation that writes: leaves, and frees in bulk when it is time. */
extern void zp_end_write(ZpTrieSession *session);

#endif							/* ZP_REPLACE_H */
