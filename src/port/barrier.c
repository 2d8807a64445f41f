/*
 * barrier.c
 *	  A full fence for all who take part; see barrier.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* syscall under -std=c11 */
#endif

#include "port/barrier.h"

#if defined(__linux__) && !defined(ZP_NO_MEMBARRIER)
#include <sys/syscall.h>
#include <unistd.h>

/* Headers of before Linux 4.16 do not name them. */
#define GLOBAL_EXPEDITED			(1 << 1)
#define REGISTER_GLOBAL_EXPEDITED	(1 << 2)

/*
 * Users of light fences need more than Dekker's pattern: a store that one processor has
 * seen all others must see (multi-copy atomicity; see sync/token.c).  POWER does not
 * promise that.
 */
#if defined(SYS_membarrier) && (defined(__x86_64__) || defined(__aarch64__))
#define ZP_HAVE_MEMBARRIER 1
#endif
#endif

bool
zp_barrier_register(void)
{
#ifdef ZP_HAVE_MEMBARRIER
	/* Both calls must be allowed, or nobody's fences would ever be made. */
	return syscall(SYS_membarrier, REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 &&
		syscall(SYS_membarrier, GLOBAL_EXPEDITED, 0, 0) == 0;
#else
	return false;
#endif
}

bool
zp_barrier_all(void)
{
	zp_fence_seq_cst();
#ifdef ZP_HAVE_MEMBARRIER
	if (syscall(SYS_membarrier, GLOBAL_EXPEDITED, 0, 0) != 0)
		return false;
	zp_fence_seq_cst();
	return true;
#else
	return false;
#endif
}
