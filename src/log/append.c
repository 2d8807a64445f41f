/*
 * append.c
 *	  Appending to the log.
 *
 * An insertion changes two bytes of the last page's header and adds the entry behind the
 * others.  Generic WAL is the record for that: redo, standbys and backups need no code of ours.
 * But its functions compare whole pages, at 5 microseconds an entry and more.  So where the format
 * of its records is known (ZP_GENERIC_DELTA_IS_KNOWN: it has been the same from version 9.6 on),
 * the record is made by hand: for each block, pairs of offset and length with their bytes.
 */
#include "compat.h"

#include "access/generic_xlog.h"
#include "access/xloginsert.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "log/log.h"

bool		zp_fast_wal = true;

Buffer
zp_log_lock_tail(Relation index, ZpLogTail *tail)
{
	ZpLogMeta	meta;
	bool		meta_read = false;

	for (;;)
	{
		Buffer		buffer;
		Page		page;
		ZpPageMark *mark;

		if (!tail->known)
		{
			uint64		last_birth = meta_read ? meta.last_birth : 0;

			CHECK_FOR_INTERRUPTS();
			zp_meta_read(index, &meta);
			if (meta.last_birth == last_birth)
				zp_page_corrupted(index, meta.last, "The way to the end of the log is broken.");
			meta_read = true;
			tail->incarnation = meta.incarnation;
			tail->block = meta.last;
			tail->birth = meta.last_birth;
			tail->known = true;
			if (tail->block >= RelationGetNumberOfBlocks(index))
				zp_page_corrupted(index, ZP_META_BLOCK, "The last page does not exist.");
		}
		buffer = ReadBuffer(index, tail->block);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		zp_page_check(index, tail->block, page);
		mark = zp_page_mark(page);
		if (mark->incarnation == tail->incarnation && mark->birth == tail->birth)
		{
			if (mark->next == InvalidBlockNumber)
			{
				if (mark->kind != ZP_PAGE_TAIL)
					zp_page_corrupted(index, tail->block, "The log does not end with a tail page.");
				return buffer;
			}
			if (mark->next >= RelationGetNumberOfBlocks(index))
				zp_page_corrupted(index, tail->block, "It leads to a page that does not exist.");
			tail->block = mark->next;
			tail->birth = mark->next_birth;
		}
		else
			tail->known = false;
		UnlockReleaseBuffer(buffer);
	}
}

Buffer
zp_log_claim(Relation index)
{
	Buffer		buffer;

	/* What the map of free space says is a hint; the page itself decides, under its lock. */
	for (;;)
	{
		BlockNumber block = GetFreeIndexPage(index);

		if (block == InvalidBlockNumber)
			break;
		/* After a crash it may speak of pages that the file has not got. */
		if (block >= RelationGetNumberOfBlocks(index))
			continue;
		buffer = ReadBuffer(index, block);
		if (ConditionalLockBuffer(buffer))
		{
			Page		page = BufferGetPage(buffer);

			if (PageIsNew(page))
				return buffer;
			zp_page_check(index, block, page);
			if (zp_page_mark(page)->kind == ZP_PAGE_FREE)
				return buffer;
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buffer);
	}
	return zp_extend_relation(index);
}

Buffer
zp_log_extend(Relation index, ZpLogTail *tail, Buffer last)
{
	Buffer		added = zp_log_claim(index);
	Buffer		meta_buffer = ReadBuffer(index, ZP_META_BLOCK);
	GenericXLogState *state;
	Page		last_page;
	Page		added_page;
	ZpLogMeta  *meta;
	ZpPageMark *mark;
	uint64		birth;

	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(index);
	last_page = GenericXLogRegisterBuffer(state, last, 0);
	added_page = GenericXLogRegisterBuffer(state, added, GENERIC_XLOG_FULL_IMAGE);
	meta = zp_meta_change(index, GenericXLogRegisterBuffer(state, meta_buffer, 0));

	mark = zp_page_mark(last_page);
	birth = mark->birth + 1;
	zp_page_init(added_page, ZP_PAGE_TAIL, mark->incarnation, birth);
	mark->next = BufferGetBlockNumber(added);
	mark->next_birth = birth;
	meta->last = BufferGetBlockNumber(added);
	meta->last_birth = birth;
	zp_meta_stamp(meta);
	GenericXLogFinish(state);

	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(last);
	tail->block = BufferGetBlockNumber(added);
	tail->birth = birth;
	return added;
}

/* Appends to a page that is locked and has the room. */
static void
append_to_page(Relation index, Buffer buffer, const unsigned char *entry, size_t length)
{
	Page		page = BufferGetPage(buffer);

#ifdef ZP_GENERIC_DELTA_IS_KNOWN
	if (zp_fast_wal)
	{
		uint16		lower = zp_page_lower(page);
		uint16		new_lower = (uint16) (lower + length);
		uint16		head[5];

		START_CRIT_SECTION();
		memcpy((char *) page + lower, entry, length);
		((PageHeader) page)->pd_lower = new_lower;
		MarkBufferDirty(buffer);
		if (RelationNeedsWAL(index))
		{
			XLogRecPtr	end;

			head[0] = offsetof(PageHeaderData, pd_lower);
			head[1] = sizeof(uint16);
			head[2] = new_lower;
			head[3] = lower;
			head[4] = (uint16) length;
			XLogBeginInsert();
			XLogRegisterBuffer(0, buffer, REGBUF_STANDARD);
			XLogRegisterBufData(0, (char *) head, sizeof(head));
			XLogRegisterBufData(0, (char *) entry, length);
			end = XLogInsert(RM_GENERIC_ID, 0);
			PageSetLSN(page, end);
		}
		END_CRIT_SECTION();
		return;
	}
#endif
	{
		GenericXLogState *state = GenericXLogStart(index);
		Page		copy = GenericXLogRegisterBuffer(state, buffer, 0);

		memcpy((char *) copy + zp_page_lower(copy), entry, length);
		((PageHeader) copy)->pd_lower += length;
		GenericXLogFinish(state);
	}
}

bool
zp_log_append(Relation index, ZpLogTail *tail, const unsigned char *entry, size_t length)
{
	Buffer		buffer = zp_log_lock_tail(index, tail);
	bool		extended = false;

	if (zp_page_room(BufferGetPage(buffer)) < length)
	{
		buffer = zp_log_extend(index, tail, buffer);
		extended = true;
	}
	append_to_page(index, buffer, entry, length);
	UnlockReleaseBuffer(buffer);
	return extended;
}
