/*
 * entry.h
 *	  Writing and reading the entries of a page.
 */
#ifndef ZP_LOG_ENTRY_H
#define ZP_LOG_ENTRY_H

#include "log/page.h"

/* One entry, decoded.  Its bytes lie in the page or in the decoder. */
typedef struct ZpLogEntry
{
	uint16		offset;			/* in its page */
	bool		dead;
	bool		tombstone;
	ItemPointerData tid;

	/* Of an insertion. */
	const unsigned char *key;
	size_t		key_bytes;
	const unsigned char *included;
	size_t		included_bytes;

	/* Of a tombstone: where the entries are that it removes. */
	BlockNumber target;
	uint64		target_birth;
	const unsigned char *targets;	/* uint16 each, not aligned */
	size_t		target_count;
} ZpLogEntry;

/* Goes through a page's entries, from the first. */
typedef struct ZpLogDecoder
{
	Relation	index;			/* for messages */
	BlockNumber block;
	Page		page;
	bool		base;
	bool		has_included;
	uint16		offset;			/* of the next entry */
	uint16		lower;			/* where entries end */
	size_t		key_bytes;		/* base: the last key */
	unsigned char key[BLCKSZ];
} ZpLogDecoder;

/* has_included: the index has included attributes. */
extern void zp_decoder_begin(ZpLogDecoder *decoder, Relation index, BlockNumber block, Page page,
							 bool has_included);

/* Goes on at an offset where an entry begins; in a base page only at its first entry, or its end. */
extern void zp_decoder_seek(ZpLogDecoder *decoder, uint16 offset);

/* The next entry; false: there is none.  Raises an error if the page is corrupted. */
extern bool zp_decoder_next(ZpLogDecoder *decoder, ZpLogEntry *entry);

/*
 * Writes an insertion for a tail page to `to`; returns its length.  key_bytes +
 * included_bytes is at most ZP_LONGEST_KEY.
 */
extern size_t zp_entry_encode(unsigned char *to, ItemPointer tid, bool has_included,
							  const unsigned char *key, size_t key_bytes,
							  const unsigned char *included, size_t included_bytes);

/* The same for a base page; shared bytes are those of the key that are left out. */
extern size_t zp_entry_encode_base(unsigned char *to, ItemPointer tid, bool has_included,
								   size_t shared, const unsigned char *key, size_t key_bytes,
								   const unsigned char *included, size_t included_bytes);

/* The length that zp_entry_encode_base writes. */
extern size_t zp_entry_base_bytes(bool has_included, size_t shared, size_t key_bytes,
								  size_t included_bytes);

/* A tombstone for count entries of a page. */
extern size_t zp_entry_encode_tombstone(unsigned char *to, BlockNumber target,
										uint64 target_birth, const uint16 *offsets, size_t count);

#define ZP_TOMBSTONE_HEAD	(ZP_ENTRY_HEAD + sizeof(uint64))

/* How many entries one tombstone can name. */
#define ZP_TOMBSTONE_TARGETS	((ZP_PAGE_ROOM - ZP_TOMBSTONE_HEAD) / sizeof(uint16))

#endif							/* ZP_LOG_ENTRY_H */
