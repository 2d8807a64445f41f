/*
 * epoch.c
 *	  Index-only scans against VACUUM.
 *
 * An index-only scan that has copied an entry asks the visibility map whether the row's page
 * is all-visible, and if so does not look at the row.  VACUUM must not remove the entry,
 * reclaim the row and set that bit between the copying and the question.
 *
 * So such a scan holds a lock in PostgreSQL's lock manager, in share mode, on the index's current
 * epoch (a tuple lock on the index, whose block number is the epoch: nobody else locks tuples of an index), and then makes sure that its image or its
 * reading of the log is complete.  VACUUM begins a new epoch before it removes the first entry from the log, and
 * another one after the last; then it waits until nobody holds an earlier one.  The first is there for the
 * VACUUM that comes after one that was stopped: it finds nothing to remove, but epochs that are not drained.  Who comes later enters the new epoch and finds the
 * removals in the log.  A scan that goes on for long looks at the epoch with each batch, or when it begins anew for the
 * 16th time, and moves to the new one; a cursor that nobody fetches from holds VACUUM up, as it does with
 * other access methods, and the deadlock detector sees it.
 */
#include "compat.h"

#include "access/generic_xlog.h"
#include "storage/lmgr.h"

#include "am/scan.h"

static void
make_tag(ItemPointer tag, uint32 epoch)
{
	ItemPointerSet(tag, epoch, FirstOffsetNumber);
}

static bool
lock_epoch(Relation index, uint32 epoch)
{
	ItemPointerData tag;

	make_tag(&tag, epoch);
	return zp_conditional_lock_tuple(index, &tag, ShareLock);
}

static void
unlock_epoch(Relation index, uint32 epoch, LOCKMODE mode)
{
	ItemPointerData tag;

	make_tag(&tag, epoch);
	UnlockTuple(index, &tag, mode);
}

void
zp_epoch_enter(ZpScan *scan)
{
	ZpLogMeta	meta;

	Assert(!scan->epoch_held);
	for (;;)
	{
		uint32		epoch;

		CHECK_FOR_INTERRUPTS();
		zp_meta_read(scan->index, &meta);
		epoch = (uint32) meta.epoch;

		/* If a VACUUM waits for the epoch, it has begun the next one. */
		if (!lock_epoch(scan->index, epoch))
			continue;
		zp_meta_read(scan->index, &meta);
		if ((uint32) meta.epoch == epoch)
		{
			scan->epoch = epoch;
			scan->epoch_held = true;
			return;
		}
		unlock_epoch(scan->index, epoch, ShareLock);
	}
}

void
zp_epoch_leave(ZpScan *scan)
{
	if (!scan->epoch_held)
		return;
	unlock_epoch(scan->index, scan->epoch, ShareLock);
	scan->epoch_held = false;
}

bool
zp_epoch_renew(ZpScan *scan)
{
	ZpLogMeta	meta;

	zp_meta_read(scan->index, &meta);
	if ((uint32) meta.epoch == scan->epoch)
		return false;
	zp_epoch_leave(scan);
	zp_epoch_enter(scan);
	return true;
}

/* Changes the metapage's epochs. */
static void
set_epochs(Relation index, uint64 epoch, uint64 drained)
{
	Buffer		buffer = ReadBuffer(index, ZP_META_BLOCK);
	GenericXLogState *state;
	ZpLogMeta  *meta;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(index);
	meta = zp_meta_change(index, GenericXLogRegisterBuffer(state, buffer, 0));
	meta->epoch = epoch;
	meta->drained = drained;
	zp_meta_stamp(meta);
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

void
zp_epoch_announce(Relation index)
{
	ZpLogMeta	meta;

	zp_meta_read(index, &meta);
	set_epochs(index, meta.epoch + 1, meta.drained);
}

bool
zp_epoch_is_drained(Relation index)
{
	ZpLogMeta	meta;

	zp_meta_read(index, &meta);
	return meta.drained == meta.epoch;
}

void
zp_epoch_drain(Relation index)
{
	ZpLogMeta	meta;

	zp_meta_read(index, &meta);
	set_epochs(index, meta.epoch + 1, meta.drained);

	/* An earlier VACUUM may have been stopped while it waited. */
	for (uint64 epoch = meta.drained; epoch <= meta.epoch; epoch++)
	{
		ItemPointerData tag;

		CHECK_FOR_INTERRUPTS();
		make_tag(&tag, (uint32) epoch);
		LockTuple(index, &tag, ExclusiveLock);
		unlock_epoch(index, (uint32) epoch, ExclusiveLock);
	}
	set_epochs(index, meta.epoch + 1, meta.epoch + 1);
}
