/*
 * compact.h
 *	  Making a trie as small as its contents, while its access level changes.
 */
#ifndef ZP_COMPACT_H
#define ZP_COMPACT_H

#include "trie/trie.h"

typedef struct ZpCompaction
{
	ZpTrieSession *session;
	struct ZpCompactFrame *frames;	/* inner nodes on the way; from malloc */
	size_t		frame_count;
	size_t		frame_capacity;
	bool		begun;
	uint64_t	buckets;		/* that were looked at */
	uint64_t	rewritten;		/* of them, those that were larger than need be */
	uint64_t	left;			/* of them, those for which there was no memory */
	bool		retried;		/* so it was for the next one, and it is tried once more */
} ZpCompaction;

/* The session is between zp_trie_change_ready (ZP_OK) and zp_trie_change_end: nobody writes. */
extern void zp_compact_begin(ZpCompaction *compaction, ZpTrieSession *session);

/*
 * Goes on for some dozen buckets.  ZP_OK: there is more; ZP_END: all is done, and what
 * could be freed is; or an error (ZP_MAP_FAILED, ZP_CANCELLED, ZP_DROPPED), and the trie is
 * sound: call again or leave it.  A bucket for which there is no memory stays as it is.
 */
extern ZpStatus zp_compact_step(ZpCompaction *compaction);

extern void zp_compact_end(ZpCompaction *compaction);

#endif							/* ZP_COMPACT_H */
