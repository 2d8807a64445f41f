/*
 * bench_zipora.c
 *	  zipora's trie behind the benchmark's face, in anonymous shared memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench_map.h"
#include "trie/cursor.h"
#include "trie/trie.h"

static ZpStatus
create_segment(void *context, uint32_t segment, size_t bytes, uint32_t *handle, void **base)
{
	void	  **bases = context;

	*base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (*base == MAP_FAILED)
		return ZP_OUT_OF_MEMORY;
	bases[segment] = *base;
	*handle = segment;
	return ZP_OK;
}

static ZpStatus
attach_segment(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	(void) segment;
	(void) bytes;
	*base = ((void **) context)[handle];
	return ZP_OK;
}

static void
detach_segment(void *context, uint32_t segment, size_t bytes, void *base)
{
	(void) context;
	(void) segment;
	(void) bytes;
	(void) base;
}

static ZpStatus
decommit_pages(void *context, void *base, size_t bytes)
{
	(void) context;
	return madvise(base, bytes, MADV_REMOVE) == 0 ? ZP_OK : ZP_BAD_ARGUMENT;
}

static ZpStatus
commit_pages(void *context, void *base, size_t bytes)
{
	(void) context;
	(void) base;
	(void) bytes;
	return ZP_OK;
}

static const ZpSegmentOps segment_ops = {
	create_segment, attach_segment, detach_segment, decommit_pages, commit_pages, NULL
};

typedef struct Zipora
{
	void	   *bases[ZP_SEGMENTS];
	ZpArenaMap	map;
	uint32_t	arena;
	ZpRef		pool;
	ZpRef		trie;
	ZpTrieSession session;
} Zipora;

typedef struct Handle
{
	ZpArenaMap	map;
	ZpTrieSession session;
} Handle;

static void
must(ZpStatus status)
{
	if (status != ZP_OK)
	{
		fprintf(stderr, "zipora: %s\n", zp_status_name(status));
		exit(1);
	}
}

static void *
zipora_create(bool integers)
{
	Zipora	   *zipora = calloc(1, sizeof(Zipora));
	ZpRef		control;

	(void) integers;
	must(zp_arena_create(&zipora->map, &segment_ops, zipora->bases, NULL, 1, &zipora->arena));
	must(zp_pool_create(&zipora->map, ZP_POOL_MUTEX, 0, &control));
	must(zp_pool_create(&zipora->map, ZP_POOL_MUTEX, 0, &zipora->pool));
	must(zp_trie_create(&zipora->map, control, zipora->pool, ZP_PAYLOAD_FIXED, &zipora->trie));
	must(zp_trie_open(&zipora->map, zipora->trie, &zipora->session));
	return zipora;
}

static void
zipora_destroy(void *map)
{
	Zipora	   *zipora = map;

	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		if (zipora->bases[segment] != NULL)
			munmap(zipora->bases[segment], zp_segment_bytes(segment));
	}
	free(zipora);
}

static void *
zipora_begin(void *map, int thread)
{
	Zipora	   *zipora = map;
	Handle	   *handle = aligned_alloc(64, (sizeof(Handle) + 63) / 64 * 64);

	must(zp_arena_attach(&handle->map, &segment_ops, zipora->bases, NULL,
						 (uint32_t) thread + 2, zipora->arena));
	must(zp_trie_open(&handle->map, zipora->trie, &handle->session));
	return handle;
}

static void
zipora_end(void *map, void *handle)
{
	(void) map;
	zp_trie_close(&((Handle *) handle)->session);
	free(handle);
}

static bool
zipora_insert(void *map, void *handle, const BenchKey *key, uint64_t value)
{
	(void) map;
	return zp_trie_insert(&((Handle *) handle)->session, key->bytes, key->length, value) == ZP_OK;
}

static bool
zipora_lookup(void *map, void *handle, const BenchKey *key, uint64_t *value)
{
	(void) map;
	return zp_trie_lookup(&((Handle *) handle)->session, key->bytes, key->length, value) == ZP_OK;
}

static uint64_t
zipora_scan(void *map, void *handle, const BenchKey *from, uint64_t limit)
{
	static __thread ZpEntry entries[256];
	static __thread char buffer[256 * 128];
	ZpCursor	cursor;
	uint64_t	seen = 0;
	size_t		count;
	size_t		needed;

	(void) map;
	zp_cursor_begin(&cursor, &((Handle *) handle)->session);
	if (from != NULL)
		(void) zp_cursor_seek(&cursor, from->bytes, from->length, false);
	while (seen < limit &&
		   zp_cursor_read(&cursor, ZP_FORWARD, entries,
						  limit - seen < 256 ? (size_t) (limit - seen) : 256,
						  buffer, sizeof(buffer), &count, &needed) == ZP_OK)
		seen += count;
	zp_cursor_end(&cursor);
	return seen;
}

static size_t
zipora_bytes(void *map)
{
	Zipora	   *zipora = map;
	ZpPoolStats stats;

	(void) zp_trie_reclaim(&zipora->session);
	zp_pool_stats(&zipora->map, zp_at(&zipora->map, zipora->pool), &stats);
	return stats.reserved_bytes;
}

const BenchMap bench_zipora = {
	"zipora", true, true, true, false,
	zipora_create, zipora_destroy, zipora_begin, zipora_end,
	zipora_insert, zipora_lookup, zipora_scan, zipora_bytes
};
