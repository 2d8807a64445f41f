/*
 * preset.h
 *	  The numbers of a pool, in rows that have a name; and the level that suits a machine.
 */
#ifndef ZP_PRESET_H
#define ZP_PRESET_H

#include <stdint.h>

typedef enum ZpPresetName
{
	ZP_PRESET_BALANCED = 0,
	ZP_PRESET_PERFORMANCE = 1,
	ZP_PRESET_MEMORY = 2,
	ZP_PRESET_REALTIME = 3
} ZpPresetName;

#define ZP_PRESETS	4

typedef struct ZpPreset
{
	const char *name;
	uint32_t	small_bytes;	/* a larger block is a run of pages of its own */
	uint32_t	alignment;		/* of every block: 16 or 64 */
	uint32_t	first_slab_bytes;	/* the first slab of a class; they double */
	uint32_t	slab_bytes;		/* up to this */
	uint32_t	magazine_blocks;	/* kept for a participant in a class at most */
	uint32_t	magazine_bytes; /* the same in bytes; the less counts */
	uint32_t	arena_bytes;	/* how large a pool without a bound is taken to become */
	uint32_t	kept_percent;	/* of its memory, that the pool keeps in free runs of pages */
	uint32_t	raise_events;	/* so much contention raises an auto pool's level; 0: never */
	uint32_t	huge_bytes;		/* large blocks from this on ask for huge pages; 0: never */
	uint32_t	initial_bytes;	/* taken at creation, but at level fixed; 0: none */
	uint64_t	capacity;		/* of level fixed if none is given; and auto is fixed; 0: none */
} ZpPreset;

extern const ZpPreset zp_presets[ZP_PRESETS];

#endif							/* ZP_PRESET_H */
