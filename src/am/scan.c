/*
 * scan.c
 *	  Scans: plain, index-only and bitmap, forward and backward.
 *
 * Before its first entry a scan makes sure that the image holds all that the log holds, after
 * its snapshot was taken; what comes later cannot be visible to that snapshot, and what is removed
 * later is dead to it.  So a nested loop, whose scan begins anew a million times with one and the
 * same snapshot, looks at the log once.
 *
 * The order of entries with equal keys differs between two images of an index, and between an image
 * and the log.  When an image is taken away in the middle of a scan, the scan goes on behind the
 * entry that it had last, and is_given() says which of that key's entries it has given before.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/scan.h"

#define ZP_BATCH_FIRST		8

/* Batches after which the image is told that it is in use. */
#define ZP_TOUCH_EVERY		64

/* Times that a scan begins anew after which it looks for a new epoch. */
#define ZP_RENEW_EVERY		16

/* malloc'd memory of the cursor goes with the scan, whatever ends it. */
static void
end_cursor(void *argument)
{
	ZpScan	   *scan = argument;

	if (scan->cursor_begun)
		zp_cursor_end(&scan->cursor);
	scan->cursor_begun = false;
	scan->cursor_placed = false;
}

IndexScanDesc
zp_index_beginscan(Relation index, int key_count, int order_count)
{
	IndexScanDesc descriptor = RelationGetIndexScan(index, key_count, order_count);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "zipora scan",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ZpScan	   *scan = palloc0(sizeof(ZpScan));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	scan->index = index;
	scan->context = context;
	scan->layout = zp_key_layout(index, context);
	scan->has_included = scan->layout->attributes > scan->layout->columns;
	zp_options_get(index, &scan->options);
	scan->quals = zp_quals_create(scan->layout, index, context);
	initStringInfo(&scan->resume);
	initStringInfo(&scan->resume_included);
	scan->entries = &scan->single;
	callback->func = end_cursor;
	callback->arg = scan;
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextSwitchTo(old);
	descriptor->opaque = scan;
	return descriptor;
}

/* An entry of the batch as others know it. */
static void
get_record(const ZpEntry *entry, ZpRecord *record)
{
	zp_payload_tid(entry->payload, &record->tid);
	record->key = entry->key;
	record->key_bytes = zp_payload_key_bytes(entry->payload);
	record->included = entry->value;
	record->included_bytes = entry->value_bytes;
	if (entry->key_bytes > record->key_bytes)
	{
		record->included = entry->key + record->key_bytes + ZP_TID_BYTES;
		record->included_bytes = entry->key_bytes - record->key_bytes - ZP_TID_BYTES;
	}
}

/* Takes the entries out of the image whose rows were found dead. */
static void
flush_kills(ZpScan *scan)
{
	ZpRecord   *records;
	int			count = 0;

	if (scan->killed_count == 0)
		return;
	records = palloc(scan->killed_count * sizeof(ZpRecord));
	for (int i = 0; i < scan->count; i++)
	{
		if (scan->killed[i])
			get_record(&scan->entries[i], &records[count++]);
		scan->killed[i] = false;
	}
	Assert(count == scan->killed_count);
	scan->killed_count = 0;
	if (scan->source == ZP_SOURCE_IMAGE && scan->generation == zp_image_generation)
		zp_image_kill(scan->image, scan->removals, scan->layout, records, count);
	pfree(records);
}

/* The key of `resume` is over, as far as is_given() is concerned. */
static void
end_change(ZpScan *scan)
{
	scan->source_changed = false;
	if (scan->given != NULL)
		hash_destroy(scan->given);
	scan->given = NULL;
}

static void
drop_answer(ZpScan *scan)
{
	if (scan->answer != NULL)
		zp_answer_free(scan->answer);
	scan->answer = NULL;
}

void
zp_index_rescan(IndexScanDesc descriptor, ScanKey keys, int key_count,
				ScanKey orders, int order_count)
{
	ZpScan	   *scan = descriptor->opaque;

	flush_kills(scan);
	if (keys != NULL && descriptor->numberOfKeys > 0)
		memmove(descriptor->keyData, keys, descriptor->numberOfKeys * sizeof(ScanKeyData));
	zp_quals_set(scan->quals, descriptor->keyData, descriptor->numberOfKeys);
	drop_answer(scan);
	if (scan->source == ZP_SOURCE_LOG)
		scan->source = ZP_SOURCE_NONE;
	scan->direction = ZP_FORWARD;
	scan->begun = false;
	scan->at_start = true;
	scan->exhausted = false;
	scan->cursor_placed = false;
	end_change(scan);

	/* The inner side of a nested loop is likely to be asked for as much as last time. */
	scan->batch_size = Max(ZP_BATCH_FIRST, Min(scan->returned + 1, ZP_BATCH_MOST));
	scan->returned = 0;
	scan->count = 0;
	scan->position = -1;
}

void
zp_index_endscan(IndexScanDesc descriptor)
{
	ZpScan	   *scan = descriptor->opaque;

	flush_kills(scan);
	drop_answer(scan);
	zp_epoch_leave(scan);
	MemoryContextDelete(scan->context);
	descriptor->opaque = NULL;
}

/* Whether the image that the scan had is still the one that it found complete. */
static inline bool
has_image(const ZpScan *scan)
{
	return scan->source == ZP_SOURCE_IMAGE && scan->generation == zp_image_generation;
}

/* Takes the image, or the log if there is none. */
static void
take_source(ZpScan *scan)
{
	end_cursor(scan);
	drop_answer(scan);
	scan->image = zp_image_get(scan->index, &scan->options);
	scan->generation = zp_image_generation;
	if (scan->image != NULL)
		scan->source = ZP_SOURCE_IMAGE;
	else
	{
		scan->source = ZP_SOURCE_LOG;
		scan->answer = zp_answer_from_log(scan);
	}
}

/* Before the first entry: the source, complete for the scan's snapshot. */
static void
choose_source(IndexScanDesc descriptor, ZpScan *scan)
{
	Snapshot	snapshot = descriptor->xs_snapshot;
	bool		is_mvcc = snapshot != NULL && IsMVCCSnapshot(snapshot);
	bool		renewed = false;

	pgstat_count_index_scan(scan->index);
	ZP_COUNT_SEARCH(descriptor);
	if (descriptor->xs_want_itup)
	{
		if (scan->epoch_held)
		{
			/* This is for VACUUM, not for the scan; a nested loop need not ask each time. */
			if (++scan->epoch_uses % ZP_RENEW_EVERY == 0)
				renewed = zp_epoch_renew(scan);
		}
		else
		{
			zp_epoch_enter(scan);
			renewed = true;
		}
	}
	if (!(is_mvcc && scan->snapshot_known && !renewed && has_image(scan) &&
		  scan->snapshot_command == snapshot->curcid))
	{
		take_source(scan);
		scan->snapshot_known = is_mvcc;
		if (is_mvcc)
			scan->snapshot_command = snapshot->curcid;
	}
	if (scan->source == ZP_SOURCE_IMAGE)
		scan->image->scans++;
	else
		zp_image_count_scan(scan->index, true);
}

/* Whether two entries have the same key. */
static inline bool
same_key(const unsigned char *a, size_t a_bytes, const unsigned char *b, size_t b_bytes)
{
	return a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0;
}

/*
 * After a change of the source: whether this entry was given before it.  In one direction
 * entries with the key of `resume` come in the order primary, then the others by TID; in the
 * other direction it is the reverse.
 */
static bool
is_given(ZpScan *scan, const unsigned char *key, size_t key_bytes, ItemPointer tid)
{
	bool		is_primary;

	if (!same_key(key, key_bytes, (unsigned char *) scan->resume.data, scan->resume.len))
		return false;
	if (scan->given != NULL && hash_search(scan->given, tid, HASH_FIND, NULL) != NULL)
		return true;
	if (!scan->resume_secondary)
		return scan->direction == ZP_BACKWARD || ItemPointerEquals(tid, &scan->resume_tid);
	is_primary = ItemPointerGetOffsetNumberNoCheck(&scan->resume_primary) != InvalidOffsetNumber &&
		ItemPointerEquals(tid, &scan->resume_primary);
	if (scan->direction == ZP_FORWARD)
		return is_primary || ItemPointerCompare(tid, &scan->resume_tid) <= 0;
	return !is_primary && ItemPointerCompare(tid, &scan->resume_tid) >= 0;
}

/* Remembers an entry that is given while source_changed holds: the source may change again. */
static void
note_given(ZpScan *scan, const unsigned char *key, size_t key_bytes, ItemPointer tid)
{
	if (!same_key(key, key_bytes, (unsigned char *) scan->resume.data, scan->resume.len))
		return;
	if (scan->given == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(ItemPointerData);
		control.entrysize = sizeof(ItemPointerData);
		control.hcxt = scan->context;
		scan->given = hash_create("zipora entries given", 64, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(scan->given, tid, HASH_ENTER, NULL);
}

/* Whether an answer was not given before; it will be now. */
static bool
is_new(ZpScan *scan, const unsigned char *key, size_t key_bytes, ItemPointer tid)
{
	if (!scan->source_changed)
		return true;
	if (is_given(scan, key, key_bytes, tid))
		return false;
	note_given(scan, key, key_bytes, tid);
	return true;
}

/* Notes the last entry looked at. */
static void
set_resume(ZpScan *scan, const unsigned char *key, size_t key_bytes, ItemPointer tid,
		   bool secondary, const unsigned char *included, size_t included_bytes)
{
	resetStringInfo(&scan->resume);
	appendBinaryStringInfo(&scan->resume, (const char *) key, (int) key_bytes);
	resetStringInfo(&scan->resume_included);
	appendBinaryStringInfo(&scan->resume_included, (const char *) included,
						   (int) included_bytes);
	scan->resume_tid = *tid;
	scan->resume_secondary = secondary;
	ItemPointerSetInvalid(&scan->resume_primary);
	if (secondary && !scan->has_included && has_image(scan) && scan->image->open)
	{
		uint64_t	payload;

		if (zp_trie_lookup(&scan->image->session, key, key_bytes, &payload) == ZP_OK &&
			zp_payload_has_row(payload))
			zp_payload_tid(payload, &scan->resume_primary);
	}
}

/* Places the cursor where quals say. */
static ZpStatus
seek_to(ZpScan *scan, const ZpSeek *seek)
{
	if (seek->everywhere)
	{
		zp_cursor_rewind(&scan->cursor);
		return ZP_OK;
	}
	return zp_cursor_seek(&scan->cursor, seek->key, seek->key_bytes, seek->past);
}

/* Places the cursor behind the entry of `resume`, or so that none of its key is missed. */
static ZpStatus
seek_resume(ZpScan *scan)
{
	unsigned char key[ZP_IMAGE_KEY_BYTES];
	size_t		key_bytes = scan->resume.len;

	memcpy(key, scan->resume.data, key_bytes);
	if (scan->source_changed)
	{
		if (scan->direction == ZP_FORWARD)
			return zp_cursor_seek(&scan->cursor, key, key_bytes, false);
		/* No TID has all bits set. */
		memset(key + key_bytes, 0xFF, ZP_TID_BYTES);
		return zp_cursor_seek(&scan->cursor, key, key_bytes + ZP_TID_BYTES, false);
	}
	if (scan->resume_secondary)
	{
		zp_tid_encode(key + key_bytes, &scan->resume_tid);
		key_bytes += ZP_TID_BYTES;
		memcpy(key + key_bytes, scan->resume_included.data, scan->resume_included.len);
		key_bytes += scan->resume_included.len;
	}
	return zp_cursor_seek(&scan->cursor, key, key_bytes, true);
}

/* Makes an entry that no cursor gave the whole batch. */
static void
set_single(ZpScan *scan, const unsigned char *key, size_t key_bytes, uint64 payload,
		   const unsigned char *included, size_t included_bytes)
{
	ZpEntry    *entry = &scan->entries[0];

	entry->key = key;
	entry->key_bytes = key_bytes;
	entry->payload = payload;
	entry->value = included;
	entry->value_bytes = included_bytes;
	scan->count = 1;
}

/* A scan for one key that has one row needs no cursor: ZP_OK if it is answered so. */
static ZpStatus
read_point(ZpScan *scan)
{
	const unsigned char *key;
	size_t		key_bytes;
	uint64_t	payload;
	ZpStatus	status;

	if (scan->has_included || !zp_quals_is_point(scan->quals, &key, &key_bytes))
		return ZP_NOT_FOUND;
	status = zp_trie_lookup(&scan->image->session, key, key_bytes, &payload);
	if (status == ZP_NOT_FOUND)
	{
		scan->exhausted = true;
		return ZP_OK;
	}
	if (status != ZP_OK)
		return status;
	if ((payload & ZP_PAYLOAD_MORE) != 0)
		return ZP_NOT_FOUND;
	set_single(scan, key, key_bytes, payload, NULL, 0);
	scan->exhausted = true;
	return ZP_OK;
}

static bool
is_answer(ZpScan *scan, const ZpEntry *entry)
{
	ZpSeek		seek;

	return zp_quals_judge(scan->quals, scan->direction, entry->key,
						  zp_payload_key_bytes(entry->payload), &seek) == ZP_VERDICT_MATCH;
}

/*
 * How many of the entries, from the first on, are answers for certain: if the conditions are one
 * interval, whatever lies between two answers is one.
 */
static int
count_answers(ZpScan *scan, const ZpEntry *entries, int count)
{
	int			low = 0;		/* answers up to here */
	int			high = count - 1;	/* the last one, or something that is none */

	if (!zp_quals_is_interval(scan->quals) || !is_answer(scan, &entries[0]))
		return 0;
	if (is_answer(scan, &entries[high]))
		return count;
	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (is_answer(scan, &entries[middle]))
			low = middle;
		else
			high = middle;
	}
	return low + 1;
}

/* Notes the last entry of those read, from which the scan can go on. */
static void
note_last(ZpScan *scan, const ZpEntry *entry)
{
	ZpRecord	record;

	get_record(entry, &record);
	if (scan->source_changed &&
		!same_key(record.key, record.key_bytes, (unsigned char *) scan->resume.data,
				  scan->resume.len))
		end_change(scan);

	/* Within a key that was given in part, what was noted before still counts. */
	if (!scan->source_changed)
		set_resume(scan, record.key, record.key_bytes, &record.tid,
				   (entry->payload & ZP_PAYLOAD_SECONDARY) != 0, record.included,
				   record.included_bytes);
}

/*
 * Of the entries read, which stand behind the batch, makes those that are answers part of it.
 * Whether to go on elsewhere, where *seek says.
 */
static bool
add_answers(ZpScan *scan, int got, ZpSeek *seek)
{
	ZpEntry    *entries = &scan->entries[scan->count];
	int			answers = count_answers(scan, entries, got);
	int			i = scan->source_changed ? 0 : answers;
	const unsigned char *last = NULL;
	size_t		last_bytes = 0;
	ZpVerdict	verdict = ZP_VERDICT_SKIP;
	ZpEntry		end = entries[got - 1];

	scan->count += i;
	for (; i < got; i++)
	{
		ZpEntry		entry = entries[i];
		size_t		key_bytes = zp_payload_key_bytes(entry.payload);
		ItemPointerData tid;

		if (i < answers)
			verdict = ZP_VERDICT_MATCH;
		else if (last == NULL || !same_key(last, last_bytes, entry.key, key_bytes))
		{
			verdict = zp_quals_judge(scan->quals, scan->direction, entry.key, key_bytes, seek);
			last = entry.key;
			last_bytes = key_bytes;
		}
		if (verdict == ZP_VERDICT_MATCH)
		{
			zp_payload_tid(entry.payload, &tid);
			if (!zp_payload_has_row(entry.payload) || is_new(scan, entry.key, key_bytes, &tid))
				scan->entries[scan->count++] = entry;
		}
		else if (verdict == ZP_VERDICT_END)
		{
			scan->exhausted = true;
			return false;
		}
		else if (verdict == ZP_VERDICT_SEEK)
		{
			note_last(scan, &entry);
			return true;
		}
	}
	note_last(scan, &end);
	return false;
}

/* Before the first batch, or behind the last one, places the cursor. */
static ZpStatus
place_cursor(ZpScan *scan)
{
	ZpStatus	status = ZP_OK;
	ZpSeek		seek;

	if (scan->bytes == NULL)
	{
		scan->entries = MemoryContextAlloc(scan->context, ZP_BATCH_MOST * sizeof(ZpEntry));
		scan->bytes = MemoryContextAlloc(scan->context, ZP_BATCH_BYTES);
	}
	if (!scan->cursor_begun)
	{
		zp_cursor_begin(&scan->cursor, &scan->image->session);
		scan->cursor_begun = true;
		scan->cursor_placed = false;
	}
	if (scan->at_start)
	{
		if (zp_quals_begin(scan->quals, scan->direction, &seek) == ZP_VERDICT_END)
			scan->exhausted = true;
		else
			status = seek_to(scan, &seek);
	}
	else if (!scan->cursor_placed)
		status = seek_resume(scan);
	scan->cursor_placed = status == ZP_OK;
	return status;
}

/*
 * Reads a batch from the image: ZP_OK (perhaps none, then exhausted), or a failure that says
 * that the image cannot be used any more.
 */
static ZpStatus
read_from_image(ZpScan *scan)
{
	int			step = scan->batch_size;
	size_t		used = 0;		/* of the bytes, by the batch */
	ZpStatus	status;

	/* A nested loop or a long scan keeps its image. */
	if (++scan->uses % ZP_TOUCH_EVERY == 0)
		zp_image_touch(scan->image);
	scan->removals = zp_load_relaxed_u64(&scan->image->state->removals);
	if (scan->at_start)
	{
		status = read_point(scan);
		if (status == ZP_OK)
			scan->at_start = false;
		if (status != ZP_NOT_FOUND)
			return status;
	}
	status = place_cursor(scan);
	if (status != ZP_OK)
		return status;

	while (!scan->exhausted && scan->count < scan->batch_size)
	{
		ZpEntry    *entries = &scan->entries[scan->count];
		size_t		got;
		size_t		needed;
		ZpSeek		seek;

		CHECK_FOR_INTERRUPTS();

		/* The bytes of what is no answer are not kept. */
		if (scan->count == 0)
			used = 0;
		else if (ZP_BATCH_BYTES - used < ZP_BATCH_BYTES_LEFT)
			break;
		status = zp_cursor_read(&scan->cursor, scan->direction, entries,
								Min(step, ZP_BATCH_MOST - scan->count),
								scan->bytes + used, ZP_BATCH_BYTES - used, &got, &needed);
		if (status == ZP_END)
		{
			scan->exhausted = true;
			return ZP_OK;
		}
		if (status != ZP_OK)
			return status;
		scan->at_start = false;
		used = (char *) entries[got - 1].key + entries[got - 1].key_bytes - scan->bytes;
		if (add_answers(scan, (int) got, &seek))
		{
			status = seek_to(scan, &seek);
			if (status != ZP_OK)
				return status;
			step = 2;
		}
		else
			step = Min(step * 2, ZP_BATCH_MOST);
	}
	scan->batch_size = Min(scan->batch_size * 4, ZP_BATCH_MOST);
	return ZP_OK;
}

/* Reads an entry from the log's answer into the batch. */
static void
read_from_answer(ZpScan *scan)
{
	ZpRecord	record;
	int			compared;

	scan->at_start = false;
	for (;;)
	{
		if (!zp_answer_next(scan->answer, scan->direction, &record))
		{
			scan->exhausted = true;
			return;
		}
		if (!scan->source_changed)
			break;

		/* No key is a prefix of another one. */
		compared = memcmp(record.key, scan->resume.data,
						  Min(record.key_bytes, (size_t) scan->resume.len));
		if (compared != 0 && (compared < 0) == (scan->direction == ZP_FORWARD))
			continue;
		if (compared != 0)
		{
			end_change(scan);
			break;
		}
		if (is_new(scan, record.key, record.key_bytes, &record.tid))
			break;
	}
	set_single(scan, record.key, record.key_bytes,
			   zp_payload_of_tid(&record.tid, record.key_bytes), record.included,
			   record.included_bytes);
}

/* Fills the batch; nothing in it: there is nothing more in this direction. */
static void
read_batch(IndexScanDesc descriptor, ZpScan *scan)
{
	flush_kills(scan);
	for (;;)
	{
		ZpStatus	status;

		scan->count = 0;
		scan->position = -1;
		if (scan->source == ZP_SOURCE_LOG)
		{
			read_from_answer(scan);
			return;
		}
		if (scan->epoch_held && !scan->at_start && zp_epoch_renew(scan))
			scan->generation = 0;
		if (!has_image(scan))
		{
			take_source(scan);
			scan->source_changed = !scan->at_start;
			continue;
		}
		status = read_from_image(scan);
		if (status == ZP_OK)
			return;
		if (scan->count > 0)
		{
			/* What was read counts as given; the next batch will meet the failure, or not. */
			scan->cursor_placed = false;
			return;
		}
		if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else if (status == ZP_DROPPED)
			zp_image_close(scan->image);
		else
		{
			/* What cannot be read in the image can be read in the log. */
			end_cursor(scan);
			scan->source = ZP_SOURCE_LOG;
			scan->answer = zp_answer_from_log(scan);
			scan->source_changed = !scan->at_start;
		}
	}
}

/* The tuple of an index-only scan, from its values. */
static HeapTuple
form_from_values(ZpScan *scan, TupleDesc row, const ZpEntry *entry)
{
	HeapTuple	result;
	ZpRecord	record;
	MemoryContext old;

	if (scan->tuple_context == NULL)
	{
		scan->tuple_context = AllocSetContextCreate(scan->context, "zipora index tuple",
													ALLOCSET_SMALL_SIZES);
		scan->values = MemoryContextAlloc(scan->context, row->natts * sizeof(Datum));
		scan->isnull = MemoryContextAlloc(scan->context, row->natts * sizeof(bool));
	}
	MemoryContextReset(scan->tuple_context);
	old = MemoryContextSwitchTo(scan->tuple_context);
	get_record(entry, &record);
	if (!zp_key_decode(scan->layout, record.key, record.key_bytes, scan->values, scan->isnull) ||
		(scan->has_included &&
		 !zp_included_decode(scan->layout, record.included, record.included_bytes,
							 scan->values, scan->isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" contains a key that is not well formed",
						RelationGetRelationName(scan->index)),
				 errhint("Please REINDEX it.")));
	result = heap_form_tuple(row, scan->values, scan->isnull);
	MemoryContextSwitchTo(old);
	return result;
}

/* What an index-only scan returns. */
static void
return_values(IndexScanDesc descriptor, ZpScan *scan, const ZpEntry *entry)
{
	TupleDesc	row = RelationGetDescr(scan->index);

	if (scan->tuple == NULL)
	{
		scan->tuple = MemoryContextAlloc(scan->context, ZP_KEY_TUPLE_BYTES);
		descriptor->xs_itupdesc = row;
		descriptor->xs_hitupdesc = row;
	}
	descriptor->xs_hitup = NULL;
	descriptor->xs_itup = scan->tuple;
	if (scan->has_included ||
		!zp_key_form_tuple(scan->layout, row, entry->key, zp_payload_key_bytes(entry->payload),
						   scan->tuple))
		descriptor->xs_hitup = form_from_values(scan, row, entry);
}

/* The next entry of the batch, or of the next one; NULL: there is none. */
static inline const ZpEntry *
next_entry(IndexScanDesc descriptor, ZpScan *scan)
{
	for (;;)
	{
		if (unlikely(++scan->position >= scan->count))
		{
			if (scan->exhausted)
			{
				flush_kills(scan);
				scan->count = 0;
			}
			else
				read_batch(descriptor, scan);
			scan->position = -1;
			if (scan->count == 0)
				return NULL;
			scan->position = 0;
		}
		if (zp_payload_has_row(scan->entries[scan->position].payload))
			return &scan->entries[scan->position];
	}
}

bool
zp_index_gettuple(IndexScanDesc descriptor, ScanDirection scan_direction)
{
	ZpScan	   *scan = descriptor->opaque;
	ZpDirection direction = ScanDirectionIsBackward(scan_direction) ? ZP_BACKWARD : ZP_FORWARD;
	const ZpEntry *entry;

	if (descriptor->kill_prior_tuple && scan->position >= 0 && scan->position < scan->count &&
		!scan->killed[scan->position])
	{
		scan->killed[scan->position] = true;
		scan->killed_count++;
	}
	if (!scan->begun)
	{
		scan->begun = true;
		scan->direction = direction;
		scan->recheck = descriptor->numberOfKeys > 0 &&
			(zp_quals_recheck(scan->quals) || !IsMVCCSnapshot(descriptor->xs_snapshot));
		choose_source(descriptor, scan);
	}
	else if (scan->direction != direction)
		elog(ERROR, "a scan of index \"%s\" was asked to turn round",
			 RelationGetRelationName(scan->index));
	entry = next_entry(descriptor, scan);
	if (entry == NULL)
		return false;
	zp_payload_tid(entry->payload, &descriptor->xs_heaptid);
	descriptor->xs_recheck = scan->recheck;
	scan->returned++;
	if (descriptor->xs_want_itup)
		return_values(descriptor, scan, entry);
	return true;
}

int64
zp_index_getbitmap(IndexScanDesc descriptor, TIDBitmap *bitmap)
{
	ZpScan	   *scan = descriptor->opaque;
	bool		recheck = zp_quals_recheck(scan->quals);
	const ZpEntry *entry;
	int64		found = 0;

	scan->begun = true;
	choose_source(descriptor, scan);
	while ((entry = next_entry(descriptor, scan)) != NULL)
	{
		ItemPointerData tid;

		zp_payload_tid(entry->payload, &tid);
		tbm_add_tuples(bitmap, &tid, 1, recheck);
		found++;
	}
	return found;
}
