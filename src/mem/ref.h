/*
 * ref.h
 *	  32-bit addresses in an arena, and how they become pointers.
 *
 * A ref counts units of 16 bytes, so an arena spans 64 GB.  0 is null.  Shared
 * memory holds refs, never pointers: every participant maps the segments at
 * addresses of its own.
 *
 * The address space is cut into 64 segments that grow in quarter steps: four of
 * 256 KB, four of 512 KB, and so on up to four of 8 GB.  The cut follows the
 * two bits after the leading one of a ref, like the exponent and mantissa of a
 * floating-point number, so the segment's number is one count-leading-zeros away:
 *
 *	  ref = 1 q q x x x x ... (binary, 31 - clz bits after the leading 1)
 *	  order = 31 - clz(ref) - 2;  segment = 4 * (order - 14) + qq
 *
 * Refs below ZP_FIRST_REF (1 MB) belong to no segment.
 */
#ifndef ZP_REF_H
#define ZP_REF_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t ZpRef;

#define ZP_NULL_REF			((ZpRef) 0)
#define ZP_REF_SHIFT		4
#define ZP_UNIT_BYTES		((size_t) 1 << ZP_REF_SHIFT)
#define ZP_SEGMENTS			64
#define ZP_FIRST_ORDER		14	/* the smallest segment is 2^14 units */
#define ZP_FIRST_REF		((ZpRef) 4 << ZP_FIRST_ORDER)

/* Units of the segment that holds ref, as a power of two; ref >= ZP_FIRST_REF. */
static inline uint32_t
zp_ref_order(ZpRef ref)
{
	return (31 ^ (uint32_t) __builtin_clz(ref)) - 2;
}

/* The segment, if that is known; its first ref has zeros below the order's bit. */
static inline uint32_t
zp_ref_segment_of_order(ZpRef ref, uint32_t order)
{
	/* The leading three bits are 4 and the quarter of the size. */
	return (ref >> order) + 4 * order - (4 * ZP_FIRST_ORDER + 4);
}

/* Segment that holds ref; ref >= ZP_FIRST_REF. */
static inline uint32_t
zp_ref_segment(ZpRef ref)
{
	return zp_ref_segment_of_order(ref, zp_ref_order(ref));
}

/* First ref of a segment; segment < ZP_SEGMENTS. */
static inline ZpRef
zp_segment_first_ref(uint32_t segment)
{
	return (ZpRef) (4 + (segment & 3)) << (ZP_FIRST_ORDER + (segment >> 2));
}

/* Bytes of a segment; segment < ZP_SEGMENTS. */
static inline size_t
zp_segment_bytes(uint32_t segment)
{
	return ZP_UNIT_BYTES << (ZP_FIRST_ORDER + (segment >> 2));
}

#endif							/* ZP_REF_H */
