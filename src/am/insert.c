/*
 * insert.c
 *	  Inserting: an entry goes to the end of the log, and that is all.
 *
 * Whoever has to begin a new page lets the image, if there is one, follow the log: so it never
 * lags by more than about a page, and the next scan has little to do.
 */
#include "compat.h"

#include "access/genam.h"
#include "nodes/execnodes.h"

#include "am/am.h"

/* What a statement keeps for its inserts into one index. */
typedef struct ZpInsertState
{
	ZpKeyLayout *layout;
	ZpLogTail	tail;
	StringInfoData key;
	StringInfoData included;
	unsigned char entry[BLCKSZ];
} ZpInsertState;

static ZpInsertState *
start_inserting(Relation index, IndexInfo *info)
{
	MemoryContext old = MemoryContextSwitchTo(info->ii_Context);
	ZpInsertState *state = palloc(sizeof(ZpInsertState));

	state->layout = zp_key_layout(index, info->ii_Context);
	memset(&state->tail, 0, sizeof(state->tail));
	initStringInfo(&state->key);
	initStringInfo(&state->included);
	MemoryContextSwitchTo(old);
	info->ii_AmCache = state;
	return state;
}

void
zp_check_key_size(Relation heap, Relation index, size_t bytes)
{
	if (bytes > ZP_LONGEST_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index row size %zu exceeds zipora maximum %zu for index \"%s\"",
						bytes, (size_t) ZP_LONGEST_KEY, RelationGetRelationName(index)),
				 errhint("Values larger than a page cannot be indexed.\n"
						 "Consider an index on a hash of the value or on its first characters."),
				 errtableconstraint(heap, RelationGetRelationName(index))));
}

bool
zp_index_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
				IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *info)
{
	ZpInsertState *state = info->ii_AmCache;
	bool		has_included;
	size_t		length;

	if (state == NULL)
		state = start_inserting(index, info);
	has_included = state->layout->attributes > state->layout->columns;
	resetStringInfo(&state->key);
	resetStringInfo(&state->included);
	zp_key_encode(state->layout, values, isnull, &state->key);
	if (has_included)
		zp_included_encode(state->layout, values, isnull, &state->included);
	zp_check_key_size(heap, index, (size_t) state->key.len + state->included.len);
	length = zp_entry_encode(state->entry, tid, has_included,
							 (unsigned char *) state->key.data, state->key.len,
							 (unsigned char *) state->included.data, state->included.len);
	if (zp_log_append(index, &state->tail, state->entry, length))
		zp_image_follow(index, false);
	return false;
}
