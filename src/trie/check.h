/*
 * check.h
 *	  Walks a whole trie and says what is wrong with it.
 */
#ifndef ZP_CHECK_H
#define ZP_CHECK_H

#include "trie/trie.h"

typedef struct ZpTrieReport
{
	uint64_t	keys;
	uint64_t	nodes;			/* buckets among them */
	uint64_t	buckets;
	uint64_t	node_bytes;		/* as allocated */
	uint64_t	value_bytes;	/* of BLOCK payloads, as allocated */
	uint64_t	depth;			/* nodes on the longest way down */
	uint64_t	widths[257];	/* inner nodes by number of children */
	uint64_t	fills[33];		/* buckets by number of keys */
	char		why[256];		/* what is wrong; empty: nothing */
} ZpTrieReport;

/*
 * ZP_OK, ZP_CORRUPTED (see why), ZP_OUT_OF_MEMORY (malloc).  No writer may be at
 * work.  Checks every node's shape and order, that none is locked or obsolete,
 * that what lies below a label belongs there, that every inner node without a key has
 * two children or more and no bucket is empty, that the number of keys is the counted
 * one, and that the pool's books agree: blocks in use = nodes + values + pending +
 * tokens.
 */
extern ZpStatus zp_trie_check(ZpTrieSession *session, ZpTrieReport *report);

#endif							/* ZP_CHECK_H */
