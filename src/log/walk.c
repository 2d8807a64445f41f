/*
 * walk.c
 *	  Reading the log from a place on to its end.
 *
 * A walk holds no lock and no pin: it reads copies.  A chain that was replaced by compaction
 * can still be walked to its end as long as its pages have not been taken for something else,
 * and what comes at the end is the same; if they have, the births differ, and the walk
 * is told to begin again.
 */
#include "compat.h"

#include "miscadmin.h"

#include "log/log.h"

BufferAccessStrategy
zp_walk_strategy(Relation index)
{
	return RelationGetNumberOfBlocks(index) > (BlockNumber) NBuffers / 4 ?
		GetAccessStrategy(BAS_BULKREAD) : NULL;
}

void
zp_walk_begin(ZpLogWalk *walk, Relation index, BufferAccessStrategy strategy,
			  uint64 incarnation, BlockNumber block, uint64 birth)
{
	walk->index = index;
	walk->strategy = strategy;
	walk->incarnation = incarnation;
	walk->has_included = IndexRelationGetNumberOfAttributes(index) >
		IndexRelationGetNumberOfKeyAttributes(index);
	walk->block = InvalidBlockNumber;
	walk->birth = 0;
	walk->next = block;
	walk->next_birth = birth;
	walk->page = palloc(BLCKSZ);
}

void
zp_walk_end(ZpLogWalk *walk)
{
	pfree(walk->page);
	walk->page = NULL;
}

ZpWalkResult
zp_walk_next_page(ZpLogWalk *walk)
{
	BlockNumber block = walk->next;
	uint64		birth = walk->next_birth;
	ZpPageMark *mark;

	if (block == InvalidBlockNumber)
		return ZP_WALK_END;
	CHECK_FOR_INTERRUPTS();
	if (!zp_page_read(walk->index, block, walk->incarnation, birth, walk->strategy, walk->page))
		return ZP_WALK_MOVED;
	mark = zp_page_mark(walk->page);
	if (mark->kind != ZP_PAGE_BASE && mark->kind != ZP_PAGE_TAIL)
		zp_page_corrupted(walk->index, block, "The page is in the chain, but holds no entries.");
	walk->block = block;
	walk->birth = birth;
	walk->next = mark->next;
	walk->next_birth = mark->next_birth;
	zp_decoder_begin(&walk->decoder, walk->index, block, walk->page, walk->has_included);
	return ZP_WALK_PAGE;
}
