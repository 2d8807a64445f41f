/*
 * shared_stores.c
 *	  How many cache lines of shared memory does a lookup write?
 *
 * The core is compiled as for ThreadSanitizer: before each access to memory the compiler puts
 * a call of a function with the address.  The functions are these here.  They note the lines
 * of the arena that are written, but for those of the session's own token.  (What the
 * C library's memcpy writes is not seen; a reader copies into private memory only.)
 *
 * Prints lines for a lookup, of each kind, at each level; fails if any is over 0.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trie/cursor.h"
#include "world.h"

static ZpArenaMap *watched;
static const char *own;			/* the token */
static uint64_t others;			/* stores to shared lines that are not the token's */
static uint64_t own_stores;

static void
note(const void *address)
{
	const char *at = address;

	if (watched == NULL)
		return;
	if (at >= own && at < own + sizeof(ZpToken))
	{
		own_stores++;
		return;
	}
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		const char *base;

		if (watched->biased[segment] == 0)
			continue;
		base = zp_at(watched, zp_segment_first_ref(segment));
		if (at >= base && at < base + zp_segment_bytes(segment))
		{
			others++;
			return;
		}
	}
}

#define ACCESS(bytes) \
	void __tsan_read##bytes(void *at); \
	void __tsan_read##bytes(void *at) { (void) at; } \
	void __tsan_write##bytes(void *at); \
	void __tsan_write##bytes(void *at) { note(at); } \
	void __tsan_unaligned_read##bytes(void *at); \
	void __tsan_unaligned_read##bytes(void *at) { (void) at; } \
	void __tsan_unaligned_write##bytes(void *at); \
	void __tsan_unaligned_write##bytes(void *at) { note(at); } \
	void __tsan_volatile_read##bytes(void *at); \
	void __tsan_volatile_read##bytes(void *at) { (void) at; } \
	void __tsan_volatile_write##bytes(void *at); \
	void __tsan_volatile_write##bytes(void *at) { note(at); }
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8) ACCESS(16)

#define CHANGE(bits, type, verb) \
	type __tsan_atomic##bits##_fetch_##verb(volatile type *at, type value, int order); \
	type __tsan_atomic##bits##_fetch_##verb(volatile type *at, type value, int order) \
	{ (void) order; note((const void *) at); return __atomic_fetch_##verb(at, value, __ATOMIC_SEQ_CST); }

#define ATOMIC(bits, type) \
	type __tsan_atomic##bits##_load(const volatile type *at, int order); \
	type __tsan_atomic##bits##_load(const volatile type *at, int order) \
	{ (void) order; return __atomic_load_n(at, __ATOMIC_SEQ_CST); } \
	void __tsan_atomic##bits##_store(volatile type *at, type value, int order); \
	void __tsan_atomic##bits##_store(volatile type *at, type value, int order) \
	{ (void) order; note((const void *) at); __atomic_store_n(at, value, __ATOMIC_SEQ_CST); } \
	type __tsan_atomic##bits##_exchange(volatile type *at, type value, int order); \
	type __tsan_atomic##bits##_exchange(volatile type *at, type value, int order) \
	{ (void) order; note((const void *) at); return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST); } \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile type *at, type *expected, type value, int a, int b); \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile type *at, type *expected, type value, int a, int b) \
	{ (void) a; (void) b; note((const void *) at); \
	  return __atomic_compare_exchange_n(at, expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); } \
	CHANGE(bits, type, add) CHANGE(bits, type, sub) CHANGE(bits, type, and) CHANGE(bits, type, or) \
	CHANGE(bits, type, xor)
ATOMIC(8, uint8_t) ATOMIC(16, uint16_t) ATOMIC(32, uint32_t) ATOMIC(64, uint64_t)

void		__tsan_init(void);
void		__tsan_func_entry(void *caller);
void		__tsan_func_exit(void);
void		__tsan_vptr_update(void **at, void *value);
void		__tsan_read_range(void *at, size_t bytes);
void		__tsan_write_range(void *at, size_t bytes);
void		__tsan_atomic_thread_fence(int order);
void		__tsan_atomic_signal_fence(int order);

void __tsan_init(void) {}
void __tsan_func_entry(void *caller) { (void) caller; }
void __tsan_func_exit(void) {}
void __tsan_vptr_update(void **at, void *value) { (void) at; (void) value; }
void __tsan_read_range(void *at, size_t bytes) { (void) at; (void) bytes; }
void __tsan_write_range(void *at, size_t bytes) { (void) bytes; note(at); }
void __tsan_atomic_thread_fence(int order) { (void) order; __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int order) { (void) order; }

#define KEYS	20000
#define LOOKS	10000

static void
require(ZpStatus status)
{
	if (status > ZP_END)
	{
		fprintf(stderr, "%s\n", zp_status_name(status));
		exit(1);
	}
}

static void
set_level(ZpTrieSession *session, ZpAccessLevel level)
{
	require(zp_trie_change_begin(session));
	require(zp_trie_change_ready(session));
	zp_trie_change_end(session, level);
}

static size_t
make_key(char *key, uint32_t i)
{
	return (size_t) sprintf(key, "some/path/%u/%u", i % 97, i);
}

/* Which of the reading operations. */
static const char *const kinds[] = {"hit", "miss", "value", "cursor, 32 keys"};

static void
look(ZpTrieSession *session, int kind, uint32_t i)
{
	char		key[64];
	size_t		bytes = make_key(key, kind == 1 ? i + KEYS : i);
	char		buffer[8192];
	size_t		got;

	if (kind < 2)
		require(zp_trie_lookup(session, key, bytes, NULL));
	else if (kind == 2)
		require(zp_trie_lookup_value(session, key, bytes, buffer, sizeof(buffer), &got));
	else
	{
		ZpCursor	cursor;
		ZpEntry		entries[32];
		size_t		needed;

		zp_cursor_begin(&cursor, session);
		require(zp_cursor_seek(&cursor, key, bytes, false));
		require(zp_cursor_read(&cursor, ZP_FORWARD, entries, 32, buffer, sizeof(buffer), &got, &needed));
		zp_cursor_end(&cursor);
	}
}

int
main(void)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		control_pool;
	ZpRef		pool;
	ZpRef		trie;
	ZpTrieSession session;
	int			failed = 0;

	require(zp_pool_create(map, ZP_POOL_MUTEX, 0, &control_pool));
	require(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool));
	require(zp_trie_create(map, control_pool, pool, ZP_PAYLOAD_BLOCK, &trie));
	require(zp_trie_open(map, trie, &session));
	for (uint32_t i = 0; i < KEYS; i++)
	{
		char		key[64];

		require(zp_trie_insert_value(&session, key, make_key(key, i), "value", 5));
	}
	printf("cache lines of shared memory written for each reading operation: own token / other\n");
	for (int level = ZP_ACCESS_LEVELS - 1; level >= 0; level--)
	{
		set_level(&session, (ZpAccessLevel) level);
		for (int kind = 0; kind < 4; kind++)
		{
			look(&session, kind, 0);
			own = (const char *) session.token;
			own_stores = others = 0;
			watched = map;
			for (uint32_t i = 0; i < LOOKS; i++)
				look(&session, kind, i);
			watched = NULL;
			printf("  %-14s %-16s %.0f / %.4f   (%.0f stores to the own line)\n",
				   zp_access_level_name((ZpAccessLevel) level), kinds[kind],
				   own_stores != 0 ? 1.0 : 0.0, (double) others / LOOKS,
				   (double) own_stores / LOOKS);
			failed |= others != 0;
		}
	}

	/* So that zeros mean something: an insert is seen. */
	set_level(&session, ZP_ACCESS_MULTI_WRITER);
	others = 0;
	watched = map;
	require(zp_trie_upsert_value(&session, "new", 3, "value", 5));
	watched = NULL;
	printf("  (an insert writes %llu times to other lines)\n", (unsigned long long) others);
	if (others == 0)
		failed = 1;
	return failed;
}
