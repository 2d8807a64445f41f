/*
 * log.h
 *	  The log of an index: its chain of pages, which is the truth about the index.
 *
 * Locks.  A page's own content lock guards it.  Who holds the last page's lock (exclusively)
 * may append, and may lock: one older page, one page that he claims, and last the metapage.
 * Nobody waits for the last page's lock with another one held.  Who reads holds one lock
 * at a time.
 *
 * Only VACUUM (of which there is one at a time, by the table's lock) flags entries as dead,
 * compacts, and frees pages.
 */
#ifndef ZP_LOG_H
#define ZP_LOG_H

#include "compat.h"

#include "log/entry.h"

/* Where the end of the log was last seen; private to who appends.  All zeros: not known. */
typedef struct ZpLogTail
{
	bool		known;
	uint64		incarnation;
	uint64		birth;
	BlockNumber block;
} ZpLogTail;

/* append.c */

/* The parameter zipora.fast_wal. */
extern bool zp_fast_wal;

/* Pins and locks the last page of the chain, exclusively. */
extern Buffer zp_log_lock_tail(Relation index, ZpLogTail *tail);

/*
 * Appends a page to the chain.  `last` is the last page, locked exclusively; it is released,
 * and the new last page is returned in its place.
 */
extern Buffer zp_log_extend(Relation index, ZpLogTail *tail, Buffer last);

/* Appends an entry.  Whether that took a new page. */
extern bool zp_log_append(Relation index, ZpLogTail *tail, const unsigned char *entry,
						  size_t length);

/*
 * A page for whatever the caller makes of it at once: pinned, locked exclusively, empty or
 * free; one that was freed before, or a new one.
 */
extern Buffer zp_log_claim(Relation index);

/* remove.c */

/*
 * Flags entries of a page as dead, and appends the tombstone that tells images of it, in one
 * step.  The page is in the chain.
 */
extern void zp_log_remove(Relation index, ZpLogTail *tail, BlockNumber block, uint64 birth,
						  const uint16 *offsets, size_t count);

/* walk.c */

typedef enum ZpWalkResult
{
	ZP_WALK_PAGE,				/* a page was read */
	ZP_WALK_END,				/* there is no further page */
	ZP_WALK_MOVED				/* the chain has changed: begin again at the metapage */
} ZpWalkResult;

/* Goes through the pages of a chain, a copy of each at a time. */
typedef struct ZpLogWalk
{
	Relation	index;
	BufferAccessStrategy strategy;
	uint64		incarnation;
	bool		has_included;

	BlockNumber block;			/* of the copy; InvalidBlockNumber: none read yet */
	uint64		birth;
	BlockNumber next;
	uint64		next_birth;
	Page		page;			/* the copy; palloc'd */
	ZpLogDecoder decoder;		/* of its entries */
} ZpLogWalk;

/* The strategy for reading all of a log: NULL, or one that spares shared buffers; freed by the caller. */
extern BufferAccessStrategy zp_walk_strategy(Relation index);

/* The first page read will be (block, birth). */
extern void zp_walk_begin(ZpLogWalk *walk, Relation index, BufferAccessStrategy strategy,
						  uint64 incarnation, BlockNumber block, uint64 birth);
extern ZpWalkResult zp_walk_next_page(ZpLogWalk *walk);
extern void zp_walk_end(ZpLogWalk *walk);

/* record.c: entries on their way through a sort */

/*
 * An entry as one byte string, whose order is that of the index: key, TID (most significant
 * byte first), included values, length of the key (uint16).
 */
typedef struct ZpRecord
{
	const unsigned char *key;
	size_t		key_bytes;
	ItemPointerData tid;
	const unsigned char *included;
	size_t		included_bytes;
	void	   *memory;			/* zp_records_get's; NULL at first */
} ZpRecord;

#define ZP_TID_BYTES		6

extern void zp_tid_encode(unsigned char *to, ItemPointer tid);
extern void zp_tid_decode(const unsigned char *from, ItemPointer tid);

struct Tuplesortstate;
struct SortCoordinateData;

/* both_ways: records are to be read backward too. */
extern struct Tuplesortstate *zp_records_begin(int memory_kb, bool both_ways);
extern void zp_records_put(struct Tuplesortstate *sort, StringInfo scratch,
						   const ZpRecord *record);

/* The next (or the previous) record, valid until the next call with it; false: there is none. */
extern bool zp_records_get(struct Tuplesortstate *sort, bool forward, ZpRecord *record);

/* base.c */

/* Writes records, which come in order, to new pages. */
typedef struct ZpBaseWriter
{
	Relation	index;
	bool		logged;			/* each page is WAL-logged as it is written */
	bool		has_included;
	uint64		incarnation;
	uint64		generation;
	uint32		number;			/* of pages so far */
	size_t		room;			/* of a page, by fillfactor */
	BlockNumber first;			/* InvalidBlockNumber: nothing was written */
	uint64		first_birth;
	Buffer		buffer;			/* of the page that is being filled; pinned */
	Page		page;			/* that page, still private */
	size_t		last_bytes;
	unsigned char last[BLCKSZ]; /* the last key in it */
	uint64		entries;
	uint64		key_bytes;
} ZpBaseWriter;

extern void zp_base_begin(ZpBaseWriter *writer, Relation index, bool logged,
						  uint64 incarnation, uint64 generation, int fillfactor);
extern void zp_base_put(ZpBaseWriter *writer, const ZpRecord *record);

/* The last page links to (next, next_birth). */
extern void zp_base_end(ZpBaseWriter *writer, BlockNumber next, uint64 next_birth);

/* create.c */

/* Makes the metapage of a new index; the caller adds where the chain begins and ends, and stamps it. */
extern void zp_meta_init(Page page, uint64 incarnation);

/* compact.c */

/*
 * Writes what is alive as a new base, up to where the log ends now, and makes it the chain's
 * beginning in one step.  The old pages are then in no chain, but whoever reads them can still go
 * on until zp_log_sweep frees them.
 */
extern void zp_log_compact(Relation index, int fillfactor, int memory_kb,
						   BufferAccessStrategy strategy);

/*
 * Frees the pages that are in no chain (left by a crash, or by compaction); returns how many pages of
 * the index are free then.
 */
extern BlockNumber zp_log_sweep(Relation index, BufferAccessStrategy strategy);

#endif							/* ZP_LOG_H */
