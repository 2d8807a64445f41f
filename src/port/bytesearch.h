/*
 * bytesearch.h
 *	  Two searches in the bytes of a trie's nodes, 16 or 32 of them at a time.
 *
 * zp_count_at_most: an inner node keeps `count` labels, ascending and distinct; how
 * many of them are not greater than a byte?  The answer less one is the child that
 * the byte leads to.
 *
 * zp_match_bytes: a bucket keeps a byte of hash for each of up to 32 keys, in any
 * order; which of them equal a byte?  The answer is a mask.
 *
 * A vector load may read past the bytes that count, and the lanes behind them are
 * masked out of the answer.  THE CALLER GUARANTEES what can be read from `bytes` on:
 * for zp_count_at_most ZP_BYTES_READABLE bytes, and 5 * count if that is more (the
 * node's children, of four bytes each, follow its labels); for zp_match_bytes
 * ZP_MATCH_BYTES bytes.
 *
 * Up to 16 labels, the common case, and all matches are inline here and use what
 * every x86-64 (SSE2) and aarch64 (NEON) has.  More labels go out of line, where
 * AVX2 is used if the processor has it; see bytesearch.c.  Each has a scalar twin
 * that says the same, for every other platform and for the tests.
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
/* AVX2 code is compiled function by function, so the build needs no -mavx2. */
#define ZP_BYTES_AVX2 1
#elif defined(__aarch64__) && defined(__AARCH64EL__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define ZP_BYTES_NEON 1
#endif
#endif

/* Bytes that can be read from the first label on, however few labels there are. */
#define ZP_BYTES_READABLE 16

/* Up to this many labels are searched inline with one load. */
#define ZP_BYTES_INLINE 16

/* Bytes that zp_match_bytes looks at. */
#define ZP_MATCH_BYTES 32

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

/* Any count; for the tests, which want each by its name. */
#ifdef ZP_BYTES_SSE2
extern uint32_t zp_count_at_most_sse2(const unsigned char *bytes, uint32_t count,
									  unsigned char wanted);
#endif
#ifdef ZP_BYTES_AVX2
/* Whether this processor and this operating system have AVX2. */
extern bool zp_bytes_have_avx2(void);

/* Only where zp_bytes_have_avx2() says so, and count >= 7 (32 <= 5 * 7). */
extern uint32_t zp_count_at_most_avx2(const unsigned char *bytes, uint32_t count,
									  unsigned char wanted);
#endif
#ifdef ZP_BYTES_NEON
extern uint32_t zp_count_at_most_neon(const unsigned char *bytes, uint32_t count,
									  unsigned char wanted);
#endif

/* More than ZP_BYTES_INLINE labels, by the best that this processor has. */
extern uint32_t zp_count_at_most_many(const unsigned char *bytes, uint32_t count,
									  unsigned char wanted);

/*
 * One block of 16 bytes at `bytes`: how many come before the first that is greater
 * than wanted (16: none is), and which equal it, a bit each.
 */
#if defined(ZP_BYTES_SSE2)

#define ZP_BYTES_BLOCK 1

static inline uint32_t
zp_block_at_most(const unsigned char *bytes, unsigned char wanted)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) bytes);

	/* SSE2 compares bytes as signed; an unsigned maximum has no such trouble. */
	__m128i		pattern = _mm_set1_epi8((char) wanted);
	__m128i		at_most = _mm_cmpeq_epi8(_mm_max_epu8(block, pattern), pattern);

	/* The lanes that are not at most wanted, and a stop behind them. */
	return (uint32_t) __builtin_ctz(~(uint32_t) _mm_movemask_epi8(at_most));
}

static inline uint32_t
zp_block_match(const unsigned char *bytes, unsigned char wanted)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) bytes);

	return (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8((char) wanted)));
}

#elif defined(ZP_BYTES_NEON)

#define ZP_BYTES_BLOCK 1

static inline uint32_t
zp_block_at_most(const unsigned char *bytes, unsigned char wanted)
{
	uint8x16_t	greater = vcgtq_u8(vld1q_u8(bytes), vdupq_n_u8(wanted));

	/* NEON has no movemask: halving each 16-bit pair leaves four bits a lane. */
	uint64_t	lanes = vget_lane_u64(vreinterpret_u64_u8(
									vshrn_n_u16(vreinterpretq_u16_u8(greater), 4)), 0);

	return lanes == 0 ? 16 : (uint32_t) __builtin_ctzll(lanes) / 4;
}

static inline uint32_t
zp_block_match(const unsigned char *bytes, unsigned char wanted)
{
	static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t	equal = vandq_u8(vceqq_u8(vld1q_u8(bytes), vdupq_n_u8(wanted)),
								 vld1q_u8(weights));

	return vaddv_u8(vget_low_u8(equal)) | (uint32_t) vaddv_u8(vget_high_u8(equal)) << 8;
}

#endif

/* How many of count (0..256) ascending bytes are at most wanted. */
static inline uint32_t
zp_count_at_most(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#ifdef ZP_BYTES_BLOCK
	uint32_t	found;

	if (ZP_UNLIKELY(count > ZP_BYTES_INLINE))
		return zp_count_at_most_many(bytes, count, wanted);
	found = zp_block_at_most(bytes, wanted);
	return found < count ? found : count;
#else
	return zp_count_at_most_scalar(bytes, count, wanted);
#endif
}

/* Which of count (0..ZP_MATCH_BYTES) bytes equal wanted: bit i for bytes[i]. */
static inline uint32_t
zp_match_bytes(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#ifdef ZP_BYTES_BLOCK
	uint32_t	mask = zp_block_match(bytes, wanted) | zp_block_match(bytes + 16, wanted) << 16;

	return mask & (uint32_t) (((uint64_t) 1 << count) - 1);
#else
	return zp_match_bytes_scalar(bytes, count, wanted);
#endif
}

#endif							/* ZP_BYTESEARCH_H */
