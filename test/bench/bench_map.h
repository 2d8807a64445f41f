/*
 * bench_map.h
 *	  One face for every structure that the core's benchmark compares.
 */
#ifndef BENCH_MAP_H
#define BENCH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

typedef struct BenchKey
{
	const char *bytes;			/* NUL-terminated, for JudySL; integers: 8 bytes, big-endian */
	uint32_t	length;
} BenchKey;

typedef struct BenchMap
{
	const char *name;
	bool		integers;		/* serves 8-byte integer keys */
	bool		strings;		/* serves strings without NUL */
	bool		concurrent;		/* writers need no lock around them */
	bool		locks_readers;	/* readers are locked out by a mutex, by definition */

	void	   *(*create) (bool integers);
	void		(*destroy) (void *map);
	/* A thread's own handle; NULL where there is none. */
	void	   *(*begin) (void *map, int thread);
	void		(*end) (void *map, void *handle);
	bool		(*insert) (void *map, void *handle, const BenchKey *key, uint64_t value);
	bool		(*lookup) (void *map, void *handle, const BenchKey *key, uint64_t *value);
	/* Visits up to limit keys from key on (NULL: the first); returns how many. */
	uint64_t	(*scan) (void *map, void *handle, const BenchKey *from, uint64_t limit);
	/* Bytes of memory in use; 0: ask malloc. */
	size_t		(*bytes) (void *map);
} BenchMap;

extern const BenchMap bench_zipora;
extern const BenchMap bench_judy;
extern const BenchMap bench_btree;
extern const BenchMap bench_unordered;

#ifdef __cplusplus
}
#endif

#endif							/* BENCH_MAP_H */
