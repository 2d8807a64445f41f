/*
 * sizeclass.h
 *	  Block sizes that a pool keeps: steps of 16 bytes up to 512, then eight
 *	  steps an octave up to 64 KB.  Larger blocks are runs of pages.
 */
#ifndef ZP_SIZECLASS_H
#define ZP_SIZECLASS_H

#include <stddef.h>
#include <stdint.h>

#define ZP_SIZE_CLASSES			88
#define ZP_LARGEST_SMALL_BYTES	((size_t) 65536)

/* Class of a block whose last byte is so far from its first; last < ZP_LARGEST_SMALL_BYTES. */
static inline uint32_t
zp_size_class_of_last(uint32_t last)
{
	uint32_t	octave;

	if (__builtin_expect(last < 512, 1))
		return last >> 4;

	/* octave: 0 for 512..1023, 1 for 1024..2047, ... */
	octave = (31 ^ (uint32_t) __builtin_clz(last)) - 9;
	return 32 + octave * 8 + ((last >> (octave + 6)) & 7);
}

/* Class of a size; 1 <= size <= ZP_LARGEST_SMALL_BYTES. */
static inline uint32_t
zp_size_class(size_t size)
{
	return zp_size_class_of_last((uint32_t) (size - 1));
}

/* Bytes of the blocks of a class; class < ZP_SIZE_CLASSES. */
static inline size_t
zp_size_class_bytes(uint32_t size_class)
{
	if (size_class < 32)
		return (size_t) (size_class + 1) << 4;
	return (size_t) (9 + ((size_class - 32) & 7)) << (6 + ((size_class - 32) >> 3));
}

#endif							/* ZP_SIZECLASS_H */
