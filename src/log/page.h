/*
 * page.h
 *	  The pages of an index relation: format and checks.
 *
 * Block 0 is the metapage.  All other pages that are in use form one chain: first the base,
 * entries in key order whose keys are front-coded, as CREATE INDEX and compaction write
 * them; then the tail, entries in the order in which they came.  A page is never changed but
 * for three things: entries are appended to the last one, entries are flagged as dead, and the
 * last page gets a link to its successor.
 *
 * Each page carries a mark: the incarnation of the index (random, from its build) and its birth,
 * a number that no other page of the incarnation ever gets.  A link holds the birth of the page
 * that it leads to, so who follows it sees whether the page has become another one meanwhile.
 */
#ifndef ZP_LOG_PAGE_H
#define ZP_LOG_PAGE_H

#include "compat.h"

#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#define ZP_LOG_VERSION		1
#define ZP_META_MAGIC		0x5a704d65
#define ZP_META_BLOCK		0
#define ZP_PAGE_MAGIC		0x5a50

typedef enum ZpPageKind
{
	ZP_PAGE_META = 1,
	ZP_PAGE_BASE = 2,
	ZP_PAGE_TAIL = 3,
	ZP_PAGE_FREE = 4			/* in no chain; anybody may claim it under its lock */
} ZpPageKind;

/* In the special space of each page. */
typedef struct ZpPageMark
{
	uint64		incarnation;
	uint64		birth;			/* 0: of a free page */
	uint64		next_birth;
	BlockNumber next;			/* InvalidBlockNumber: the last page of the chain */
	uint16		kind;			/* ZpPageKind */
	uint16		magic;
} ZpPageMark;

/*
 * Births.  A tail page has its number in the sequence of all tail pages ever, with the highest
 * bit set; a base page the generation that it was written for, and its number in it.
 */
#define ZP_BIRTH_OF_TAIL	((uint64) 1 << 63)

static inline uint64
zp_base_birth(uint64 generation, uint32 number)
{
	return (generation << 32) | number;
}

/* What is known of a whole index; in block 0. */
typedef struct ZpLogMeta
{
	uint32		magic;
	uint32		version;
	uint64		incarnation;	/* random, from the build */
	uint64		generation;		/* 1 from the build; each compaction adds 1 */
	BlockNumber first;			/* of the chain */
	BlockNumber seal;			/* the tail page that follows the base */
	uint64		first_birth;
	uint64		seal_birth;
	uint64		last_birth;		/* of the page below */
	BlockNumber last;			/* the last page of the chain, or one before it */
	uint32		flags;			/* none yet: 0 */
	uint64		base_entries;	/* in the base as it was written */
	uint64		base_key_bytes; /* of the keys that they stand for */

	/*
	 * Epochs of removal: see vacuum.c.  Scans of epochs below `drained` are over.
	 */
	uint64		epoch;
	uint64		drained;

	/* As the last VACUUM (or the build) found them. */
	uint64		live_entries;
	uint64		dead_entries;
	uint64		tail_entries;	/* of the live ones, those in the tail */

	/* Of all that stands before: a wrong epoch or generation would be believed else. */
	uint32		checksum;
	uint32		padding;		/* 0 */
} ZpLogMeta;

/*
 * An entry: a head, the heap tuple's TID, and its body.  Nothing is aligned.
 *
 *	uint16	head: bit 15 dead, bits 0..14 length of the whole entry
 *	6 bytes	TID
 *	body of an insertion:
 *		uint16	bytes of included values; only in an index that has included attributes
 *		base:	bytes that the key shares with the one before it: 1 byte if below 128, else 2
 *		key (base: what follows the shared bytes)
 *		included values
 *	body of a tombstone (TID with offset 0; its block is the log page where the entries are):
 *		uint64	birth of that page
 *		uint16	offset of an entry in it, as often as there is room
 */
#define ZP_ENTRY_DEAD		0x8000
#define ZP_ENTRY_LENGTH		0x7FFF
#define ZP_ENTRY_HEAD		(sizeof(uint16) + sizeof(ItemPointerData))

StaticAssertDecl(sizeof(ItemPointerData) == 6, "a TID has six bytes");
StaticAssertDecl(BLCKSZ <= 32768, "the length of an entry fits 15 bits");

#define ZP_PAGE_FIRST		MAXALIGN(SizeOfPageHeaderData)
#define ZP_PAGE_END			(BLCKSZ - MAXALIGN(sizeof(ZpPageMark)))
#define ZP_PAGE_ROOM		(ZP_PAGE_END - ZP_PAGE_FIRST)

/*
 * The longest key with its included values: an entry fits a page, and its length the 13 bits
 * that the image has for it.
 */
#define ZP_LONGEST_KEY		(Min(ZP_PAGE_ROOM, 8191) - ZP_ENTRY_HEAD - sizeof(uint16) - 2)

static inline ZpPageMark *
zp_page_mark(Page page)
{
	return (ZpPageMark *) PageGetSpecialPointer(page);
}

static inline ZpLogMeta *
zp_page_meta(Page page)
{
	return (ZpLogMeta *) PageGetContents(page);
}

static inline uint16
zp_page_lower(Page page)
{
	return ((PageHeader) page)->pd_lower;
}

/* Bytes that are left for entries. */
static inline size_t
zp_page_room(Page page)
{
	return ((PageHeader) page)->pd_upper - ((PageHeader) page)->pd_lower;
}

static inline uint16
zp_load_uint16(const void *from)
{
	uint16		value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Makes an empty page. */
extern void zp_page_init(Page page, ZpPageKind kind, uint64 incarnation, uint64 birth);

/*
 * Whether the page is one of ours at all (not empty, sane bounds, a mark whose parts agree); raises
 * an error that says "corrupted" if not.
 */
extern void zp_page_check(Relation index, BlockNumber block, Page page);

/* Raises the error for a page that is not what it must be. */
extern void zp_page_corrupted(Relation index, BlockNumber block, const char *what)
			__attribute__((noreturn));

/* A copy of the metapage, checked. */
extern void zp_meta_read(Relation index, ZpLogMeta *meta);

/*
 * The metapage that is about to be changed, checked; the page is locked or a copy.  Who has
 * changed it calls zp_meta_stamp.
 */
extern ZpLogMeta *zp_meta_change(Relation index, Page page);
extern void zp_meta_stamp(ZpLogMeta *meta);

/*
 * Whether the chain is another one than it was when the metapage was read.  If it is not, a link
 * that leads nowhere is a fault of the pages.
 */
extern bool zp_meta_has_changed(Relation index, const ZpLogMeta *since);

/*
 * Copies a page of the chain to `copy` (of BLCKSZ bytes, aligned as by palloc).  false: the
 * block has become another page since the link was read, or is not there any more.
 */
extern bool zp_page_read(Relation index, BlockNumber block, uint64 incarnation, uint64 birth,
						 BufferAccessStrategy strategy, Page copy);

#endif							/* ZP_LOG_PAGE_H */
