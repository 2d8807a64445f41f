/*
 * test_port_bytes.c
 *	  Byte search: every variant against the truth, between guarded pages.
 *
 * The truth is a table of 256 entries filled when the labels are made, not one
 * of the variants.  The labels stand so that exactly what the contract lets be
 * read (5 * count bytes, or count below ZP_BYTES_VECTOR) ends where a page that
 * cannot be read begins, and once more so that they begin where one ends: a
 * variant that reads one byte too far, or one too early, dies of SIGSEGV.  What
 * follows the labels is random and has the wanted bytes in it as often as not.
 */
#include "port_fixture.h"

#include "port/bytesearch.h"

#define MAX_LABELS 256

#ifndef ZP_THREAD_SANITIZER
#define ROUNDS 6
#define STRIDE VARIANTS
#else
#define ROUNDS 2				/* scalar only, and slow */
#define STRIDE 64
#endif

typedef struct Variant
{
	const char *name;
	int			(*find) (const unsigned char *bytes, uint32_t count, unsigned char wanted);
	uint32_t	(*lower_bound) (const unsigned char *bytes, uint32_t count,
								unsigned char wanted);
	uint32_t	min_count;
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
	room.bytes = (5 * MAX_LABELS + room.page - 1) / room.page * room.page;
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

static size_t
readable_bytes(uint32_t count)
{
	return count < ZP_BYTES_VECTOR ? count : 5 * (size_t) count;
}

/* What the inline functions are, behind an address. */
static int
find_inline(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return zp_find_byte(bytes, count, wanted);
}

static uint32_t
lower_bound_inline(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return zp_lower_bound_byte(bytes, count, wanted);
}

static const Variant variants[] = {
	{"inline", find_inline, lower_bound_inline, 0},
	{"scalar", zp_find_byte_scalar, zp_lower_bound_byte_scalar, 0},
	{"many", zp_find_byte_many, zp_lower_bound_byte_many, ZP_BYTES_INLINE + 1},
#ifdef ZP_BYTES_SSE2
	{"sse2", zp_find_byte_sse2, zp_lower_bound_byte_sse2, ZP_BYTES_VECTOR},
#endif
#ifdef ZP_BYTES_AVX2
	{"avx2", zp_find_byte_avx2, zp_lower_bound_byte_avx2, 7},
#endif
#ifdef ZP_BYTES_NEON
	{"neon", zp_find_byte_neon, zp_lower_bound_byte_neon, ZP_BYTES_VECTOR},
#endif
};

#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static bool
can_run(const Variant *variant)
{
#ifdef ZP_BYTES_AVX2
	if (variant->find == zp_find_byte_avx2)
		return zp_bytes_have_avx2();
#endif
	(void) variant;
	return true;
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

/* Where the labels of one case stand. */
static unsigned char *
place(uint32_t count, bool at_end)
{
	memset(room.begin, 0, room.bytes);
	return at_end ? room.end - readable_bytes(count) : room.begin;
}

/* Fills what may be read behind the labels: random, all of one value, or the labels. */
static void
fill_behind(unsigned char *labels, uint32_t count, uint32_t kind)
{
	for (size_t i = count; i < readable_bytes(count); i++)
	{
		if (kind == 0)
			labels[i] = (unsigned char) next_random();
		else if (kind == 1)
			labels[i] = 255;
		else
			labels[i] = labels[next_random() % count];
	}
}

#define CHECK(actual, expected) \
	do { \
		if ((int) (actual) != (int) (expected)) \
			fail_msg("%s, %u labels, wanted %u: %s is %d, not %d", variant->name, count, \
					 (unsigned int) wanted, #actual, (int) (actual), (int) (expected)); \
	} while (0)

/* Every wanted byte in one set of sorted labels, by one variant. */
static void
check_sorted(const Variant *variant, const unsigned char *labels, uint32_t count,
			 const bool *present)
{
	uint32_t	less = 0;

	for (uint32_t wanted = 0; wanted < 256; wanted++)
	{
		unsigned char byte = (unsigned char) wanted;

		CHECK(variant->find(labels, count, byte), present[wanted] ? (int) less : -1);
		CHECK(variant->lower_bound(labels, count, byte), less);
		less += present[wanted];
	}
	assert_int_equal(less, count);
}

/* Every wanted byte in labels in any order. */
static void
check_unsorted(const Variant *variant, const unsigned char *labels, uint32_t count,
			   const int *index_of)
{
	for (uint32_t wanted = 0; wanted < 256; wanted++)
		CHECK(variant->find(labels, count, (unsigned char) wanted), index_of[wanted]);
}

static void
check_count(uint32_t count, uint32_t round)
{
	unsigned char values[256];
	int			index_of[256];
	bool		present[256] = {false};
	unsigned char *labels = place(count, round % 2 == 0);
	uint32_t	next = 0;

	shuffle_values(values);
	for (uint32_t i = 0; i < 256; i++)
	{
		present[values[i]] = i < count;
		index_of[values[i]] = i < count ? (int) i : -1;
	}

	memcpy(labels, values, count);
	fill_behind(labels, count, round % 3);
	for (size_t i = 0; i < VARIANTS; i++)
	{
		if (count >= variants[i].min_count && can_run(&variants[i]))
			check_unsorted(&variants[i], labels, count, index_of);
	}

	for (uint32_t value = 0; value < 256; value++)
	{
		if (present[value])
			labels[next++] = (unsigned char) value;
	}
	for (size_t i = 0; i < VARIANTS; i++)
	{
		if (count >= variants[i].min_count && can_run(&variants[i]))
			check_sorted(&variants[i], labels, count, present);
	}
}

static void
test_every_count(void **state)
{
	(void) state;
	for (uint32_t round = 0; round < ROUNDS; round++)
	{
		for (uint32_t count = 0; count <= MAX_LABELS; count++)
			check_count(count, round);
	}
}

/* Labels in one run, from every value on: where the skipping of lower bound is at its limit. */
static void
test_runs(void **state)
{
	(void) state;
	for (uint32_t count = 1; count <= MAX_LABELS; count++)
	{
		unsigned char *labels = place(count, true);

		for (uint32_t first = 0; first + count <= 256; first++)
		{
			bool		present[256] = {false};

			for (uint32_t i = 0; i < count; i++)
			{
				labels[i] = (unsigned char) (first + i);
				present[first + i] = true;
			}
			fill_behind(labels, count, first % 3);

			/* All variants at the ends, and one in turn in between, for the time. */
			for (size_t i = 0; i < VARIANTS; i++)
			{
				bool		at_limit = first == 0 || first + count == 256;

				if ((at_limit || (first + count) % STRIDE == i) &&
					count >= variants[i].min_count && can_run(&variants[i]))
					check_sorted(&variants[i], labels, count, present);
			}
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
