/*
 * scan_log.c
 *	  Answering a scan from the log, without an image.
 *
 * Reads every page and sorts what fits.  Tombstones need no look: the flag of an entry is set
 * in the same step.  If it is set behind our back, the row is dead to our snapshot, and its TID
 * cannot have become that of a row which we may see.
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "am/scan.h"

struct ZpLogAnswer
{
	MemoryContext context;
	Tuplesortstate *sort;
	ZpRecord	record;
	bool		touched;
};

/* Reads the chain; false: it changed meanwhile. */
static bool
read_chain(ZpScan *scan, Tuplesortstate *sort)
{
	ZpLogMeta	meta;
	ZpLogWalk	walk;
	ZpLogEntry	entry;
	ZpRecord	record = {0};
	ZpWalkResult result;
	StringInfoData scratch;
	BufferAccessStrategy strategy = zp_walk_strategy(scan->index);

	zp_meta_read(scan->index, &meta);
	initStringInfo(&scratch);
	zp_walk_begin(&walk, scan->index, strategy, meta.incarnation, meta.first, meta.first_birth);
	while ((result = zp_walk_next_page(&walk)) == ZP_WALK_PAGE)
	{
		while (zp_decoder_next(&walk.decoder, &entry))
		{
			ZpSeek		seek;

			if (entry.dead || entry.tombstone ||
				zp_quals_judge(scan->quals, ZP_FORWARD, entry.key, entry.key_bytes,
							   &seek) != ZP_VERDICT_MATCH)
				continue;
			record.key = entry.key;
			record.key_bytes = entry.key_bytes;
			record.tid = entry.tid;
			record.included = entry.included;
			record.included_bytes = entry.included_bytes;
			zp_records_put(sort, &scratch, &record);
		}
	}
	zp_walk_end(&walk);
	pfree(scratch.data);
	if (strategy != NULL)
		FreeAccessStrategy(strategy);
	if (result == ZP_WALK_MOVED && !zp_meta_has_changed(scan->index, &meta))
		zp_page_corrupted(scan->index, walk.next, "The chain of pages is broken.");
	return result == ZP_WALK_END;
}

ZpLogAnswer *
zp_answer_from_log(ZpScan *scan)
{
	MemoryContext context = AllocSetContextCreate(scan->context, "zipora answer from the log",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ZpLogAnswer *answer = palloc0(sizeof(ZpLogAnswer));
	ZpSeek		seek;

	answer->context = context;
	for (;;)
	{
		answer->sort = zp_records_begin(work_mem, scan->direction == ZP_BACKWARD);
		if (zp_quals_begin(scan->quals, ZP_FORWARD, &seek) == ZP_VERDICT_END ||
			read_chain(scan, answer->sort))
			break;
		tuplesort_end(answer->sort);
	}
	tuplesort_performsort(answer->sort);
	MemoryContextSwitchTo(old);
	return answer;
}

bool
zp_answer_next(ZpLogAnswer *answer, ZpDirection direction, ZpRecord *record)
{
	MemoryContext old = MemoryContextSwitchTo(answer->context);
	bool		found;

	if (!answer->touched && direction == ZP_BACKWARD)
	{
		while (zp_records_get(answer->sort, true, &answer->record))
			CHECK_FOR_INTERRUPTS();
	}
	answer->touched = true;
	found = zp_records_get(answer->sort, direction == ZP_FORWARD, &answer->record);
	MemoryContextSwitchTo(old);
	*record = answer->record;
	return found;
}

void
zp_answer_free(ZpLogAnswer *answer)
{
	tuplesort_end(answer->sort);
	MemoryContextDelete(answer->context);
}
