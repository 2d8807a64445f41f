/*
 * build.c
 *	  CREATE INDEX and REINDEX: sort, then write the base.
 *
 * The pages are written to shared buffers without WAL, and logged as a whole at the end, since nobody
 * can see the index before its transaction commits.
 */
#include "compat.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/tuplesort.h"

#include "am/am.h"

/* Phases, in pg_stat_progress_create_index; the first is PostgreSQL's own. */
#define ZP_PHASE_SCAN		2
#define ZP_PHASE_SORT		3
#define ZP_PHASE_WRITE		4
#define ZP_PHASE_LOG		5

typedef struct ZpBuildState
{
	Relation	heap;
	Relation	index;
	ZpKeyLayout *layout;
	bool		has_included;
	Tuplesortstate *sort;
	StringInfoData key;
	StringInfoData included;
	StringInfoData scratch;
	double		tuples;
} ZpBuildState;

char *
zp_index_build_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case ZP_PHASE_SCAN:
			return "scanning table";
		case ZP_PHASE_SORT:
			return "sorting live tuples";
		case ZP_PHASE_WRITE:
			return "writing pages in key order";
		case ZP_PHASE_LOG:
			return "logging pages";
		default:
			return NULL;
	}
}

static void
add_tuple(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	ZpBuildState *state = argument;
	ZpRecord	record = {0};

	resetStringInfo(&state->key);
	resetStringInfo(&state->included);
	zp_key_encode(state->layout, values, isnull, &state->key);
	if (state->has_included)
		zp_included_encode(state->layout, values, isnull, &state->included);
	zp_check_key_size(state->heap, index, (size_t) state->key.len + state->included.len);
	record.key = (unsigned char *) state->key.data;
	record.key_bytes = state->key.len;
	record.tid = *tid;
	record.included = (unsigned char *) state->included.data;
	record.included_bytes = state->included.len;
	zp_records_put(state->sort, &state->scratch, &record);
	state->tuples++;
}

static uint64
new_incarnation(void)
{
	uint64		incarnation;

	if (!pg_strong_random(&incarnation, sizeof(incarnation)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random number for index")));
	return incarnation;
}

/* Writes the pages from sorted records; nothing is logged yet. */
static void
write_pages(ZpBuildState *state, int fillfactor)
{
	Relation	index = state->index;
	uint64		incarnation = new_incarnation();
	uint64		tail_birth = ZP_BIRTH_OF_TAIL | 1;
	ZpBaseWriter *writer = palloc(sizeof(ZpBaseWriter));
	ZpRecord	record = {0};
	Buffer		meta_buffer;
	Buffer		tail_buffer;
	ZpLogMeta  *meta;

	meta_buffer = zp_extend_relation(index);
	if (BufferGetBlockNumber(meta_buffer) != ZP_META_BLOCK)
		elog(ERROR, "unexpected block %u of new index \"%s\"",
			 BufferGetBlockNumber(meta_buffer), RelationGetRelationName(index));
	LockBuffer(meta_buffer, BUFFER_LOCK_UNLOCK);

	/* The first tail page comes before the base: its number is known then. */
	tail_buffer = zp_extend_relation(index);
	START_CRIT_SECTION();
	zp_page_init(BufferGetPage(tail_buffer), ZP_PAGE_TAIL, incarnation, tail_birth);
	MarkBufferDirty(tail_buffer);
	END_CRIT_SECTION();
	LockBuffer(tail_buffer, BUFFER_LOCK_UNLOCK);

	zp_base_begin(writer, index, false, incarnation, 1, fillfactor);
	while (zp_records_get(state->sort, true, &record))
	{
		zp_base_put(writer, &record);
		if (writer->entries % 4096 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, writer->entries);
		}
	}
	zp_base_end(writer, BufferGetBlockNumber(tail_buffer), tail_birth);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, writer->entries);

	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	zp_meta_init(BufferGetPage(meta_buffer), incarnation);
	meta = zp_page_meta(BufferGetPage(meta_buffer));
	meta->seal = meta->last = BufferGetBlockNumber(tail_buffer);
	meta->seal_birth = meta->last_birth = tail_birth;
	meta->first = writer->first != InvalidBlockNumber ? writer->first : meta->seal;
	meta->first_birth = writer->first != InvalidBlockNumber ? writer->first_birth : tail_birth;
	meta->base_entries = writer->entries;
	meta->base_key_bytes = writer->key_bytes;
	meta->live_entries = writer->entries;
	zp_meta_stamp(meta);
	MarkBufferDirty(meta_buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(meta_buffer);
	ReleaseBuffer(tail_buffer);
	pfree(writer);
}

IndexBuildResult *
zp_index_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	ZpBuildState state = {0};
	ZpIndexOptions options;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	zp_key_check_collations(index);
	zp_options_get(index, &options);

	state.heap = heap;
	state.index = index;
	state.layout = zp_key_layout(index, CurrentMemoryContext);
	state.has_included = state.layout->attributes > state.layout->columns;
	initStringInfo(&state.key);
	initStringInfo(&state.included);
	initStringInfo(&state.scratch);
	state.sort = zp_records_begin(maintenance_work_mem, false);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ZP_PHASE_SCAN);
	result->heap_tuples = table_index_build_scan(heap, index, info, true, true, add_tuple,
												 &state, NULL);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ZP_PHASE_SORT);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) state.tuples);
	tuplesort_performsort(state.sort);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ZP_PHASE_WRITE);
	write_pages(&state, options.fillfactor);
	tuplesort_end(state.sort);

	if (RelationNeedsWAL(index))
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ZP_PHASE_LOG);
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	}
	result->index_tuples = state.tuples;
	return result;
}

/* The init fork of an unlogged index: what a crash resets it to. */
void
zp_index_build_empty(Relation index)
{
	uint64		incarnation = new_incarnation();
	uint64		tail_birth = ZP_BIRTH_OF_TAIL | 1;

	zp_key_check_collations(index);
	for (BlockNumber block = ZP_META_BLOCK; block <= ZP_META_BLOCK + 1; block++)
	{
		Buffer		buffer = zp_extend_fork(index, INIT_FORKNUM);
		Page		page = BufferGetPage(buffer);

		START_CRIT_SECTION();
		if (block == ZP_META_BLOCK)
		{
			ZpLogMeta  *meta;

			zp_meta_init(page, incarnation);
			meta = zp_page_meta(page);
			meta->first = meta->seal = meta->last = ZP_META_BLOCK + 1;
			meta->first_birth = meta->seal_birth = meta->last_birth = tail_birth;
			zp_meta_stamp(meta);
		}
		else
			zp_page_init(page, ZP_PAGE_TAIL, incarnation, tail_birth);
		MarkBufferDirty(buffer);
		/* Generic WAL knows of no init fork. */
		log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
}
