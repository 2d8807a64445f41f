/*
 * prefixes.h
 *	  The keys of a trie that are prefixes of a given string, in one walk down.
 */
#ifndef ZP_PREFIXES_H
#define ZP_PREFIXES_H

#include "trie/cursor.h"

/*
 * The longest key that is a prefix of query: its length in *key_bytes, its payload
 * as in zp_trie_lookup / zp_trie_lookup_value.  ZP_OK, ZP_NOT_FOUND, ZP_BUFFER_TOO_SMALL.
 */
extern ZpStatus zp_longest_prefix(ZpTrieSession *session, const void *query, size_t query_bytes,
								  size_t *key_bytes, uint64_t *payload,
								  void *buffer, size_t buffer_bytes, size_t *value_bytes);

/*
 * All of them, in batches as zp_cursor_read gives them: entries
 * in order of length, those of at least min_bytes bytes.  Their key points into
 * query.  Go on with min_bytes = last key_bytes + 1.  ZP_END: none.
 */
extern ZpStatus zp_prefixes_of(ZpTrieSession *session, const void *query, size_t query_bytes,
							   size_t min_bytes, ZpEntry *entries, size_t max_entries,
							   void *buffer, size_t buffer_bytes,
							   size_t *count, size_t *needed);

#endif							/* ZP_PREFIXES_H */
