/*
 * dsm_segments.c
 *	  An arena's segments as PostgreSQL's dynamic shared memory.
 *
 * A segment is made by dsm_create and pinned, so it lives until the server stops;
 * its mapping is pinned too, so it stays until this backend ends.
 *
 * dsm_create and dsm_attach throw, and the core may call us with a lock of its own
 * held, which no error handler of PostgreSQL would release.  So errors are caught
 * here and become a status.  That is right only because these two functions throw
 * with none of their own locks held and leave at most a half-made descriptor; a
 * resource owner of ours collects it.  An error also resets the counts that hold
 * off interrupts, while the caller still has an LWLock: they are put back.
 *
 * Full file systems.  A POSIX or mmap segment takes memory from a file system
 * (/dev/shm is 64 MB in Docker's default).  posix_fallocate on a full one takes what
 * there is before it fails, and then gives it back: so look at the free space first,
 * and leave ZP_SPACE_MARGIN of it to others.  Two backends may look at the same
 * time; then one of them gets the error, or EFAULT, which is handled as well.
 *
 * Decommit punches a hole (MADV_REMOVE); commit fills it again before anybody
 * touches it (MADV_POPULATE_WRITE), since a store into a hole that cannot be filled
 * would be a SIGBUS.  On a kernel without MADV_POPULATE_WRITE (before 5.14), or
 * where the mapping does not begin on a page, memory is never given back.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <sys/statvfs.h>

#include "miscadmin.h"
#include "storage/dsm.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "port/point.h"
#include "shm/dsm_segments.h"

#define ZP_SPACE_MARGIN ((uint64) 1024 * 1024)

/* This backend's mappings. */
static dsm_segment *mappings[ZP_SEGMENTS];

bool
zp_dsm_free_space(const char **directory, uint64 *free_bytes)
{
	struct statvfs space;

	if (dynamic_shared_memory_type == DSM_IMPL_POSIX)
		*directory = "/dev/shm";
	else if (dynamic_shared_memory_type == DSM_IMPL_MMAP)
		*directory = PG_DYNSHMEM_DIR;
	else
		return false;
	if (statvfs(*directory, &space) != 0 || space.f_blocks == 0)
		return false;
	*free_bytes = (uint64) space.f_bavail * space.f_frsize;
	return true;
}

static bool
space_is_short(size_t bytes)
{
	const char *directory;
	uint64		free_bytes;

	return zp_dsm_free_space(&directory, &free_bytes) && free_bytes < bytes + ZP_SPACE_MARGIN;
}

/*
 * Makes a segment (handle DSM_HANDLE_INVALID) or maps an existing one.  NULL: it
 * failed, and nothing is left of it.
 */
static dsm_segment *
map_segment(dsm_handle handle, size_t bytes)
{
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner old_owner = CurrentResourceOwner;
	uint32		old_holdoff = InterruptHoldoffCount;
	uint32		old_cancel_holdoff = QueryCancelHoldoffCount;
	uint32		old_critical = CritSectionCount;
	ResourceOwner volatile owner = NULL;
	dsm_segment *volatile segment = NULL;

	/* Even a debug message would service interrupts. */
	HOLD_INTERRUPTS();
	PG_TRY();
	{
		owner = ResourceOwnerCreate(NULL, "zipora segment");
		CurrentResourceOwner = owner;
		if (handle == DSM_HANDLE_INVALID)
		{
			segment = dsm_create(bytes, 0);
			dsm_pin_segment(segment);
		}
		else
			segment = dsm_attach(handle);
		if (segment != NULL)
			dsm_pin_mapping(segment);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old_context);
		FlushErrorState();
		InterruptHoldoffCount = old_holdoff + 1;
		QueryCancelHoldoffCount = old_cancel_holdoff;
		CritSectionCount = old_critical;
		segment = NULL;
	}
	PG_END_TRY();

	CurrentResourceOwner = old_owner;
	if (owner != NULL)
	{
		ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
		ResourceOwnerDelete(owner);
	}
	RESUME_INTERRUPTS();
	return segment;
}

static ZpStatus
segment_create(void *context, uint32_t number, size_t bytes, uint32_t *handle, void **base)
{
	dsm_segment *segment;

	/* With min_dynamic_shared_memory it may come from elsewhere. */
	if (min_dynamic_shared_memory == 0 && space_is_short(bytes))
		return ZP_OUT_OF_MEMORY;
	segment = map_segment(DSM_HANDLE_INVALID, bytes);
	if (segment == NULL)
		return ZP_OUT_OF_MEMORY;
	mappings[number] = segment;
	*handle = dsm_segment_handle(segment);
	*base = dsm_segment_address(segment);

	/* What comes from min_dynamic_shared_memory may have been used before. */
	if ((*handle & 1) != 0)
		memset(*base, 0, bytes);
	return ZP_OK;
}

static ZpStatus
segment_attach(void *context, uint32_t number, size_t bytes, uint32_t handle, void **base)
{
	dsm_segment *segment = ZP_FAIL_POINT("segment_attach") ? NULL : map_segment(handle, bytes);

	if (segment == NULL)
		return ZP_MAP_FAILED;
	if (dsm_segment_map_length(segment) < bytes)
	{
		dsm_detach(segment);
		return ZP_MAP_FAILED;
	}
	mappings[number] = segment;
	*base = dsm_segment_address(segment);
	return ZP_OK;
}

static void
segment_detach(void *context, uint32_t number, size_t bytes, void *base)
{
	if (mappings[number] != NULL)
		dsm_detach(mappings[number]);
	mappings[number] = NULL;
}

static ZpStatus
segment_decommit(void *context, void *base, size_t bytes)
{
#if defined(MADV_REMOVE) && defined(MADV_POPULATE_WRITE)
	/* The first page has its memory: this only asks whether the kernel knows the call. */
	if (madvise(base, ZP_PAGE_BYTES, MADV_POPULATE_WRITE) == 0 &&
		madvise(base, bytes, MADV_REMOVE) == 0)
		return ZP_OK;
#endif
	return ZP_BAD_ARGUMENT;
}

static ZpStatus
segment_commit(void *context, void *base, size_t bytes)
{
#if defined(MADV_REMOVE) && defined(MADV_POPULATE_WRITE)
	int			result;

	if (space_is_short(bytes))
		return ZP_OUT_OF_MEMORY;
	do
		result = madvise(base, bytes, MADV_POPULATE_WRITE);
	while (result != 0 && (errno == EINTR || errno == EAGAIN));
	if (result == 0)
		return ZP_OK;
	(void) madvise(base, bytes, MADV_REMOVE);
#endif
	return ZP_OUT_OF_MEMORY;
}

/*
 * The kernel is asked to put huge pages behind these pages now (since 6.1), because what
 * posix_fallocate took are small ones.  Those at the ends that are less than a huge
 * page stay small.
 */
static ZpStatus
segment_huge(void *context, void *base, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
	if (madvise(base, bytes, MADV_HUGEPAGE) == 0 && madvise(base, bytes, MADV_COLLAPSE) == 0)
		return ZP_OK;
#endif
	return ZP_NOT_FOUND;
}

const ZpSegmentOps zp_dsm_segment_ops = {
	.create = segment_create,
	.attach = segment_attach,
	.detach = segment_detach,
	.decommit = segment_decommit,
	.commit = segment_commit,
	.huge = segment_huge
};
