/*
 * check.c
 *	  Checking an index: its pages, its image, and the table.
 *
 * Sets of entries are compared by Bloom filters, as amcheck does: what a filter does not have is
 * certainly missing; what is missing may be overlooked, rarely, and never twice in the same way,
 * since each run has a seed of its own.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "common/pg_prng.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/am.h"
#include "am/check.h"
#include "trie/check.h"

/* How often the image is compared anew when the index changes meanwhile. */
#define ZP_CHECK_ATTEMPTS 4

/* Few entries are shorter, in bytes. */
#define ZP_SHORTEST_ENTRY 12

typedef struct ZpCheck
{
	Relation	heap;
	Relation	index;
	ZpKeyLayout *layout;
	bool		has_included;
	bloom_filter *entries;		/* of the log: those that are alive */
	StringInfoData record;
	StringInfoData key;
	StringInfoData included;
	MemoryContext scratch;		/* of one entry's included attributes */

	/* What the log was. */
	ZpLogMeta	meta;
	BlockNumber last_block;
	uint16		last_offset;
	uint64		live;

	/* Of the table. */
	double		rows;
} ZpCheck;

static void
corrupted(ZpCheck *check, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted", RelationGetRelationName(check->index)),
			 errdetail("%s", what),
			 errhint("Please REINDEX it.")));
}

/*
 * Appends included attributes to the record, none of them compressed: a value that was inserted
 * as it came is compressed in the table's row.
 */
static void
append_included(ZpCheck *check, const unsigned char *included, size_t included_bytes)
{
	ZpKeyLayout *layout = check->layout;
	MemoryContext caller = MemoryContextSwitchTo(check->scratch);
	Datum	   *values = palloc0(layout->attributes * sizeof(Datum));
	bool	   *isnull = palloc0(layout->attributes * sizeof(bool));

	if (!zp_included_decode(layout, included, included_bytes, values, isnull))
		corrupted(check, "Included attributes of an entry cannot be read.");
	for (int i = layout->columns; i < layout->attributes; i++)
	{
		if (!isnull[i] && TupleDescAttr(layout->included, i - layout->columns)->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
	}
	zp_included_encode(layout, values, isnull, &check->record);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(check->scratch);
}

/* An entry as the filters know it. */
static void
make_record(ZpCheck *check, const unsigned char *key, size_t key_bytes, ItemPointer tid,
			const unsigned char *included, size_t included_bytes)
{
	unsigned char encoded[ZP_TID_BYTES];

	zp_tid_encode(encoded, tid);
	resetStringInfo(&check->record);
	appendBinaryStringInfo(&check->record, (const char *) key, (int) key_bytes);
	appendBinaryStringInfo(&check->record, (const char *) encoded, sizeof(encoded));
	if (included_bytes > 0)
		append_included(check, included, included_bytes);
}

static void
add_record(ZpCheck *check, bloom_filter *filter)
{
	bloom_add_element(filter, (unsigned char *) check->record.data, check->record.len);
}

static bool
lacks_record(ZpCheck *check, bloom_filter *filter)
{
	return bloom_lacks_element(filter, (unsigned char *) check->record.data,
							   check->record.len);
}

static bloom_filter *
new_filter(uint64 entries)
{
	return bloom_create((int64) Max(entries, 1024), maintenance_work_mem,
						pg_prng_uint64(&pg_global_prng_state));
}

/* At least as many entries as there can be, by the size of the index. */
static uint64
most_entries(Relation index)
{
	return (uint64) RelationGetNumberOfBlocks(index) * (BLCKSZ / ZP_SHORTEST_ENTRY);
}

/* Whether the bytes are a key of the index. */
static bool
is_key(const ZpKeyLayout *layout, const unsigned char *key, size_t key_bytes)
{
	size_t		place = 0;

	for (int i = 0; i < layout->columns; i++)
	{
		size_t		bytes = place < key_bytes ?
			zp_key_column_bytes(&layout->column[i], key + place, key_bytes - place) : 0;

		if (bytes == 0)
			return false;
		place += bytes;
	}
	return place == key_bytes;
}

/*
 * Whether what a tombstone names is there, and dead: both are one step.  false: the page has become
 * another one.
 */
static bool
check_tombstone(ZpCheck *check, ZpLogWalk *walk, const ZpLogEntry *tombstone)
{
	Page		page = palloc(BLCKSZ);
	ZpLogDecoder *decoder = palloc(sizeof(ZpLogDecoder));
	ZpLogEntry	entry;
	size_t		next = 0;
	bool		there = zp_page_read(check->index, tombstone->target, walk->incarnation,
									 tombstone->target_birth, walk->strategy, page);

	if (there)
	{
		zp_decoder_begin(decoder, check->index, tombstone->target, page, walk->has_included);
		while (next < tombstone->target_count && zp_decoder_next(decoder, &entry))
		{
			if (entry.offset == zp_load_uint16(tombstone->targets + next * sizeof(uint16)))
			{
				if (!entry.dead)
					zp_page_corrupted(check->index, tombstone->target,
									  psprintf("The entry at offset %u was removed, but is alive.",
											   entry.offset));
				next++;
			}
		}
		if (next < tombstone->target_count)
			zp_page_corrupted(check->index, walk->block,
							  psprintf("The tombstone at offset %u names an entry that is not there.",
									   tombstone->offset));
	}
	pfree(page);
	pfree(decoder);
	return there;
}

/* Reads the log; false: the chain was replaced meanwhile. */
static bool
check_log(ZpCheck *check)
{
	Relation	index = check->index;
	BlockNumber heap_blocks = RelationGetNumberOfBlocks(check->heap);
	StringInfoData last;
	ZpLogWalk	walk;
	ZpLogEntry	entry;
	ZpWalkResult result;
	uint64		base_entries = 0;
	bool		seal_met = false;
	bool		tail_met = false;
	bool		moved = false;

	check->live = 0;
	initStringInfo(&last);
	zp_meta_read(index, &check->meta);
	zp_walk_begin(&walk, index, NULL, check->meta.incarnation, check->meta.first,
				  check->meta.first_birth);
	while (!moved && (result = zp_walk_next_page(&walk)) == ZP_WALK_PAGE)
	{
		if (walk.decoder.base && tail_met)
			zp_page_corrupted(index, walk.block, "A base page follows a tail page.");
		if (!walk.decoder.base)
			tail_met = true;
		if (walk.block == check->meta.seal && walk.birth == check->meta.seal_birth)
			seal_met = true;
		while (!moved && zp_decoder_next(&walk.decoder, &entry))
		{
			if (entry.tombstone)
			{
				moved = !check_tombstone(check, &walk, &entry);
				continue;
			}
			if (!is_key(check->layout, entry.key, entry.key_bytes))
				zp_page_corrupted(index, walk.block,
								  psprintf("The entry at offset %u has no valid key.",
										   entry.offset));
			make_record(check, entry.key, entry.key_bytes, &entry.tid, entry.included,
						entry.included_bytes);
			if (walk.decoder.base)
			{
				size_t		compared = entry.key_bytes + ZP_TID_BYTES;
				int			order = memcmp(last.data, check->record.data,
										   Min(compared, (size_t) last.len));

				if (last.len > 0 && order >= 0)
					zp_page_corrupted(index, walk.block,
									  psprintf("The entry at offset %u is out of order.",
											   entry.offset));
				resetStringInfo(&last);
				appendBinaryStringInfo(&last, check->record.data, (int) compared);
				base_entries++;
			}
			if (entry.dead)
				continue;
			if (ItemPointerGetBlockNumberNoCheck(&entry.tid) >= heap_blocks &&
				ItemPointerGetBlockNumberNoCheck(&entry.tid) >=
				(heap_blocks = RelationGetNumberOfBlocks(check->heap)))
				zp_page_corrupted(index, walk.block,
								  psprintf("The entry at offset %u points to block %u of the table, which has %u.",
										   entry.offset,
										   ItemPointerGetBlockNumberNoCheck(&entry.tid),
										   heap_blocks));
			add_record(check, check->entries);
			check->live++;
		}
	}
	check->last_block = walk.block;
	check->last_offset = zp_page_lower(walk.page);
	zp_walk_end(&walk);
	pfree(last.data);
	if (moved || result == ZP_WALK_MOVED)
	{
		if (!zp_meta_has_changed(index, &check->meta))
			zp_page_corrupted(index, moved ? walk.block : walk.next,
							  moved ? "A tombstone names a page that is not in the chain." :
							  "The chain of pages is broken.");
		return false;
	}
	if (!seal_met)
		corrupted(check, "The chain does not contain the page that should follow the base.");
	if (base_entries != check->meta.base_entries)
		corrupted(check, psprintf("The base has " UINT64_FORMAT " entries; it was written with " UINT64_FORMAT ".",
								  base_entries, check->meta.base_entries));
	return true;
}

/* What became of comparing the image with the log. */
typedef enum ZpCompared
{
	ZP_COMPARED,
	ZP_COMPARE_AGAIN,			/* one of them changed meanwhile */
	ZP_NO_IMAGE
} ZpCompared;

/* All entries of the image into a filter, and whether each is in the log. */
static ZpStatus
read_image(ZpCheck *check, ZpImage *image, bloom_filter *filter, uint64 *count,
		   uint64 *unknown)
{
	ZpEntry    *entries = palloc(256 * sizeof(ZpEntry));
	char	   *buffer = palloc(1024 * 1024);
	ZpCursor	cursor;
	ZpStatus	status;
	size_t		got;
	size_t		needed;

	*count = 0;
	*unknown = 0;
	zp_cursor_begin(&cursor, &image->session);
	PG_TRY();
	{
		while ((status = zp_cursor_read(&cursor, ZP_FORWARD, entries, 256, buffer, 1024 * 1024,
										&got, &needed)) == ZP_OK)
		{
			CHECK_FOR_INTERRUPTS();
			for (size_t i = 0; i < got; i++)
			{
				size_t		key_bytes = zp_payload_key_bytes(entries[i].payload);
				ItemPointerData tid;
				size_t		included = 0;

				if (!zp_payload_has_row(entries[i].payload))
					continue;
				zp_payload_tid(entries[i].payload, &tid);
				if (key_bytes > entries[i].key_bytes ||
					!is_key(check->layout, entries[i].key, key_bytes))
					corrupted(check, "The image has an entry without a valid key.");
				if ((entries[i].payload & ZP_PAYLOAD_SECONDARY) != 0)
					included = entries[i].key_bytes - key_bytes - ZP_TID_BYTES;
				make_record(check, entries[i].key, key_bytes, &tid,
							entries[i].key + key_bytes + ZP_TID_BYTES, included);
				add_record(check, filter);
				if (lacks_record(check, check->entries))
					(*unknown)++;
				(*count)++;
			}
		}
	}
	PG_FINALLY();
	{
		zp_cursor_end(&cursor);
	}
	PG_END_TRY();
	pfree(entries);
	pfree(buffer);
	return status == ZP_END ? ZP_OK : status;
}

/* Counts entries of the log that the filter lacks. */
static bool
count_missing(ZpCheck *check, bloom_filter *filter, uint64 *missing)
{
	ZpLogWalk	walk;
	ZpLogEntry	entry;
	ZpWalkResult result;

	*missing = 0;
	zp_walk_begin(&walk, check->index, NULL, check->meta.incarnation, check->meta.first,
				  check->meta.first_birth);
	while ((result = zp_walk_next_page(&walk)) == ZP_WALK_PAGE)
	{
		while (zp_decoder_next(&walk.decoder, &entry))
		{
			if (entry.tombstone || entry.dead)
				continue;
			make_record(check, entry.key, entry.key_bytes, &entry.tid, entry.included,
						entry.included_bytes);
			if (lacks_record(check, filter))
				(*missing)++;
		}
	}
	zp_walk_end(&walk);
	return result == ZP_WALK_END;
}

/* Whether the log is still what check_log read. */
static bool
is_log_unchanged(ZpCheck *check)
{
	ZpLogMeta	meta;
	PGAlignedBlock page;

	zp_meta_read(check->index, &meta);
	return meta.generation == check->meta.generation &&
		meta.last == check->last_block &&
		zp_page_read(check->index, meta.last, meta.incarnation, meta.last_birth, NULL,
					 (Page) page.data) &&
		zp_page_lower((Page) page.data) == check->last_offset;
}

static ZpCompared
check_image(ZpCheck *check)
{
	ZpIndexOptions options;
	ZpImage    *image;
	bloom_filter *filter;
	uint64		removals;
	uint64		killed;
	uint64		count;
	uint64		unknown;
	uint64		missing;
	ZpStatus	status;
	bool		same;

	/* One that is not there need not be made for this. */
	image = zp_image_peek(check->index, check->meta.incarnation);
	if (image == NULL || !image->open ||
		zp_load_acquire_u32(&image->state->phase) != ZP_IMAGE_READY)
		return ZP_NO_IMAGE;
	zp_options_get(check->index, &options);
	image = zp_image_get(check->index, &options);
	if (image == NULL)
		return ZP_NO_IMAGE;

	removals = zp_load_acquire_u64(&image->state->removals);
	filter = new_filter(check->live);
	status = read_image(check, image, filter, &count, &unknown);
	if (status != ZP_OK)
		return ZP_COMPARE_AGAIN;
	same = count_missing(check, filter, &missing) && is_log_unchanged(check) &&
		zp_load_acquire_u64(&image->state->removals) == removals;
	bloom_free(filter);
	if (!same)
		return ZP_COMPARE_AGAIN;
	if (unknown > 0)
		corrupted(check, psprintf("The image has " UINT64_FORMAT " entries that the log does not have.",
								  unknown));

	/* Scans take out of the image what they find dead to all; VACUUM has it still to do. */
	killed = zp_load_relaxed_u64(&image->state->killed_since_load);
	if (missing > killed)
		corrupted(check, psprintf("The image lacks " UINT64_FORMAT " entries of the log; scans have taken out " UINT64_FORMAT ".",
								  missing, killed));
	return ZP_COMPARED;
}

static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
		  void *argument)
{
	ZpCheck    *check = argument;

	resetStringInfo(&check->key);
	resetStringInfo(&check->included);
	zp_key_encode(check->layout, values, isnull, &check->key);
	if (check->has_included)
		zp_included_encode(check->layout, values, isnull, &check->included);
	make_record(check, (unsigned char *) check->key.data, check->key.len, tid,
				(unsigned char *) check->included.data, check->included.len);
	if (lacks_record(check, check->entries))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("row (%u,%u) of table \"%s\" lacks an entry in index \"%s\"",
						ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
						RelationGetRelationName(check->heap),
						RelationGetRelationName(check->index)),
				 errhint("Please REINDEX it.")));
	check->rows++;
}

/* Every row that the snapshot sees has its entry. */
static void
check_heap(ZpCheck *check, Snapshot snapshot)
{
	IndexInfo  *info = BuildIndexInfo(check->index);
	TableScanDesc scan = table_beginscan_strat(check->heap, snapshot, 0, NULL, true, true);

	/* As for CREATE INDEX CONCURRENTLY: rows are those of the snapshot. */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	info->ii_ExclusionProcs = NULL;
	info->ii_ExclusionStrats = NULL;
	(void) table_index_build_scan(check->heap, check->index, info, true, false, check_row,
								  check, scan);
}

void
zp_index_check(Relation heap, Relation index, bool heap_all_indexed)
{
	ZpCheck    *check = palloc0(sizeof(ZpCheck));
	Snapshot	snapshot = NULL;
	ZpCompared	compared = ZP_COMPARE_AGAIN;

	check->heap = heap;
	check->index = index;
	check->layout = zp_key_layout(index, CurrentMemoryContext);
	check->has_included = check->layout->attributes > check->layout->columns;
	initStringInfo(&check->record);
	initStringInfo(&check->key);
	initStringInfo(&check->included);
	check->scratch = AllocSetContextCreate(CurrentMemoryContext, "zipora check",
										   ALLOCSET_DEFAULT_SIZES);

	/* Before the log is read: then the log has all that the snapshot sees. */
	if (heap_all_indexed)
	{
		snapshot = RegisterSnapshot(GetTransactionSnapshot());

		/* A snapshot from before the index was made may see rows that it need not have. */
		if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
			!TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
								   snapshot->xmin))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("index \"%s\" cannot be checked in this transaction",
							RelationGetRelationName(index)),
					 errdetail("The transaction's snapshot is older than the index.")));
	}
	for (int attempt = 0; attempt < ZP_CHECK_ATTEMPTS && compared == ZP_COMPARE_AGAIN; attempt++)
	{
		if (check->entries != NULL)
			bloom_free(check->entries);
		check->entries = new_filter(most_entries(index));
		while (!check_log(check))
		{
			bloom_free(check->entries);
			check->entries = new_filter(most_entries(index));
		}
		compared = check_image(check);
	}
	if (compared == ZP_COMPARE_AGAIN)
		ereport(NOTICE,
				(errmsg("the image of index \"%s\" was not compared with its log",
						RelationGetRelationName(index)),
				 errdetail("The index changed each time.")));
	if (heap_all_indexed)
	{
		check_heap(check, snapshot);
		UnregisterSnapshot(snapshot);
	}
}
