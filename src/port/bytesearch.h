/*
 * bytesearch.h
 *	  Where in a trie node's labels is a byte?  16 or 32 of them at a time.
 *
 * A node keeps `count` labels of one byte, sorted and distinct, and right behind
 * them its children of four bytes each.  A vector load may therefore read past
 * the labels into the children, and the lanes that hold no label are masked out
 * of the answer.  THE CALLER GUARANTEES: for count >= 4 at least 5 * count bytes
 * after `bytes` can be read.  The loads are whole blocks of 16 or 32 bytes from
 * `bytes` on: with 4 labels 16 of 20 bytes, with 17 labels 32 of 85.
 * Below 4 labels a loop reads nothing but labels.
 *
 * Up to 16 labels, the common case, is inline here and uses what every x86-64
 * (SSE2) and aarch64 (NEON) has: one load, one comparison, one mask.  More than
 * 16 go out of line, where AVX2 is used if the processor has it; see
 * bytesearch.c.  Each has a scalar twin that says the same, for every other
 * platform and for the tests.
 *
 * The children behind the labels may be written by others, atomically, while a
 * load covers them.  C has no word for a vector load of which some lanes race;
 * every processor gives each byte some value it has had, and we drop it.
 * ThreadSanitizer would rightly complain, so under it the scalar twins run.
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

/* Up to this many labels are searched inline with one load. */
#define ZP_BYTES_INLINE 16

/* Below this many labels the caller promises nothing about what follows them. */
#define ZP_BYTES_VECTOR 4

/* Scalar twins: read the labels only, stop at the answer. */

static inline int
zp_find_byte_scalar(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	for (uint32_t i = 0; i < count; i++)
	{
		if (bytes[i] == wanted)
			return (int) i;
	}
	return -1;
}

static inline uint32_t
zp_lower_bound_byte_scalar(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
	uint32_t	i = 0;

	while (i < count && bytes[i] < wanted)
		i++;
	return i;
}

/* Any count >= ZP_BYTES_VECTOR; for the tests, which want each by its name. */
#ifdef ZP_BYTES_SSE2
extern int	zp_find_byte_sse2(const unsigned char *bytes, uint32_t count, unsigned char wanted);
extern uint32_t zp_lower_bound_byte_sse2(const unsigned char *bytes, uint32_t count,
										 unsigned char wanted);
#endif
#ifdef ZP_BYTES_AVX2
/* Whether this processor and this operating system have AVX2. */
extern bool zp_bytes_have_avx2(void);

/* Only where zp_bytes_have_avx2() says so, and count >= 7 (32 <= 5 * 7). */
extern int	zp_find_byte_avx2(const unsigned char *bytes, uint32_t count, unsigned char wanted);
extern uint32_t zp_lower_bound_byte_avx2(const unsigned char *bytes, uint32_t count,
										 unsigned char wanted);
#endif
#ifdef ZP_BYTES_NEON
extern int	zp_find_byte_neon(const unsigned char *bytes, uint32_t count, unsigned char wanted);
extern uint32_t zp_lower_bound_byte_neon(const unsigned char *bytes, uint32_t count,
										 unsigned char wanted);
#endif

/* More than ZP_BYTES_INLINE labels, by the best that this processor has. */
extern int	zp_find_byte_many(const unsigned char *bytes, uint32_t count, unsigned char wanted);
extern uint32_t zp_lower_bound_byte_many(const unsigned char *bytes, uint32_t count,
										 unsigned char wanted);

/*
 * One block of 16 bytes at `bytes`: the lanes that equal wanted, and those that
 * are at least wanted, as a mask of ZP_LANE_BITS bits a lane.
 */
#if defined(ZP_BYTES_SSE2)

#define ZP_LANE_BITS 1
typedef uint32_t ZpLanes;

static inline ZpLanes
zp_lanes_equal(const unsigned char *bytes, unsigned char wanted)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) bytes);

	return (ZpLanes) _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8((char) wanted)));
}

static inline ZpLanes
zp_lanes_at_least(const unsigned char *bytes, unsigned char wanted)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) bytes);

	/* SSE2 compares bytes as signed; an unsigned maximum has no such trouble. */
	return (ZpLanes) _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(block,
																   _mm_set1_epi8((char) wanted)),
													  block));
}

static inline uint32_t
zp_lanes_first(ZpLanes lanes)
{
	return (uint32_t) __builtin_ctz(lanes);
}

#elif defined(ZP_BYTES_NEON)

#define ZP_LANE_BITS 4
typedef uint64_t ZpLanes;

/* NEON has no movemask: halving each 16-bit pair leaves four bits a lane. */
static inline ZpLanes
zp_lanes_of(uint8x16_t lanes)
{
	return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(lanes), 4)), 0);
}

static inline ZpLanes
zp_lanes_equal(const unsigned char *bytes, unsigned char wanted)
{
	return zp_lanes_of(vceqq_u8(vld1q_u8(bytes), vdupq_n_u8(wanted)));
}

static inline ZpLanes
zp_lanes_at_least(const unsigned char *bytes, unsigned char wanted)
{
	return zp_lanes_of(vcgeq_u8(vld1q_u8(bytes), vdupq_n_u8(wanted)));
}

static inline uint32_t
zp_lanes_first(ZpLanes lanes)
{
	return (uint32_t) __builtin_ctzll(lanes) / ZP_LANE_BITS;
}

#endif

/* Index of wanted among count (0..256) distinct bytes, or -1.  They need not be sorted. */
static inline int
zp_find_byte(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#ifdef ZP_LANE_BITS
	if (ZP_LIKELY(count - ZP_BYTES_VECTOR <= ZP_BYTES_INLINE - ZP_BYTES_VECTOR))
	{
		ZpLanes		lanes = zp_lanes_equal(bytes, wanted);
		uint32_t	first;

		if (lanes == 0)
			return -1;
		first = zp_lanes_first(lanes);
		return first < count ? (int) first : -1;
	}
	if (count > ZP_BYTES_INLINE)
		return zp_find_byte_many(bytes, count, wanted);
#endif
	return zp_find_byte_scalar(bytes, count, wanted);
}

/* How many of count (0..256) sorted distinct bytes are less than wanted. */
static inline uint32_t
zp_lower_bound_byte(const unsigned char *bytes, uint32_t count, unsigned char wanted)
{
#ifdef ZP_LANE_BITS
	if (ZP_LIKELY(count - ZP_BYTES_VECTOR <= ZP_BYTES_INLINE - ZP_BYTES_VECTOR))
	{
		ZpLanes		lanes = zp_lanes_at_least(bytes, wanted);
		uint32_t	first;

		if (lanes == 0)
			return count;
		first = zp_lanes_first(lanes);
		return first < count ? first : count;
	}
	if (count > ZP_BYTES_INLINE)
		return zp_lower_bound_byte_many(bytes, count, wanted);
#endif
	return zp_lower_bound_byte_scalar(bytes, count, wanted);
}

#endif							/* ZP_BYTESEARCH_H */
