/*
 * vacuum.c
 *	  VACUUM: flagging dead entries, and compaction.
 *
 * ambulkdelete reads the log from its beginning to its end, asks about each entry, and flags the dead
 * ones page by page.  Before it returns it waits for the index-only scans that may have copied one of
 * them (epoch.c).  Other scans need no such care: they look at the row.
 *
 * amvacuumcleanup writes the log anew when a good part of it is dead, or is in the order of arrival:
 * sorted pages are smaller, and sooner loaded.
 */
#include "compat.h"

#include "access/generic_xlog.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"

#include "am/am.h"
#include "am/scan.h"

/* Compaction: when this part of the entries is dead... */
#define ZP_COMPACT_DEAD			0.2
/* ...or this part of the live ones stands in the tail... */
#define ZP_COMPACT_TAIL			0.5
/* ...and the log has as many pages at least. */
#define ZP_COMPACT_PAGES		16

/* What there is in the log. */
typedef struct ZpLogCount
{
	uint64		live;
	uint64		dead;
	uint64		in_tail;		/* of the live ones */
	uint64		removed;		/* by this call */
	BlockNumber pages;
} ZpLogCount;

/* Notes what VACUUM found. */
static void
note_counts(Relation index, const ZpLogCount *count)
{
	Buffer		buffer = ReadBuffer(index, ZP_META_BLOCK);
	GenericXLogState *state;
	ZpLogMeta  *meta;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(index);
	meta = zp_meta_change(index, GenericXLogRegisterBuffer(state, buffer, 0));
	meta->live_entries = count->live;
	meta->dead_entries = count->dead;
	meta->tail_entries = count->in_tail;
	zp_meta_stamp(meta);
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

/* Reads the chain; with a callback, flags the entries that it says are dead. */
static void
read_chain(IndexVacuumInfo *info, IndexBulkDeleteCallback callback, void *callback_state,
		   ZpLogCount *count)
{
	Relation	index = info->index;
	ZpLogTail	tail = {0};
	uint16	   *offsets = palloc(BLCKSZ / ZP_ENTRY_HEAD * sizeof(uint16));
	ZpLogMeta	meta;
	ZpLogWalk	walk;
	ZpLogEntry	entry;
	ZpWalkResult result;

	memset(count, 0, sizeof(*count));
	zp_meta_read(index, &meta);
	zp_walk_begin(&walk, index, info->strategy, meta.incarnation, meta.first, meta.first_birth);
	while ((result = zp_walk_next_page(&walk)) == ZP_WALK_PAGE)
	{
		size_t		dead = 0;

		while (zp_decoder_next(&walk.decoder, &entry))
		{
			if (entry.tombstone)
				continue;
			if (entry.dead)
				count->dead++;
			else if (callback != NULL && callback(&entry.tid, callback_state))
				offsets[dead++] = entry.offset;
			else
			{
				count->live++;
				if (!walk.decoder.base)
					count->in_tail++;
			}
		}
		if (dead > 0 && count->removed == 0)
			zp_epoch_announce(index);
		for (size_t done = 0; done < dead;)
		{
			size_t		part = Min(dead - done, ZP_TOMBSTONE_TARGETS);

			zp_log_remove(index, &tail, walk.block, walk.birth, offsets + done, part);
			done += part;
		}
		count->removed += dead;
		count->dead += dead;
		count->pages++;
		ZP_VACUUM_DELAY();
	}
	/* Nobody but a VACUUM replaces the chain. */
	if (result == ZP_WALK_MOVED)
		zp_page_corrupted(index, walk.next, "The chain of pages is broken.");
	zp_walk_end(&walk);
	pfree(offsets);
}

IndexBulkDeleteResult *
zp_index_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *result,
					 IndexBulkDeleteCallback callback, void *callback_state)
{
	ZpLogCount	count;

	if (result == NULL)
		result = palloc0(sizeof(IndexBulkDeleteResult));
	read_chain(info, callback, callback_state, &count);
	result->tuples_removed += count.removed;
	result->num_index_tuples = count.live;
	result->estimated_count = false;
	result->num_pages = RelationGetNumberOfBlocks(info->index);
	if (count.live + count.dead > 0)
		note_counts(info->index, &count);

	/* Also if an earlier VACUUM was stopped before this. */
	if (!zp_epoch_is_drained(info->index))
		zp_epoch_drain(info->index);
	return result;
}

/* Whether the log is worth being written anew, by what was counted last and what has come since. */
static bool
wants_compaction(Relation index, BlockNumber blocks)
{
	ZpLogMeta	meta;

	if (blocks < ZP_COMPACT_PAGES)
		return false;
	zp_meta_read(index, &meta);
	return meta.dead_entries > ZP_COMPACT_DEAD * (meta.live_entries + meta.dead_entries) ||
		meta.tail_entries > ZP_COMPACT_TAIL * meta.live_entries ||
		meta.last_birth - meta.seal_birth > ZP_COMPACT_TAIL * blocks;
}

IndexBulkDeleteResult *
zp_index_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *result)
{
	Relation	index = info->index;
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	bool		compact;

	if (info->analyze_only)
		return result;
	compact = wants_compaction(index, blocks);
	if (result == NULL && !compact)
		return NULL;
	if (result == NULL)
	{
		result = palloc0(sizeof(IndexBulkDeleteResult));
		result->num_index_tuples = info->num_heap_tuples;
		result->estimated_count = info->estimated_count;
	}
	if (compact)
	{
		ZpIndexOptions options;
		ZpLogMeta	meta;
		int			memory_kb = ZP_IS_AUTOVACUUM() && autovacuum_work_mem != -1 ?
			autovacuum_work_mem : maintenance_work_mem;

		zp_options_get(index, &options);
		zp_log_compact(index, options.fillfactor, memory_kb, info->strategy);

		/* Once the old pages are gone, an image that has not read them would have to begin anew. */
		zp_image_follow(index, true);
		zp_meta_read(index, &meta);
		result->num_index_tuples = meta.live_entries;
	}
	result->pages_free = zp_log_sweep(index, info->strategy);
	result->num_pages = RelationGetNumberOfBlocks(index);
	(void) zp_images_sweep();
	return result;
}
