/*
 * append.h
 *	  The common case of an insert: the key's bucket has room for it.
 */
#ifndef ZP_APPEND_H
#define ZP_APPEND_H

#include "trie/bucket.h"

/* Where a key was found. */
typedef struct ZpFound
{
	ZpBucket   *bucket;
	uint32_t	entry;
} ZpFound;

/*
 * The token is held.  ZP_OK: the key is new, and was appended and counted.  ZP_EXISTS: it
 * is there, see *found (may be NULL), and nothing was changed.  ZP_NOT_FOUND: neither; it
 * takes more than this, or somebody is in the way.  ZP_MAP_FAILED.  Takes no memory, and
 * never waits.
 */
extern ZpStatus zp_append_key(ZpTrieSession *session, const unsigned char *key,
							  size_t key_bytes, uint64_t payload, ZpFound *found);

#endif							/* ZP_APPEND_H */
