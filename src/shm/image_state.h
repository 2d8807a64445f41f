/*
 * image_state.h
 *	  What all backends share about the image of one index.
 */
#ifndef ZP_IMAGE_STATE_H
#define ZP_IMAGE_STATE_H

#include "postgres.h"

#include "port/mutex.h"

typedef enum ZpImagePhase
{
	ZP_IMAGE_ABSENT,			/* there is no trie: it was evicted, or memory was short */
	ZP_IMAGE_EMPTY,				/* nothing has been loaded */
	ZP_IMAGE_LOADING,			/* up to the cursor; who gets the mutex goes on there */
	ZP_IMAGE_READY				/* it is the log as it was at the cursor */
} ZpImagePhase;

/* Why an image was loaded, or is not there. */
typedef enum ZpImageReason
{
	ZP_REASON_NONE,
	ZP_REASON_FIRST_USE,		/* load: nobody had used the index since the server began */
	ZP_REASON_EVICTED,			/* made room for another one */
	ZP_REASON_COMPACTED,		/* compaction took the pages that were to be read next */
	ZP_REASON_ASKED,			/* zipora_evict */
	ZP_REASON_OPTIONS,			/* ALTER INDEX ... SET: it has other options now */
	ZP_REASON_NO_MEMORY,		/* the operating system gives no more */
	ZP_REASON_OVER_LIMIT		/* zipora.memory_limit, or the index's own */
} ZpImageReason;

#define ZP_IMAGE_REASONS (ZP_REASON_OVER_LIMIT + 1)

/* Shared; in the control pool, as long as the object of the registry. */
typedef struct ZpImageState
{
	/* Constant. */
	uint64		incarnation;
	Oid			space;			/* tablespace */
	Oid			file;			/* number of the relation's file */
	int32		backend;		/* whose temporary relation it is; -1: none */
	int32		access;			/* options that it was made with: ZpIndexOptions */
	int32		pool;
	int32		preset;

	/* Who changes the image holds it: it is this that makes the cursor go forward only. */
	ZpMutex		apply;

	/* Changed with the mutex, read by anybody. */
	ZpAtomicU32 phase;			/* ZpImagePhase */
	ZpAtomicU32 reason;			/* ZpImageReason */
	ZpAtomicU64 generation;		/* of the log that was read last */

	/*
	 * The cursor: up to where the log has been applied.  birth is that of the page, place its
	 * block << 16 | offset.  Who changes it sets birth to 0, then place, then birth.
	 */
	ZpAtomicU64 birth;
	ZpAtomicU64 place;

	ZpAtomicU64 removals;		/* entries ever taken out; grows before one is */
	ZpAtomicU64 entries;		/* in the image now */
	ZpAtomicU64 key_bytes;		/* of their keys */
	ZpAtomicU64 pages_read;		/* of a load under way */
	ZpAtomicU64 refused_at;		/* TimestampTz of the last failure for want of memory; 0: none */
	ZpAtomicU64 refused_limit;	/* zipora.memory_limit of that moment */
	ZpAtomicU64 refusals;		/* in a row */

	ZpAtomicU64 killed_since_load;
	ZpAtomicU64 killed;			/* taken out because a scan found their row dead; with the mutex */

	/* Statistics; by atomic additions of anybody, each backend's at most once a transaction. */
	ZpAtomicU64 scans;
	ZpAtomicU64 log_scans;		/* of them, answered from the log */
	ZpAtomicU64 loads;
	ZpAtomicU64 evictions;
	ZpAtomicU64 applied;		/* entries taken over from the log, loads not counted */

	/* TimestampTz, to the second; written by a user that finds it old. */
	ZpAtomicU64 used_at;
} ZpImageState;

#endif							/* ZP_IMAGE_STATE_H */
