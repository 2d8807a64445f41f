/*
 * bytesearch.h
 *	  Two searches in the bytes of a trie's nodes, 16 of them at a time.
 *
 * zp_count_at_most: an inner node keeps up to 32 labels, ascending and distinct; how
 * many of them are not greater than a byte?  The answer less one is the child that
 * the byte leads to.
 *
 * zp_match_bytes: a bucket keeps a byte of hash for each of up to 32 keys, in any
 * order; which of them equal a byte?  The answer is a mask.
 *
 * A vector load may read past the bytes that count, and the lanes behind them are
 * dropped.  THE CALLER GUARANTEES that ZP_BYTES_SEARCHED bytes can be read from `bytes`
 * on, however few of them count.
 *
 * Both are inline and use what every x86-64 (SSE2) and aarch64 (NEON) has.  Inlined
 * into a function for ZP_X86_64_V3 they become AVX2 code, with BMI's bit counts; see
 * there.  Each has a scalar twin that says the same, for every other platform and for
 * the tests.
 *
 * What lies behind may be written by others, while a load covers it.  C has no
 * word for a vector load of which some lanes race; every processor gives each byte
 * some value it has had, and we drop it.  ThreadSanitizer would rightly complain, so
 * under it the scalar twins run, which read nothing but what counts.
 */
#ifndef ZP_BYTESEARCH_H
#define ZP_BYTESEARCH_H

#include <stdint.h>

#include "port/atomic.h"

#if !defined(ZP_THREAD_SANITIZER)
#if defined(__SSE2__)
#include <emmintrin.h>
#define ZP_BYTES_SSE2 1
#elif defined(__aarch64__) && defined(__AARCH64EL__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define ZP_BYTES_NEON 1
#endif
#endif

/*
 * A function that is hot enough has two versions, one of them for processors that have
 * the instructions of x86-64-v3 (most, from 2013 on).  Its body is a ZP_ALWAYS_INLINE
 * function, inlined into both; which one runs is chosen at each call:
 *
 *	  ZP_X86_64_V3 static int work_v3(int a) { return work_inline(a); }
 *	  int work(int a) { return ZP_HAVE_X86_64_V3() ? work_v3(a) : work_inline(a); }
 *
 * The choice is one test of a variable that the compiler's runtime library fills in
 * before any of our code runs, from CPUID and from what the operating system saves; no
 * pointer of ours is written, so there is no race and nothing to initialise.  An ifunc
 * would be free but is tied to glibc, and a compile-time -march to the machine of the
 * build.
 */
#if defined(__x86_64__) && !defined(ZP_THREAD_SANITIZER)
#define ZP_X86_64_V3 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,movbe")))
#define ZP_HAVE_X86_64_V3() (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
#else
#define ZP_X86_64_V3
#define ZP_HAVE_X86_64_V3() false
#endif
#define ZP_ALWAYS_INLINE static inline __attribute__((always_inline))

/* Bytes that a search may read, and the most that count. */
#define ZP_BYTES_SEARCHED 32

/* Scalar twins: read only what counts. */

static inline uint32_t
zp_count_at_most_scalar(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	uint32_t	i = 0;

	while (i < count && bytes[i] <= wanted)
		i++;
	return i;
}

static inline uint32_t
zp_match_bytes_scalar(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	uint32_t	mask = 0;

	for (uint32_t i = 0; i < count; i++)
		mask |= (uint32_t) (bytes[i] == wanted) << i;
	return mask;
}

/*
 * One block of 16 bytes at `bytes`: how many come before the first that is greater
 * than wanted (16: none is), and which equal it, a bit each.
 */
#if defined(ZP_BYTES_SSE2)

ZP_ALWAYS_INLINE uint32_t
zp_block_at_most(const unsigned char *bytes, unsigned char wanted)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) bytes);

	/* SSE2 compares bytes as signed; an unsigned maximum has no such trouble. */
	__m128i		pattern = _mm_set1_epi8((char) wanted);
	__m128i		at_most = _mm_cmpeq_epi8(_mm_max_epu8(block, pattern), pattern);

	/* The lanes that are not at most wanted, and a stop behind them. */
	return (uint32_t) __builtin_ctz(~(uint32_t) _mm_movemask_epi8(at_most));
}

ZP_ALWAYS_INLINE uint32_t
zp_block_match(const unsigned char *bytes, unsigned char wanted)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) bytes);

	return (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8((char) wanted)));
}

#elif defined(ZP_BYTES_NEON)

ZP_ALWAYS_INLINE uint32_t
zp_block_at_most(const unsigned char *bytes, unsigned char wanted)
{
	uint8x16_t	greater = vcgtq_u8(vld1q_u8(bytes), vdupq_n_u8(wanted));

	/* NEON has no movemask: halving each 16-bit pair leaves four bits a lane. */
	uint64_t	lanes = vget_lane_u64(vreinterpret_u64_u8(
									vshrn_n_u16(vreinterpretq_u16_u8(greater), 4)), 0);

	return lanes == 0 ? 16 : (uint32_t) __builtin_ctzll(lanes) / 4;
}

ZP_ALWAYS_INLINE uint32_t
zp_block_match(const unsigned char *bytes, unsigned char wanted)
{
	static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t	equal = vandq_u8(vceqq_u8(vld1q_u8(bytes), vdupq_n_u8(wanted)),
								 vld1q_u8(weights));

	return vaddv_u8(vget_low_u8(equal)) | (uint32_t) vaddv_u8(vget_high_u8(equal)) << 8;
}

#endif

/* How many of count (0..ZP_BYTES_SEARCHED) ascending bytes are at most wanted. */
ZP_ALWAYS_INLINE uint32_t
zp_count_at_most(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#if defined(ZP_BYTES_SSE2) || defined(ZP_BYTES_NEON)
	uint32_t	found = zp_block_at_most(bytes, wanted);

	if (found == 16)
		found += zp_block_at_most(bytes + 16, wanted);
	return found < count ? found : count;
#else
	return zp_count_at_most_scalar(bytes, count, wanted);
#endif
}

/* Which of count (0..ZP_BYTES_SEARCHED) bytes equal wanted: bit i for bytes[i]. */
ZP_ALWAYS_INLINE uint32_t
zp_match_bytes(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#if defined(ZP_BYTES_SSE2) || defined(ZP_BYTES_NEON)
	uint32_t	mask = zp_block_match(bytes, wanted) | zp_block_match(bytes + 16, wanted) << 16;

	return mask & (uint32_t) (((uint64_t) 1 << count) - 1);
#else
	return zp_match_bytes_scalar(bytes, count, wanted);
#endif
}

#endif							/* ZP_BYTESEARCH_H */
