/*
 * compact.c
 *	  Writing the log anew, and giving pages back.
 *
 * The log is sealed first: a new tail page is appended, and what stands before it is what is
 * compacted.  Whoever inserts meanwhile appends behind the seal.  What is alive before it goes,
 * sorted, to new pages, whose last one leads to the sealed page.  One change of the
 * metapage then makes them the beginning of the chain.  Only then may the old pages be freed, by
 * zp_log_sweep.
 *
 * After a crash before that change the new pages are in no chain, after it the old ones are not;
 * zp_log_sweep finds either.
 */
#include "compat.h"

#include "access/generic_xlog.h"
#include "commands/vacuum.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "log/log.h"

void
zp_log_compact(Relation index, int fillfactor, int memory_kb, BufferAccessStrategy strategy)
{
	ZpLogTail	tail = {0};
	ZpLogMeta	meta;
	ZpLogWalk	walk;
	ZpLogEntry	entry;
	ZpRecord	record = {0};
	ZpBaseWriter *writer;
	ZpWalkResult result;
	Tuplesortstate *sort;
	StringInfoData scratch;
	BlockNumber seal;
	uint64		seal_birth;
	Buffer		buffer;
	GenericXLogState *state;
	ZpLogMeta  *changed;

	/* Pages of a compaction that did not come to its end have births that are to be used now. */
	(void) zp_log_sweep(index, strategy);

	buffer = zp_log_lock_tail(index, &tail);
	buffer = zp_log_extend(index, &tail, buffer);
	seal = tail.block;
	seal_birth = tail.birth;
	UnlockReleaseBuffer(buffer);

	zp_meta_read(index, &meta);
	sort = zp_records_begin(memory_kb, false);
	initStringInfo(&scratch);
	zp_walk_begin(&walk, index, strategy, meta.incarnation, meta.first, meta.first_birth);
	while (walk.next != seal && (result = zp_walk_next_page(&walk)) == ZP_WALK_PAGE)
	{
		while (zp_decoder_next(&walk.decoder, &entry))
		{
			if (entry.dead || entry.tombstone)
				continue;
			record.key = entry.key;
			record.key_bytes = entry.key_bytes;
			record.tid = entry.tid;
			record.included = entry.included;
			record.included_bytes = entry.included_bytes;
			zp_records_put(sort, &scratch, &record);
		}
		ZP_VACUUM_DELAY();
	}
	if (walk.next != seal)
		zp_page_corrupted(index, walk.block, "The chain does not lead to the end of the log.");
	zp_walk_end(&walk);

	tuplesort_performsort(sort);
	writer = palloc(sizeof(ZpBaseWriter));
	zp_base_begin(writer, index, true, meta.incarnation, meta.generation + 1, fillfactor);
	memset(&record, 0, sizeof(record));
	while (zp_records_get(sort, true, &record))
	{
		zp_base_put(writer, &record);
		if (writer->entries % 1024 == 0)
			ZP_VACUUM_DELAY();
	}
	zp_base_end(writer, seal, seal_birth);
	tuplesort_end(sort);

	buffer = ReadBuffer(index, ZP_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(index);
	changed = zp_meta_change(index, GenericXLogRegisterBuffer(state, buffer, 0));
	changed->generation = meta.generation + 1;
	changed->seal = seal;
	changed->seal_birth = seal_birth;
	if (writer->first != InvalidBlockNumber)
	{
		changed->first = writer->first;
		changed->first_birth = writer->first_birth;
	}
	else
	{
		changed->first = seal;
		changed->first_birth = seal_birth;
	}
	changed->base_entries = writer->entries;
	changed->base_key_bytes = writer->key_bytes;
	changed->live_entries = writer->entries;
	changed->dead_entries = 0;
	changed->tail_entries = 0;
	zp_meta_stamp(changed);
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	pfree(writer);
	pfree(scratch.data);
}

/* Whether a page that is locked is in no chain. */
static bool
is_unreachable(Relation index, BlockNumber block, Page page, const ZpLogMeta *meta)
{
	ZpPageMark *mark;

	zp_page_check(index, block, page);
	mark = zp_page_mark(page);
	if (mark->incarnation != meta->incarnation)
		zp_page_corrupted(index, block, "The page belongs to another incarnation of the index.");
	if (mark->kind == ZP_PAGE_BASE)
		return mark->birth >> 32 != meta->generation;
	if (mark->kind == ZP_PAGE_TAIL)
		return mark->birth < meta->seal_birth;
	return false;
}

BlockNumber
zp_log_sweep(Relation index, BufferAccessStrategy strategy)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber freed = 0;
	ZpLogMeta	meta;

	zp_meta_read(index, &meta);
	for (BlockNumber block = ZP_META_BLOCK + 1; block < blocks; block++)
	{
		Buffer		buffer;
		Page		page;
		bool		is_free;

		ZP_VACUUM_DELAY();
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		if (PageIsNew(page))
			is_free = true;
		else if (is_unreachable(index, block, page, &meta))
		{
			GenericXLogState *state = GenericXLogStart(index);

			page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
			zp_page_init(page, ZP_PAGE_FREE, meta.incarnation, 0);
			GenericXLogFinish(state);
			is_free = true;
		}
		else
			is_free = zp_page_mark(page)->kind == ZP_PAGE_FREE;
		UnlockReleaseBuffer(buffer);
		if (is_free)
		{
			RecordFreeIndexPage(index, block);
			freed++;
		}
	}
	if (freed > 0)
		IndexFreeSpaceMapVacuum(index);
	return freed;
}
