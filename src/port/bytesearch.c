/*
 * bytesearch.c
 *	  Byte search in nodes of more than 16 labels; see bytesearch.h.
 *
 * The searches go through the labels in whole blocks from the front.  Find stops
 * at the first block with a match.  Lower bound uses that the labels are sorted
 * and distinct: of the 256 - wanted values from wanted up, at most that many can
 * be among the labels, so at least count - (256 - wanted) labels are less, and
 * the search begins at the block of that index.  A full node of 256 takes one
 * block, a node of 200 at most four of 16.
 *
 * Dispatch: __builtin_cpu_supports("avx2") at each call.  It is one load and one
 * test of a variable that the compiler's runtime library fills in before any of
 * our code runs, from CPUID and from what the operating system saves; no pointer
 * of ours is written, so there is no race and nothing to initialise.  It costs
 * less than the call that it decides on.  An ifunc would be free but is tied to
 * glibc, and a compile-time -mavx2 to the machine of the build.
 *
 * Weak: find is linear, 8 blocks of 32 for the last label of a full node; it does
 * not ask for sorted labels in return.  No AVX-512 and no SVE variant: with at
 * most 256 labels there is little left to gain.
 */
#include "port/bytesearch.h"

#ifdef ZP_BYTES_AVX2
#include <immintrin.h>
#endif

#ifdef ZP_LANE_BITS
/* Labels that are less than wanted whatever they are, rounded down to a block. */
static inline uint32_t
lower_bound_start(uint32_t count, unsigned char wanted, uint32_t block_bytes)
{
	uint32_t	room = 256 - (uint32_t) wanted;
	uint32_t	skip = count > room ? count - room : 0;

	return skip & ~(block_bytes - 1);
}
#endif

#ifdef ZP_LANE_BITS
/* The same code for SSE2 and NEON: what differs is in zp_lanes_*. */
static inline int
find_byte_16(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	for (uint32_t at = 0; at < count; at += 16)
	{
		ZpLanes		lanes = zp_lanes_equal(bytes + at, wanted);

		if (lanes != 0)
		{
			uint32_t	found = at + zp_lanes_first(lanes);

			/* Else it is in the over-read of the last block. */
			return found < count ? (int) found : -1;
		}
	}
	return -1;
}

static inline uint32_t
lower_bound_byte_16(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	for (uint32_t at = lower_bound_start(count, wanted, 16); at < count; at += 16)
	{
		ZpLanes		lanes = zp_lanes_at_least(bytes + at, wanted);

		if (lanes != 0)
		{
			uint32_t	found = at + zp_lanes_first(lanes);

			return found < count ? found : count;
		}
	}
	return count;
}
#endif

#ifdef ZP_BYTES_SSE2
int
zp_find_byte_sse2(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return find_byte_16(bytes, count, wanted);
}

uint32_t
zp_lower_bound_byte_sse2(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return lower_bound_byte_16(bytes, count, wanted);
}
#endif

#ifdef ZP_BYTES_NEON
int
zp_find_byte_neon(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return find_byte_16(bytes, count, wanted);
}

uint32_t
zp_lower_bound_byte_neon(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return lower_bound_byte_16(bytes, count, wanted);
}
#endif

#ifdef ZP_BYTES_AVX2
bool
zp_bytes_have_avx2(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

__attribute__((target("avx2")))
int
zp_find_byte_avx2(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	__m256i		pattern = _mm256_set1_epi8((char) wanted);

	for (uint32_t at = 0; at < count; at += 32)
	{
		__m256i		block = _mm256_loadu_si256((const __m256i *) (bytes + at));
		uint32_t	lanes = (uint32_t) _mm256_movemask_epi8(_mm256_cmpeq_epi8(block, pattern));

		if (lanes != 0)
		{
			uint32_t	found = at + (uint32_t) __builtin_ctz(lanes);

			return found < count ? (int) found : -1;
		}
	}
	return -1;
}

__attribute__((target("avx2")))
uint32_t
zp_lower_bound_byte_avx2(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	__m256i		pattern = _mm256_set1_epi8((char) wanted);

	for (uint32_t at = lower_bound_start(count, wanted, 32); at < count; at += 32)
	{
		__m256i		block = _mm256_loadu_si256((const __m256i *) (bytes + at));
		__m256i		at_least = _mm256_cmpeq_epi8(_mm256_max_epu8(block, pattern), block);
		uint32_t	lanes = (uint32_t) _mm256_movemask_epi8(at_least);

		if (lanes != 0)
		{
			uint32_t	found = at + (uint32_t) __builtin_ctz(lanes);

			return found < count ? found : count;
		}
	}
	return count;
}
#endif

int
zp_find_byte_many(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#if defined(ZP_BYTES_AVX2)
	if (ZP_LIKELY(__builtin_cpu_supports("avx2")))
		return zp_find_byte_avx2(bytes, count, wanted);
#endif
#if defined(ZP_LANE_BITS)
	return find_byte_16(bytes, count, wanted);
#else
	return zp_find_byte_scalar(bytes, count, wanted);
#endif
}

uint32_t
zp_lower_bound_byte_many(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#if defined(ZP_BYTES_AVX2)
	if (ZP_LIKELY(__builtin_cpu_supports("avx2")))
		return zp_lower_bound_byte_avx2(bytes, count, wanted);
#endif
#if defined(ZP_LANE_BITS)
	return lower_bound_byte_16(bytes, count, wanted);
#else
	return zp_lower_bound_byte_scalar(bytes, count, wanted);
#endif
}
