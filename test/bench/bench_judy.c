/*
 * bench_judy.c
 *	  JudySL (strings) and JudyL (integers) behind the benchmark's face.
 */
#include <Judy.h>
#include <string.h>

#include "bench_map.h"

#define LONGEST 4096

typedef struct JudyMap
{
	Pvoid_t		root;
	bool		integers;
} JudyMap;

static Word_t
as_word(const BenchKey *key)
{
	uint64_t	word;

	memcpy(&word, key->bytes, 8);
	return (Word_t) __builtin_bswap64(word);
}

static void *
judy_create(bool integers)
{
	JudyMap    *map = calloc(1, sizeof(JudyMap));

	map->integers = integers;
	return map;
}

static void
judy_destroy(void *opaque)
{
	JudyMap    *map = opaque;
	Word_t		freed;

	if (map->integers)
	{
		JLFA(freed, map->root);
	}
	else
	{
		JSLFA(freed, map->root);
	}
	(void) freed;
	free(map);
}

static bool
judy_insert(void *opaque, void *handle, const BenchKey *key, uint64_t value)
{
	JudyMap    *map = opaque;
	PWord_t		slot;

	(void) handle;
	if (map->integers)
	{
		JLI(slot, map->root, as_word(key));
	}
	else
	{
		JSLI(slot, map->root, (const uint8_t *) key->bytes);
	}
	*slot = (Word_t) value;
	return true;
}

static bool
judy_lookup(void *opaque, void *handle, const BenchKey *key, uint64_t *value)
{
	JudyMap    *map = opaque;
	PWord_t		slot;

	(void) handle;
	if (map->integers)
	{
		JLG(slot, map->root, as_word(key));
	}
	else
	{
		JSLG(slot, map->root, (const uint8_t *) key->bytes);
	}
	if (slot == NULL)
		return false;
	*value = *slot;
	return true;
}

static uint64_t
judy_scan(void *opaque, void *handle, const BenchKey *from, uint64_t limit)
{
	JudyMap    *map = opaque;
	uint8_t		key[LONGEST] = "";
	Word_t		word = 0;
	PWord_t		slot;
	uint64_t	seen = 0;

	(void) handle;
	if (from != NULL && map->integers)
		word = as_word(from);
	else if (from != NULL)
		memcpy(key, from->bytes, from->length + 1);
	if (map->integers)
	{
		JLF(slot, map->root, word);
	}
	else
	{
		JSLF(slot, map->root, key);
	}
	while (slot != NULL && ++seen < limit)
	{
		if (map->integers)
		{
			JLN(slot, map->root, word);
		}
		else
		{
			JSLN(slot, map->root, key);
		}
	}
	return seen;
}

const BenchMap bench_judy = {
	"Judy", true, true, false, false,
	judy_create, judy_destroy, NULL, NULL, judy_insert, judy_lookup, judy_scan, NULL
};
