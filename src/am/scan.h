/*
 * scan.h
 *	  What a scan keeps between two calls.
 *
 * A scan copies entries, a batch at a time, and goes on from the last key that it copied; between
 * two calls it holds no token, no pin and no lock.  The exception is an index-only scan, which
 * holds back the end of a VACUUM: see vacuum.c.
 */
#ifndef ZP_SCAN_H
#define ZP_SCAN_H

#include "compat.h"

#include "access/itup.h"
#include "access/relscan.h"
#include "nodes/tidbitmap.h"
#include "utils/hsearch.h"

#include "am/image.h"
#include "am/quals.h"

#define ZP_BATCH_MOST		256
#define ZP_BATCH_BYTES		(ZP_BATCH_MOST * 128 + 2 * BLCKSZ)

/* With less room than this, which is enough for any entry, a batch is full. */
#define ZP_BATCH_BYTES_LEFT	(2 * BLCKSZ)

/* Which kind of source the entries come from. */
typedef enum ZpScanSource
{
	ZP_SOURCE_NONE,				/* not chosen yet */
	ZP_SOURCE_IMAGE,
	ZP_SOURCE_LOG
} ZpScanSource;

struct ZpLogAnswer;

typedef struct ZpScan
{
	Relation	index;
	MemoryContext context;		/* of the whole scan */
	ZpKeyLayout *layout;
	ZpIndexOptions options;
	ZpQuals    *quals;
	bool		has_included;

	/* What the image was last found complete for; see choose_source. */
	bool		snapshot_known;
	CommandId	snapshot_command;

	ZpScanSource source;
	ZpImage    *image;			/* of source image; valid while generation is zp_image_generation */
	uint64		generation;

	uint32		uses;			/* of the image by this scan, modulo 2^32 */

	/* Where the next batch begins. */
	bool		begun;			/* direction and source are chosen */
	ZpDirection direction;		/* a scan never turns round */
	bool		at_start;		/* the first batch is still to be read */
	bool		exhausted;		/* there is nothing more to read */
	bool		recheck;		/* an answer may be wrong */
	ZpCursor	cursor;			/* begun if cursor_begun; of image->session */
	bool		cursor_begun;
	bool		cursor_placed;	/* it stands where the next batch begins; else seek `resume` */
	int			batch_size;		/* of the next batch; grows */
	uint32		returned;		/* entries since the scan began anew */

	/*
	 * The last entry looked at: its index key, TID, and whether it is a secondary entry; then
	 * primary is the TID of its key's primary entry (offset 0: there is none).
	 */
	StringInfoData resume;
	ItemPointerData resume_tid;
	ItemPointerData resume_primary;
	StringInfoData resume_included;
	bool		resume_secondary;

	/*
	 * The source has changed: of the key of `resume` some entries have been given already, and
	 * primary and secondary entries may be others than before.
	 */
	bool		source_changed;
	HTAB	   *given;			/* TIDs of that key given since; NULL: none */

	/* Of source log: what was found, in order. */
	struct ZpLogAnswer *answer;

	/*
	 * The batch, in the scan's direction: entries as the trie has them, some of them perhaps
	 * without a row; or one that comes from elsewhere, with its included values as `value`.
	 */
	int			count;
	int			position;		/* of the entry returned last; -1: none */
	uint64		removals;		/* state->removals before it was read */
	int			killed_count;
	bool		killed[ZP_BATCH_MOST];	/* the entry's row is dead to all */
	ZpEntry    *entries;		/* &single, or ZP_BATCH_MOST once a cursor is used */
	ZpEntry		single;
	char	   *bytes;			/* ZP_BATCH_BYTES; NULL: no cursor is used yet */

	/* Index-only scans. */
	bool		epoch_held;
	uint32		epoch;			/* the lock's number */
	uint32		epoch_uses;		/* times that the scan began anew, modulo 2^32 */
	IndexTuple	tuple;			/* room for the one that is returned; NULL: not needed yet */
	Datum	   *values;			/* NULL: not needed yet */
	bool	   *isnull;
	MemoryContext tuple_context;
} ZpScan;

extern IndexScanDesc zp_index_beginscan(Relation index, int key_count, int order_count);
extern void zp_index_rescan(IndexScanDesc descriptor, ScanKey keys, int key_count,
							ScanKey orders, int order_count);
extern bool zp_index_gettuple(IndexScanDesc descriptor, ScanDirection direction);
extern int64 zp_index_getbitmap(IndexScanDesc descriptor, TIDBitmap *bitmap);
extern void zp_index_endscan(IndexScanDesc descriptor);

/* scan_log.c: the same entries from the log */
typedef struct ZpLogAnswer ZpLogAnswer;

/* Reads the whole log and keeps, in order, the entries that fit the conditions. */
extern ZpLogAnswer *zp_answer_from_log(ZpScan *scan);

/* The entry that comes next in the scan's direction, valid until the next call; false: none. */
extern bool zp_answer_next(ZpLogAnswer *answer, ZpDirection direction, ZpRecord *record);
extern void zp_answer_free(ZpLogAnswer *answer);

/* epoch.c: index-only scans against VACUUM */
extern void zp_epoch_enter(ZpScan *scan);
/* Whether a VACUUM has begun a new epoch; then it is entered. */
extern bool zp_epoch_renew(ZpScan *scan);
extern void zp_epoch_leave(ZpScan *scan);

/* VACUUM: before the first removal; whether all removals were waited for; waits. */
extern void zp_epoch_announce(Relation index);
extern bool zp_epoch_is_drained(Relation index);
extern void zp_epoch_drain(Relation index);

#endif							/* ZP_SCAN_H */
