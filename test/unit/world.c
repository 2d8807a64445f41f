/*
 * world.c
 *	  An arena for tests: segments are pieces of one file in memory.
 *
 * Segment s lies in the file where its first ref says, at 16 * ref, so a segment's
 * handle is not needed to find it; it is checked all the same.  The file is as long
 * as the whole address space and takes memory only where it is touched.  "Backed
 * by real memory" is a promise by bookkeeping: the bound that the world was made
 * with.
 *
 * Each process has a table of where it mapped the segments.  Its threads share the
 * table, so that one address means the same memory to ThreadSanitizer.  A child of
 * world_fork begins with an empty table: what its parent had mapped is made
 * inaccessible, so that a pointer that went through shared memory faults, and a gap
 * of random size moves what it maps itself to other addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#define HANDLE_OF(segment)	(0x5a000000u + (segment))
#define MOST_SHARED			64
#define FIRST_CHILD			2	/* participant of thread or process number 0 */

/* Seen by all processes. */
typedef struct WorldShared
{
	ZpAtomicU64 committed;		/* changed under the arena's `grow` only */
	ZpAtomicU32 fail_growth;	/* counts down; set by tests */
	uint64_t	max_bytes;		/* constant */
	uint32_t	handle;			/* of the arena; constant */
} WorldShared;

struct World
{
	int			fd;
	WorldShared *shared;
	ZpArenaMap	first_map;

	/* This process's mappings; guarded by lock. */
	pthread_mutex_t lock;
	char	   *bases[ZP_SEGMENTS];
	int			users[ZP_SEGMENTS];

	/* Of world_shared; used by one thread. */
	void	   *pieces[MOST_SHARED];
	size_t		piece_bytes[MOST_SHARED];
	int			piece_count;
};

static void
world_fail(const char *what)
{
	fprintf(stderr, "world: %s: %s\n", what, strerror(errno));
	abort();
}

static void
table_lock(World *world)
{
	if (pthread_mutex_lock(&world->lock) != 0)
		world_fail("lock");
}

static void
table_unlock(World *world)
{
	if (pthread_mutex_unlock(&world->lock) != 0)
		world_fail("unlock");
}

static off_t
file_offset(uint32_t segment)
{
	return (off_t) zp_segment_first_ref(segment) << ZP_REF_SHIFT;
}

static ZpStatus
map_piece(World *world, uint32_t segment, size_t bytes, void **base)
{
	ZpStatus	status = ZP_OK;

	table_lock(world);
	if (world->bases[segment] == NULL)
	{
		void	   *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, world->fd,
								   file_offset(segment));

		if (address == MAP_FAILED)
			status = ZP_MAP_FAILED;
		else
			world->bases[segment] = address;
	}
	if (status == ZP_OK)
	{
		world->users[segment]++;
		*base = world->bases[segment];
	}
	table_unlock(world);
	return status;
}

/* Whether this growth is the one that has to fail. */
static bool
growth_fails(World *world)
{
	uint32_t	n = zp_load_relaxed_u32(&world->shared->fail_growth);

	if (n != 0)
		zp_store_relaxed_u32(&world->shared->fail_growth, n - 1);
	return n == 1;
}

static ZpStatus
take_bytes(World *world, size_t bytes)
{
	uint64_t	committed = zp_load_relaxed_u64(&world->shared->committed);

	if (growth_fails(world))
		return ZP_OUT_OF_MEMORY;
	if (world->shared->max_bytes != 0 && committed + bytes > world->shared->max_bytes)
		return ZP_OUT_OF_MEMORY;
	zp_store_relaxed_u64(&world->shared->committed, committed + bytes);
	return ZP_OK;
}

static void
give_bytes(World *world, size_t bytes)
{
	zp_store_relaxed_u64(&world->shared->committed,
						 zp_load_relaxed_u64(&world->shared->committed) - bytes);
}

static ZpStatus
world_op_create(void *context, uint32_t segment, size_t bytes, uint32_t *handle, void **base)
{
	World	   *world = context;
	ZpStatus	status;

	status = take_bytes(world, bytes);
	if (status != ZP_OK)
		return status;
	if (map_piece(world, segment, bytes, base) != ZP_OK)
	{
		give_bytes(world, bytes);
		return ZP_OUT_OF_MEMORY;
	}
	*handle = HANDLE_OF(segment);
	return ZP_OK;
}

static ZpStatus
world_op_attach(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	if (handle != HANDLE_OF(segment) || bytes != zp_segment_bytes(segment))
		return ZP_MAP_FAILED;
	return map_piece(context, segment, bytes, base);
}

static void
world_op_detach(void *context, uint32_t segment, size_t bytes, void *base)
{
	World	   *world = context;

	table_lock(world);
	if (world->bases[segment] != base || world->users[segment] <= 0)
		world_fail("detach of what is not mapped");
	if (--world->users[segment] == 0)
	{
		if (munmap(base, bytes) != 0)
			world_fail("munmap");
		world->bases[segment] = NULL;
	}
	table_unlock(world);
}

/* Where in the file a mapped address lies; aborts unless it and all bytes are one segment's. */
static off_t
offset_of(World *world, const char *base, size_t bytes)
{
	off_t		offset = -1;

	table_lock(world);
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		const char *start = world->bases[segment];

		if (start != NULL && base >= start && base + bytes <= start + zp_segment_bytes(segment))
			offset = file_offset(segment) + (base - start);
	}
	table_unlock(world);
	if (offset < 0 || offset % ZP_PAGE_BYTES != 0 || bytes % ZP_PAGE_BYTES != 0)
		world_fail("not whole pages of one segment");
	return offset;
}

static ZpStatus
world_op_decommit(void *context, void *base, size_t bytes)
{
	World	   *world = context;

	if (fallocate(world->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  offset_of(world, base, bytes), (off_t) bytes) != 0)
		world_fail("fallocate");
	give_bytes(world, bytes);
	return ZP_OK;
}

static ZpStatus
world_op_commit(void *context, void *base, size_t bytes)
{
	(void) offset_of(context, base, bytes);
	return take_bytes(context, bytes);
}

/* As the server does it; whether the kernel gives them is its own affair. */
static ZpStatus
world_op_huge(void *context, void *base, size_t bytes)
{
	(void) offset_of(context, base, bytes);
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
	if (madvise(base, bytes, MADV_HUGEPAGE) == 0 && madvise(base, bytes, MADV_COLLAPSE) == 0)
		return ZP_OK;
	return ZP_NOT_FOUND;
}

static const ZpSegmentOps world_ops = {
	.create = world_op_create,
	.attach = world_op_attach,
	.detach = world_op_detach,
	.decommit = world_op_decommit,
	.commit = world_op_commit,
	.huge = world_op_huge
};

static void *
shared_memory(size_t bytes)
{
	void	   *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
							   -1, 0);

	if (address == MAP_FAILED)
		world_fail("mmap of shared memory");
	return address;
}

World *
world_create(size_t max_bytes)
{
	World	   *world = calloc(1, sizeof(World));
	uint32_t	last = ZP_SEGMENTS - 1;

	if (world == NULL || pthread_mutex_init(&world->lock, NULL) != 0)
		world_fail("create");
	world->fd = memfd_create("zipora-test", MFD_CLOEXEC);
	if (world->fd < 0 ||
		ftruncate(world->fd, file_offset(last) + (off_t) zp_segment_bytes(last)) != 0)
		world_fail("memfd");
	world->shared = shared_memory(sizeof(WorldShared));
	world->shared->max_bytes = max_bytes;
	if (zp_arena_create(&world->first_map, &world_ops, world, NULL, 1,
						&world->shared->handle) != ZP_OK)
		world_fail("arena");
	return world;
}

void
world_destroy(World *world)
{
	zp_arena_detach(&world->first_map);
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		if (world->bases[segment] != NULL)
		{
			errno = 0;
			world_fail("destroyed while a participant is still there");
		}
	}
	for (int i = 0; i < world->piece_count; i++)
		munmap(world->pieces[i], world->piece_bytes[i]);
	munmap(world->shared, sizeof(WorldShared));
	close(world->fd);
	pthread_mutex_destroy(&world->lock);
	free(world);
}

ZpArenaMap *
world_map(World *world)
{
	return &world->first_map;
}

ZpArenaMap *
world_join(World *world, uint32_t participant)
{
	ZpArenaMap *map = calloc(1, sizeof(ZpArenaMap));

	if (map == NULL ||
		zp_arena_attach(map, &world_ops, world, NULL, participant, world->shared->handle) != ZP_OK)
		world_fail("join");
	return map;
}

void
world_leave(World *world, ZpArenaMap *map)
{
	(void) world;
	zp_arena_detach(map);
	free(map);
}

/* A child forgets its parent's mappings and makes sure that it gets other addresses. */
static void
leave_parent(World *world)
{
	struct timespec now;
	uint64_t	random;
	size_t		gap;

	/* Over the old mappings, so that nothing else comes to lie there. */
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		if (world->bases[segment] == NULL)
			continue;
		if (mmap(world->bases[segment], zp_segment_bytes(segment), PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
			world_fail("mmap over the parent's");
		world->bases[segment] = NULL;
		world->users[segment] = 0;
	}

	/* splitmix64 of time and process: 1 to 4096 gaps of 64 KB. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	random = (uint64_t) now.tv_nsec * 0x9e3779b97f4a7c15u + (uint64_t) getpid();
	random = (random ^ (random >> 30)) * 0xbf58476d1ce4e5b9u;
	random = (random ^ (random >> 27)) * 0x94d049bb133111ebu;
	gap = (1 + (size_t) ((random ^ (random >> 31)) % 4096)) << 16;
	if (mmap(NULL, gap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
		MAP_FAILED)
		world_fail("mmap of a gap");
}

void
world_fork(World *world, int processes,
		   int (*body) (World *world, ZpArenaMap *map, int number, void *argument),
		   void *argument)
{
	pid_t	   *children = calloc((size_t) processes, sizeof(pid_t));

	if (children == NULL)
		world_fail("fork");
	fflush(NULL);
	for (int number = 0; number < processes; number++)
	{
		children[number] = fork();
		if (children[number] < 0)
			world_fail("fork");
		if (children[number] == 0)
		{
			ZpArenaMap *map;
			int			result;

			leave_parent(world);
			map = world_join(world, FIRST_CHILD + (uint32_t) number);
			result = body(world, map, number, argument);
			world_leave(world, map);
			fflush(NULL);
			_exit(result);
		}
	}
	for (int number = 0; number < processes; number++)
	{
		int			status;

		if (waitpid(children[number], &status, 0) != children[number])
			world_fail("waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		{
			fprintf(stderr, "world: child %d ended with status 0x%x\n", number, (unsigned) status);
			abort();
		}
	}
	free(children);
}

typedef struct WorldThread
{
	World	   *world;
	int			(*body) (World *world, ZpArenaMap *map, int number, void *argument);
	void	   *argument;
	int			number;
	pthread_t	thread;
} WorldThread;

static void *
thread_main(void *context)
{
	WorldThread *self = context;
	ZpArenaMap *map = world_join(self->world, FIRST_CHILD + (uint32_t) self->number);

	if (self->body(self->world, map, self->number, self->argument) != 0)
	{
		fprintf(stderr, "world: thread %d failed\n", self->number);
		abort();
	}
	world_leave(self->world, map);
	return NULL;
}

void
world_threads(World *world, int threads,
			  int (*body) (World *world, ZpArenaMap *map, int number, void *argument),
			  void *argument)
{
	WorldThread *all = calloc((size_t) threads, sizeof(WorldThread));

	if (all == NULL)
		world_fail("threads");
	for (int number = 0; number < threads; number++)
	{
		all[number] = (WorldThread) {
			.world = world, .body = body, .argument = argument, .number = number
		};
		if (pthread_create(&all[number].thread, NULL, thread_main, &all[number]) != 0)
			world_fail("pthread_create");
	}
	for (int number = 0; number < threads; number++)
	{
		if (pthread_join(all[number].thread, NULL) != 0)
			world_fail("pthread_join");
	}
	free(all);
}

void
world_fail_growth(World *world, int n)
{
	zp_store_relaxed_u32(&world->shared->fail_growth, (uint32_t) n);
}

size_t
world_resident_bytes(World *world)
{
	struct stat st;

	if (fstat(world->fd, &st) != 0)
		world_fail("fstat");
	return (size_t) st.st_blocks * 512;
}

void *
world_shared(World *world, size_t bytes)
{
	void	   *piece = shared_memory(bytes);

	if (world->piece_count == MOST_SHARED)
	{
		errno = 0;
		world_fail("too many pieces of shared memory");
	}
	world->pieces[world->piece_count] = piece;
	world->piece_bytes[world->piece_count++] = bytes;
	return piece;
}
