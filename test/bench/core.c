/*
 * core.c
 *	  The core's trie beside other in-memory maps, in one run.
 *
 *	  core NAME strings|integers FILE|random|sequential|numbered [keys]
 *
 * reads keys from FILE, one a line, or makes them, shuffles them, and prints for
 * each structure M operations a second, for 1 and 2 threads, and bytes a key.
 * Every tenth key is left out of the inserts and serves the misses.  What is not
 * safe for writers by itself gets a mutex around its writes when there are two
 * threads, and around everything in the mixed load; pure reading without a lock
 * is allowed to it.
 *
 * "hit" looks up keys that do not depend on each other, so a processor works on
 * several at a time as far as its window of instructions reaches.  In "chain" each key
 * depends on the value found last: what one lookup takes, by itself.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_map.h"

static BenchKey *keys;			/* shuffled; the first `inserted` are inserted */
static size_t key_count;
static size_t inserted;
static bool integers;

static double
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec + 1e-9 * (double) at.tv_nsec;
}

/* splitmix64: Steele, Lea, Flood, OOPSLA 2014. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static void *
must_allocate(size_t bytes)
{
	void	   *memory = malloc(bytes);

	if (memory == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return memory;
}

static void
read_keys(const char *path)
{
	FILE	   *file = fopen(path, "r");
	char	   *line = NULL;
	size_t		capacity = 0;
	size_t		allocated = 1 << 20;
	ssize_t		length;

	if (file == NULL)
	{
		perror(path);
		exit(1);
	}
	keys = must_allocate(allocated * sizeof(BenchKey));
	while ((length = getline(&line, &capacity, file)) > 0)
	{
		if (line[length - 1] == '\n')
			line[--length] = 0;
		if (key_count == allocated)
		{
			keys = realloc(keys, 2 * allocated * sizeof(BenchKey));
			allocated *= 2;
		}
		keys[key_count].bytes = strdup(line);
		keys[key_count++].length = (uint32_t) length;
	}
	free(line);
	fclose(file);
}

static void
make_keys(const char *kind, size_t count)
{
	uint64_t	state = 1;
	size_t		width = strcmp(kind, "numbered") == 0 ? 16 : 8;
	char	   *bytes = must_allocate(count * width);

	key_count = count;
	keys = must_allocate(count * sizeof(BenchKey));
	for (size_t i = 0; i < count; i++)
	{
		char	   *key = bytes + i * width;
		uint64_t	number = strcmp(kind, "random") == 0 ? next_random(&state) : i;

		keys[i].bytes = key;
		if (width == 16)
			keys[i].length = (uint32_t) snprintf(key, width, "key_%08u", (unsigned) i);
		else
		{
			number = __builtin_bswap64(number);
			memcpy(key, &number, 8);
			keys[i].length = 8;
		}
	}
}

static void
shuffle(BenchKey *array, size_t count, uint64_t seed)
{
	for (size_t i = count; i > 1; i--)
	{
		size_t		other = next_random(&seed) % i;
		BenchKey	kept = array[i - 1];

		array[i - 1] = array[other];
		array[other] = kept;
	}
}

typedef enum Work
{
	INSERT, HIT, CHAIN, MISS, MIX, RANGES
} Work;

typedef struct Task
{
	const BenchMap *map;
	void	   *opened;
	Work		work;
	int			thread;
	int			threads;
	pthread_mutex_t *mutex;		/* NULL: none is needed */
	uint64_t	done;
} Task;

#define RANGE_KEYS 100

static uint64_t
work_on(Task *task, void *handle)
{
	const BenchMap *map = task->map;
	size_t		from = task->work == MISS ? inserted : 0;
	size_t		to = task->work == MISS ? key_count : inserted;
	uint64_t	state = (uint64_t) task->thread + 7;
	uint64_t	done = 0;
	size_t		operations = task->work == INSERT ? to : task->work == RANGES ? 50000 : 2000000;

	for (size_t i = (size_t) task->thread; i < operations; i += (size_t) task->threads)
	{
		/* Reads come in another random order than inserts. */
		const BenchKey *key = &keys[task->work == INSERT ? i
									: from + next_random(&state) % (to - from)];
		uint64_t	value;

		if (task->mutex != NULL)
			pthread_mutex_lock(task->mutex);
		switch (task->work)
		{
			case INSERT:
				done += map->insert(task->opened, handle, key, i);
				break;
			case MIX:
				if (i % 10 == 9)
				{
					const BenchKey *fresh = &keys[inserted + i / 10 % (key_count - inserted)];

					(void) map->insert(task->opened, handle, fresh, i);
				}
				else
					(void) map->lookup(task->opened, handle, key, &value);
				done++;
				break;
			case CHAIN:
				done += map->lookup(task->opened, handle, key, &value);
				state += value & 1;
				break;
			case RANGES:
				done += map->scan(task->opened, handle, key, RANGE_KEYS);
				break;
			default:
				done += map->lookup(task->opened, handle, key, &value) == (task->work == HIT);
				break;
		}
		if (task->mutex != NULL)
			pthread_mutex_unlock(task->mutex);
	}
	return done;
}

static void *
run_task(void *argument)
{
	Task	   *task = argument;
	void	   *handle = task->map->begin ? task->map->begin(task->opened, task->thread) : NULL;

	task->done = work_on(task, handle);
	if (handle != NULL)
		task->map->end(task->opened, handle);
	return NULL;
}

/* M operations (of ranges: keys) a second. */
static double
measure(const BenchMap *map, void *opened, Work work, int threads)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	bool		writes = work == INSERT || work == MIX;
	bool		locked = map->locks_readers || (!map->concurrent && writes && threads > 1);
	pthread_t	thread[2];
	Task		task[2];
	uint64_t	done = 0;
	double		begin = now();

	for (int i = 0; i < threads; i++)
	{
		task[i] = (Task) {map, opened, work, i, threads, locked ? &mutex : NULL, 0};
		pthread_create(&thread[i], NULL, run_task, &task[i]);
	}
	for (int i = 0; i < threads; i++)
	{
		pthread_join(thread[i], NULL);
		done += task[i].done;
	}
	return (double) done / (now() - begin) / 1e6;
}

#define COLUMNS 14

static const char *const column_names[COLUMNS] = {
	"insert", "x2", "hit", "x2", "chain", "x2", "miss", "x2", "90/10", "x2", "range", "x2",
	"scan", "B/key"
};

static double
measure_scan(const BenchMap *map, void *opened)
{
	void	   *handle = map->begin ? map->begin(opened, 0) : NULL;
	double		begin = now();
	uint64_t	seen = map->scan(opened, handle, NULL, UINT64_MAX);
	double		seconds = now() - begin;

	if (handle != NULL)
		map->end(opened, handle);
	return (double) seen / seconds / 1e6;
}

static void
measure_map(const BenchMap *map, double *figures)
{
	void	   *opened;
	size_t		before = mallinfo2().uordblks + mallinfo2().hblkhd;

	opened = map->create(integers);
	figures[1] = measure(map, opened, INSERT, 2);
	map->destroy(opened);

	opened = map->create(integers);
	figures[0] = measure(map, opened, INSERT, 1);
	figures[13] = (double) (map->bytes ? map->bytes(opened)
							: mallinfo2().uordblks + mallinfo2().hblkhd - before) / (double) inserted;
	for (int threads = 1; threads <= 2; threads++)
	{
		figures[1 + threads] = measure(map, opened, HIT, threads);
		figures[3 + threads] = measure(map, opened, CHAIN, threads);
		figures[5 + threads] = measure(map, opened, MISS, threads);
		figures[9 + threads] = map->scan ? measure(map, opened, RANGES, threads) : 0;
	}
	figures[12] = map->scan ? measure_scan(map, opened) : 0;
	for (int threads = 1; threads <= 2; threads++)
		figures[7 + threads] = measure(map, opened, MIX, threads);
	map->destroy(opened);
}

static void
print_row(const char *name, const double *figures)
{
	printf("%-20s", name);
	for (int column = 0; column < COLUMNS; column++)
	{
		if (figures[column] > 0)
			printf(" %6.*f", figures[column] < 100 ? 2 : 1, figures[column]);
		else
			printf(" %6s", "-");
	}
	printf("\n");
}

int
main(int argc, char **argv)
{
	const BenchMap *const maps[] = {&bench_zipora, &bench_judy, &bench_btree, &bench_unordered};
	double		figures[4][COLUMNS];
	double		ratio[COLUMNS];

	if (argc < 4)
	{
		fprintf(stderr, "usage: core NAME strings|integers FILE|random|sequential|numbered [keys]\n");
		return 2;
	}
	integers = strcmp(argv[2], "integers") == 0;
	if (strcmp(argv[3], "random") == 0 || strcmp(argv[3], "sequential") == 0 ||
		strcmp(argv[3], "numbered") == 0)
		make_keys(argv[3], argc > 4 ? strtoull(argv[4], NULL, 10) : 1000000);
	else
		read_keys(argv[3]);
	if (key_count < 100)
	{
		fprintf(stderr, "%s: too few keys\n", argv[3]);
		return 1;
	}
	/* Sequential keys are inserted in order; those left out come from all over. */
	inserted = key_count - key_count / 10;
	shuffle(keys, key_count, 99);
	if (strcmp(argv[3], "sequential") == 0)
	{
		size_t		in = 0;
		size_t		out = inserted;
		BenchKey   *ordered = must_allocate(key_count * sizeof(BenchKey));

		for (size_t i = 0; i < key_count; i++)
		{
			uint64_t	word;

			memcpy(&word, keys[i].bytes, 8);
			ordered[__builtin_bswap64(word)] = keys[i];
		}
		for (size_t i = 0; i < key_count; i++)
		{
			if (i % 10 == 9 && out < key_count)
				keys[out++] = ordered[i];
			else
				keys[in++] = ordered[i];
		}
		free(ordered);
	}

	printf("\n%s: %zu keys inserted, %zu others; M operations a second, 1 and 2 threads\n%-20s",
		   argv[1], inserted, key_count - inserted, "");
	for (int column = 0; column < COLUMNS; column++)
		printf(" %6s", column_names[column]);
	printf("\n");
	for (int i = 0; i < 4; i++)
	{
		measure_map(maps[i], figures[i]);
		print_row(maps[i]->name, figures[i]);
		fflush(stdout);
	}
	for (int i = 1; i < 4; i++)
	{
		char		name[64];

		for (int column = 0; column < COLUMNS; column++)
			ratio[column] = figures[i][column] > 0 ? figures[0][column] / figures[i][column] : 0;
		snprintf(name, sizeof(name), "zipora / %s", maps[i]->name);
		name[20] = 0;
		print_row(name, ratio);
	}
	printf("zipora, 2 threads / 1:");
	for (int column = 0; column < COLUMNS - 2; column += 2)
		printf("%s %s %.2f", column == 0 ? "" : ",", column_names[column],
			   figures[0][column + 1] / figures[0][column]);
	printf("\n");
	return 0;
}
