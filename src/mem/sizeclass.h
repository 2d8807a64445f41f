/*
 * sizeclass.h
 *	  Block sizes that a pool keeps: steps of 16 bytes up to 512, then eight
 *	  steps an octave up to 32 KB.  Larger blocks are runs of pages.
 */
#ifndef ZP_SIZECLASS_H
#define ZP_SIZECLASS_H

#include <stddef.h>
#include <stdint.h>

#define ZP_SIZE_CLASSES			80
#define ZP_LARGEST_SMALL_BYTES	((size_t) 32768)

/* Class of a size; 1 <= size <= ZP_LARGEST_SMALL_BYTES. */
static inline uint32_t
zp_size_class(size_t size)
{
	if (size <= 512)
		return (uint32_t) ((size - 1) >> 4);
	else
	{
		/* octave: 0 for 513..1024, 1 for 1025..2048, ... */
		uint32_t	octave = 22 - (uint32_t) __builtin_clz((uint32_t) (size - 1));

		return 32 + octave * 8 + (uint32_t) (((size - 1) >> (octave + 6)) & 7);
	}
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
