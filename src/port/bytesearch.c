/*
 * bytesearch.c
 *	  Byte search in nodes of more than 16 labels; see bytesearch.h.
 *
 * The search goes through the labels in whole blocks from the front and stops at
 * the first block that has a greater one: labels ascend.
 *
 * Dispatch: __builtin_cpu_supports("avx2") at each call.  It is one load and one
 * test of a variable that the compiler's runtime library fills in before any of
 * our code runs, from CPUID and from what the operating system saves; no pointer
 * of ours is written, so there is no race and nothing to initialise.  It costs
 * less than the call that it decides on.  An ifunc would be free but is tied to
 * glibc, and a compile-time -mavx2 to the machine of the build.
 *
 * Weak: it is linear.  The trie has at most 32 labels here, one block of AVX2.
 */
#include "port/bytesearch.h"

#ifdef ZP_BYTES_AVX2
#include <immintrin.h>
#endif

#ifdef ZP_BYTES_BLOCK
/* The same code for SSE2 and NEON: what differs is in zp_block_at_most. */
static inline uint32_t
count_at_most_16(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	for (uint32_t at = 0; at < count; at += 16)
	{
		uint32_t	found = zp_block_at_most(bytes + at, wanted);

		if (found < 16)
			return at + found < count ? at + found : count;
	}
	return count;
}
#endif

#ifdef ZP_BYTES_SSE2
uint32_t
zp_count_at_most_sse2(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return count_at_most_16(bytes, count, wanted);
}
#endif

#ifdef ZP_BYTES_NEON
uint32_t
zp_count_at_most_neon(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	return count_at_most_16(bytes, count, wanted);
}
#endif

#ifdef ZP_BYTES_AVX2
bool
zp_bytes_have_avx2(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

__attribute__((target("avx2")))
uint32_t
zp_count_at_most_avx2(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	__m256i		pattern = _mm256_set1_epi8((char) wanted);

	for (uint32_t at = 0; at < count; at += 32)
	{
		__m256i		block = _mm256_loadu_si256((const __m256i *) (bytes + at));
		__m256i		at_most = _mm256_cmpeq_epi8(_mm256_max_epu8(block, pattern), pattern);
		uint32_t	greater = ~(uint32_t) _mm256_movemask_epi8(at_most);

		if (greater != 0)
		{
			uint32_t	found = at + (uint32_t) __builtin_ctz(greater);

			return found < count ? found : count;
		}
	}
	return count;
}
#endif

uint32_t
zp_count_at_most_many(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#if defined(ZP_BYTES_AVX2)
	if (ZP_LIKELY(__builtin_cpu_supports("avx2")))
		return zp_count_at_most_avx2(bytes, count, wanted);
#endif
#if defined(ZP_BYTES_BLOCK)
	return count_at_most_16(bytes, count, wanted);
#else
	return zp_count_at_most_scalar(bytes, count, wanted);
#endif
}
