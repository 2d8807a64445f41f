/*
 * port_fixture.h
 *	  What the tests of src/port share: memory that is mapped twice, children and
 *	  threads, hooks that stop on demand, and knowing that somebody sleeps.
 *
 * Each test program includes it once.  Children are forked while the program has
 * one thread; they check with ZP_REQUIRE and leave with _exit.
 */
#ifndef ZP_PORT_FIXTURE_H
#define ZP_PORT_FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* memfd_create, gettid */
#endif

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#include "port/clock.h"
#include "port/futex.h"

#define MAX_WORKERS 16

/* A wait that must end does not last this long; one that hangs fails the test. */
#define HANG_US ((int64_t) 30 * 1000 * 1000)

/* The whole program may not take longer; SIGALRM kills it. */
#define WATCHDOG_SECONDS 240

/* The same shared memory at two addresses. */
typedef struct TwiceMapped
{
	void	   *first;
	void	   *second;
	size_t		bytes;
} TwiceMapped;

static inline TwiceMapped
map_twice(size_t bytes)
{
	TwiceMapped mapped = {.bytes = bytes};
	int			fd = memfd_create("unit test", MFD_CLOEXEC);

	ZP_REQUIRE(fd >= 0 && ftruncate(fd, (off_t) bytes) == 0);
	mapped.first = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	mapped.second = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ZP_REQUIRE(mapped.first != MAP_FAILED && mapped.second != MAP_FAILED);
	ZP_REQUIRE(mapped.first != mapped.second);
	ZP_REQUIRE(close(fd) == 0);
	return mapped;
}

static inline void
unmap_twice(TwiceMapped *mapped)
{
	ZP_REQUIRE(munmap(mapped->first, mapped->bytes) == 0);
	ZP_REQUIRE(munmap(mapped->second, mapped->bytes) == 0);
}

static inline void
sleep_ms(int64_t ms)
{
	struct timespec time = {ms / 1000, (long) (ms % 1000) * 1000000};

	(void) nanosleep(&time, NULL);
}

/* Waits until a counter reaches a number; fails instead of hanging. */
static inline void
wait_for_count(ZpAtomicU32 *counter, uint32_t wanted)
{
	int64_t		deadline = zp_deadline_after(HANG_US);

	while (zp_load_acquire_u32(counter) < wanted)
	{
		ZP_REQUIRE(zp_deadline_left(deadline) > 0);
		sleep_ms(1);
	}
}

/* Whether a thread, of whatever process, sleeps so that a signal would wake it. */
static inline bool
is_asleep(pid_t thread)
{
	char		path[64];
	char		line[512];
	FILE	   *file;
	const char *state = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int) thread);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) != NULL)
		state = strrchr(line, ')');
	fclose(file);
	return state != NULL && state[1] == ' ' && state[2] == 'S';
}

static inline void
wait_until_asleep(pid_t thread)
{
	int64_t		deadline = zp_deadline_after(HANG_US);

	while (!is_asleep(thread))
	{
		ZP_REQUIRE(zp_deadline_left(deadline) > 0);
		sleep_ms(1);
	}
}

static inline pid_t
this_thread(void)
{
	return (pid_t) syscall(SYS_gettid);
}

/*
 * Shared with the sleepers.  `begun` is raised by sleep_begins, so a thread that
 * raised it and is_asleep() does sleep on the futex: nothing else it does blocks.
 */
typedef struct Watch
{
	ZpAtomicU32 stop;			/* not 0: should_stop says true; set by the test */
	ZpAtomicU32 asked;			/* calls of should_stop; raised by the sleepers */
	ZpAtomicU32 begun;			/* calls of sleep_begins; the same */
	ZpAtomicU32 ended;			/* calls of sleep_ends; the same */
} Watch;

static inline bool
watch_should_stop(void *context)
{
	Watch	   *watch = context;

	(void) zp_fetch_add_relaxed_u32(&watch->asked, 1);
	return zp_load_acquire_u32(&watch->stop) != 0;
}

static inline void
watch_sleep_begins(void *context)
{
	(void) zp_fetch_add_seq_cst_u32(&((Watch *) context)->begun, 1);
}

static inline void
watch_sleep_ends(void *context)
{
	(void) zp_fetch_add_seq_cst_u32(&((Watch *) context)->ended, 1);
}

/* Hooks that can be stopped; sleeps are cut into slices. */
static inline ZpWaitHooks
watch_hooks(Watch *watch)
{
	ZpWaitHooks hooks = {
		.should_stop = watch_should_stop,
		.sleep_begins = watch_sleep_begins,
		.sleep_ends = watch_sleep_ends,
		.context = watch
	};

	return hooks;
}

/* Hooks that only look on: one sleep is one system call. */
static inline ZpWaitHooks
watch_only_hooks(Watch *watch)
{
	ZpWaitHooks hooks = watch_hooks(watch);

	hooks.should_stop = NULL;
	return hooks;
}

/* Forked children. */
typedef struct Children
{
	int			count;
	pid_t		pids[MAX_WORKERS];
} Children;

/* Runs body(number, argument) in each of count children, which end with status 0. */
static inline Children
start_children(int count, void (*body) (int number, void *argument), void *argument)
{
	Children	children = {.count = count};

	ZP_REQUIRE(count <= MAX_WORKERS);
	fflush(NULL);
	for (int i = 0; i < count; i++)
	{
		pid_t		pid = fork();

		ZP_REQUIRE(pid >= 0);
		if (pid == 0)
		{
			/* A parent that fails must not leave sleepers behind. */
			ZP_REQUIRE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
			body(i, argument);
			_exit(0);
		}
		children.pids[i] = pid;
	}
	return children;
}

static inline void
join_children(const Children *children)
{
	for (int i = 0; i < children->count; i++)
	{
		int			status;

		ZP_REQUIRE(waitpid(children->pids[i], &status, 0) == children->pids[i]);
		ZP_REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

/* Threads, as the children above. */
typedef struct Worker
{
	int			number;
	void		(*body) (int number, void *argument);
	void	   *argument;
	pthread_t	thread;
	ZpAtomicU32 id;				/* of the thread, for is_asleep; written by itself once */
} Worker;

typedef struct Workers
{
	int			count;
	Worker		workers[MAX_WORKERS];
} Workers;

static inline void *
run_worker(void *argument)
{
	Worker	   *worker = argument;

	zp_store_release_u32(&worker->id, (uint32_t) this_thread());
	worker->body(worker->number, worker->argument);
	return NULL;
}

static inline void
start_workers(Workers *workers, int count, void (*body) (int number, void *argument),
			  void *argument)
{
	ZP_REQUIRE(count <= MAX_WORKERS);
	workers->count = count;
	for (int i = 0; i < count; i++)
	{
		Worker	   *worker = &workers->workers[i];

		worker->number = i;
		worker->body = body;
		worker->argument = argument;
		zp_store_relaxed_u32(&worker->id, 0);
		ZP_REQUIRE(pthread_create(&worker->thread, NULL, run_worker, worker) == 0);
	}
}

static inline void
join_workers(Workers *workers)
{
	for (int i = 0; i < workers->count; i++)
		ZP_REQUIRE(pthread_join(workers->workers[i].thread, NULL) == 0);
}

static inline void
wait_until_worker_asleep(Workers *workers, int number)
{
	wait_for_count(&workers->workers[number].id, 1);
	wait_until_asleep((pid_t) zp_load_acquire_u32(&workers->workers[number].id));
}

/* A group's set-up: a program that hangs is a program that fails. */
static inline int
start_watchdog(void **state)
{
	(void) state;
	alarm(WATCHDOG_SECONDS);
	return 0;
}

#endif							/* ZP_PORT_FIXTURE_H */
