/*
 * test_port_bytes.c
 *	  Byte search: every variant against the truth, between guarded pages.
 *
 * The truth is a table of 256 entries filled when the labels are made, not one
 * of the variants.  The labels stand so that exactly what the contract lets be
 * read (ZP_BYTES_SEARCHED bytes, or for the scalar twins the labels) ends where a page
 * that cannot be read begins, and once more so that they begin where one ends: a
 * variant that reads one byte too far, or one too early, dies of SIGSEGV.  What
 * follows the labels is random and has the wanted bytes in it as often as not.
 */
#include "port_fixture.h"

#include "port/bytesearch.h"

#define MAX_LABELS ZP_BYTES_SEARCHED

#ifndef ZP_THREAD_SANITIZER
#define ROUNDS 200
#define STRIDE VARIANTS
#else
#define ROUNDS 20
#define STRIDE 64
#endif

typedef uint32_t (*Search) (const unsigned char *bytes, uint32_t count, unsigned char wanted);

typedef struct Variant
{
	const char *name;
	Search		count_at_most;
	Search		match;
	bool		labels_only;	/* reads nothing behind them */
} Variant;

/* Guard page, the room, guard page; contents are written by the test only. */
typedef struct Room
{
	unsigned char *mapping;
	unsigned char *begin;
	unsigned char *end;
	size_t		page;
	size_t		bytes;
} Room;

static Room room;
static uint64_t random_state = 0x243f6a8885a308d3;

/* Marsaglia, "Xorshift RNGs" (2003). */
static uint32_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t) (random_state >> 32);
}

static int
open_room(void **state)
{
	(void) state;
	room.page = (size_t) sysconf(_SC_PAGESIZE);
	room.bytes = (MAX_LABELS + room.page - 1) / room.page * room.page;
	room.mapping = mmap(NULL, room.bytes + 2 * room.page, PROT_NONE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ZP_REQUIRE(room.mapping != MAP_FAILED);
	room.begin = room.mapping + room.page;
	room.end = room.begin + room.bytes;
	ZP_REQUIRE(mprotect(room.begin, room.bytes, PROT_READ | PROT_WRITE) == 0);
	return start_watchdog(state);
}

static int
close_room(void **state)
{
	(void) state;
	ZP_REQUIRE(munmap(room.mapping, room.bytes + 2 * room.page) == 0);
	return 0;
}

/* What the inline functions are, behind an address. */
static uint32_t
count_at_most_inline(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return zp_count_at_most(bytes, count, wanted);
}

static uint32_t
match_inline(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return zp_match_bytes(bytes, count, wanted);
}

/* What they are in a function that is compiled for newer processors. */
ZP_X86_64_V3 static uint32_t
count_at_most_v3(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return zp_count_at_most(bytes, count, wanted);
}

ZP_X86_64_V3 static uint32_t
match_v3(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return zp_match_bytes(bytes, count, wanted);
}

static const Variant variants[] = {
	{"inline", count_at_most_inline, match_inline, false},
	{"x86-64-v3", count_at_most_v3, match_v3, false},
	{"scalar", zp_count_at_most_scalar, zp_match_bytes_scalar, true},
};

#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static bool
can_run(const Variant *variant)
{
	return variant->match != match_v3 || ZP_HAVE_X86_64_V3();
}

/* Bytes that a variant may read. */
static size_t
readable_bytes(const Variant *variant, uint32_t count)
{
	return variant->labels_only ? count : ZP_BYTES_SEARCHED;
}

/* All 256 values in random order. */
static void
shuffle_values(unsigned char *values)
{
	for (uint32_t i = 0; i < 256; i++)
		values[i] = (unsigned char) i;
	for (uint32_t i = 255; i > 0; i--)
	{
		uint32_t	j = next_random() % (i + 1);
		unsigned char swap = values[i];

		values[i] = values[j];
		values[j] = swap;
	}
}

/* Where the labels of one case stand: before a page that cannot be read, or behind one. */
static unsigned char *
place(const Variant *variant, const unsigned char *labels, uint32_t count, uint32_t round)
{
	size_t		readable = readable_bytes(variant, count);
	unsigned char *placed = round % 2 == 0 ? room.end - readable : room.begin;

	memset(room.begin, 0, room.bytes);
	memcpy(placed, labels, count);

	/* What may be read behind them: random, all of one value, or the labels. */
	for (size_t i = count; i < readable; i++)
	{
		if (round % 3 == 0)
			placed[i] = (unsigned char) next_random();
		else if (round % 3 == 1 || count == 0)
			placed[i] = round % 5 == 0 ? 0 : 255;
		else
			placed[i] = labels[next_random() % count];
	}
	return placed;
}

#define CHECK(actual, expected) \
	do { \
		if ((int) (actual) != (int) (expected)) \
			fail_msg("%s, %u labels, wanted %u: %s is %d, not %d", variant->name, count, \
					 (unsigned int) wanted, #actual, (int) (actual), (int) (expected)); \
	} while (0)

/* Every wanted byte in one set of ascending labels. */
static void
check_ascending(const unsigned char *labels, uint32_t count, uint32_t round)
{
	for (size_t i = 0; i < VARIANTS; i++)
	{
		const Variant *variant = &variants[i];
		const unsigned char *placed = place(variant, labels, count, round);
		uint32_t	at_most = 0;

		if (!can_run(variant))
			continue;
		for (uint32_t wanted = 0; wanted < 256; wanted++)
		{
			if (at_most < count && labels[at_most] == wanted)
				at_most++;
			CHECK(variant->count_at_most(placed, count, (unsigned char) wanted), at_most);
		}
		assert_int_equal(at_most, count);
	}
}

/* Every wanted byte in bytes in any order, some of them more than once. */
static void
check_matches(const unsigned char *bytes, uint32_t count, uint32_t round)
{
	for (size_t i = 0; i < VARIANTS; i++)
	{
		const Variant *variant = &variants[i];
		const unsigned char *placed = place(variant, bytes, count, round);
		uint32_t	expected[256] = {0};

		if (!can_run(variant))
			continue;
		for (uint32_t at = 0; at < count; at++)
			expected[bytes[at]] |= (uint32_t) 1 << at;
		for (uint32_t wanted = 0; wanted < 256; wanted++)
			CHECK(variant->match(placed, count, (unsigned char) wanted), expected[wanted]);
	}
}

static int
compare_bytes(const void *a, const void *b)
{
	return *(const unsigned char *) a - *(const unsigned char *) b;
}

static void
test_every_count(void **state)
{
	(void) state;
	for (uint32_t round = 0; round < ROUNDS; round++)
	{
		for (uint32_t count = 0; count <= MAX_LABELS; count++)
		{
			unsigned char values[256];

			shuffle_values(values);
			if (round % 4 == 3)
			{
				for (uint32_t i = 0; i < count; i++)
					values[i] = values[next_random() % 3];
			}
			check_matches(values, count, round);
			if (round % 4 == 3)
				continue;
			qsort(values, count, 1, compare_bytes);
			check_ascending(values, count, round);
		}
	}
}

/* Labels in one run, from every value on: both ends of the range of bytes. */
static void
test_runs(void **state)
{
	(void) state;
	for (uint32_t count = 1; count <= MAX_LABELS; count++)
	{
		for (uint32_t first = 0; first + count <= 256; first++)
		{
			unsigned char labels[MAX_LABELS];

			for (uint32_t i = 0; i < count; i++)
				labels[i] = (unsigned char) (first + i);
			if (first == 0 || first + count == 256 || first % STRIDE == 0)
				check_ascending(labels, count, first);
		}
	}
}

/* The first byte that may not be read must not be readable, or the rest proves nothing. */
static void
read_guard(int number, void *argument)
{
	volatile unsigned char *guards[] = {room.end, room.begin - 1};

	(void) argument;
	ZP_REQUIRE(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	(void) guards[number][0];
}

static void
test_guards_are_there(void **state)
{
	Children	children = start_children(2, read_guard, NULL);

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		int			status;

		ZP_REQUIRE(waitpid(children.pids[i], &status, 0) == children.pids[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guards_are_there),
		cmocka_unit_test(test_every_count),
		cmocka_unit_test(test_runs),
	};

	return cmocka_run_group_tests_name("port: byte search", tests, open_room, close_room);
}
