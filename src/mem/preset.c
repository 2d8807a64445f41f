/*
 * preset.c
 *	  The one table of a pool's numbers.  README.md of this folder has it as well.
 *
 * balanced is what the pool was measured with.  performance takes memory for speed, memory
 * the reverse.  realtime has a bounded pool in mind: all of it taken when it is made.
 */
#include "mem/preset.h"

const ZpPreset zp_presets[ZP_PRESETS] = {
	[ZP_PRESET_BALANCED] = {
		.name = "balanced",
		.small_bytes = 32768,
		.alignment = 16,
		.first_slab_bytes = 4096,
		.slab_bytes = 65536,
		.magazine_blocks = 64,
		.magazine_bytes = 32768,
		.arena_bytes = 2 << 20,
		.kept_percent = 25,
		.raise_events = 1000,
		.huge_bytes = 0,
		.initial_bytes = 0,
		.capacity = 0
	},
	[ZP_PRESET_PERFORMANCE] = {
		.name = "performance",
		.small_bytes = 65536,
		.alignment = 64,
		.first_slab_bytes = 16384,
		.slab_bytes = 262144,
		.magazine_blocks = 256,
		.magazine_bytes = 131072,
		.arena_bytes = 4 << 20,
		.kept_percent = 50,
		.raise_events = 100,
		.huge_bytes = 2 << 20,
		.initial_bytes = 8 << 20,
		.capacity = 0
	},
	[ZP_PRESET_MEMORY] = {
		.name = "memory",
		.small_bytes = 16384,
		.alignment = 16,
		.first_slab_bytes = 4096,
		.slab_bytes = 16384,
		.magazine_blocks = 16,
		.magazine_bytes = 8192,
		.arena_bytes = 1 << 20,
		.kept_percent = 0,
		.raise_events = 10000,
		.huge_bytes = 0,
		.initial_bytes = 0,
		.capacity = 0
	},
	[ZP_PRESET_REALTIME] = {
		.name = "realtime",
		.small_bytes = 8192,
		.alignment = 64,
		.first_slab_bytes = 4096,
		.slab_bytes = 32768,
		.magazine_blocks = 32,
		.magazine_bytes = 16384,
		.arena_bytes = 512 << 10,
		.kept_percent = 25,
		.raise_events = 0,
		.huge_bytes = 0,
		.initial_bytes = 256 << 10,
		.capacity = 16 << 20
	}
};
