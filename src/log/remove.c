/*
 * remove.c
 *	  Flagging entries as dead.
 *
 * The flags and the tombstone are one WAL record, so there is no moment at which a reader of
 * the log and an image that follows the log could come to know different things.
 */
#include "compat.h"

#include "access/generic_xlog.h"

#include "log/log.h"

void
zp_log_remove(Relation index, ZpLogTail *tail, BlockNumber block, uint64 birth,
			  const uint16 *offsets, size_t count)
{
	unsigned char *tombstone = palloc(BLCKSZ);
	size_t		length = zp_entry_encode_tombstone(tombstone, block, birth, offsets, count);
	Buffer		last = zp_log_lock_tail(index, tail);
	Buffer		buffer = InvalidBuffer;
	GenericXLogState *state;
	Page		page;
	Page		last_page;

	if (zp_page_room(BufferGetPage(last)) < length)
		last = zp_log_extend(index, tail, last);
	if (BufferGetBlockNumber(last) != block)
	{
		buffer = ReadBuffer(index, block);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		zp_page_check(index, block, page);
		if (zp_page_mark(page)->birth != birth)
			zp_page_corrupted(index, block, "The page has become another one under VACUUM.");
	}

	state = GenericXLogStart(index);
	last_page = GenericXLogRegisterBuffer(state, last, 0);
	page = buffer == InvalidBuffer ? last_page : GenericXLogRegisterBuffer(state, buffer, 0);
	for (size_t i = 0; i < count; i++)
	{
		char	   *at = (char *) page + offsets[i];
		uint16		head = zp_load_uint16(at) | ZP_ENTRY_DEAD;

		memcpy(at, &head, sizeof(head));
	}
	memcpy((char *) last_page + zp_page_lower(last_page), tombstone, length);
	((PageHeader) last_page)->pd_lower += length;
	GenericXLogFinish(state);

	if (buffer != InvalidBuffer)
		UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(last);
	pfree(tombstone);
}
