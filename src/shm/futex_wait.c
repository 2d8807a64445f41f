/*
 * futex_wait.c
 *	  Waiting on a named futex.
 *
 * The wait may last for ever, so beyond what waits.c does it keeps the place in the queue
 * while an interrupt is serviced, and ends with the postmaster.  A wake-up that meets a
 * session that is just being cancelled is passed on to the next one in the queue.
 *
 * An error leaves the queue in PG_CATCH, a FATAL in zp_futex_wait_abandon.  The object is
 * pinned by the handle all the time.
 */
#include "compat.h"

#include "pgstat.h"
#include "storage/pmsignal.h"

#include "port/clock.h"
#include "shm/futex_wait.h"
#include "shm/report.h"
#include "shm/waits.h"

static ZpFutexQueue *waiting_in = NULL; /* NULL: nowhere */

static bool
should_stop(void *context)
{
	ZpObject   *object = context;

	return zp_wait_hooks.should_stop(NULL) || !PostmasterIsAlive() ||
		zp_load_acquire_u32(&object->dropped) != 0;
}

static void
free_node(void *value)
{
	zp_futex_node_free(&zp_backend.map, zp_backend.control_pool, value);
	zp_local_cache_gone(ZP_LOCAL_FUTEX_NODE);
}

/* This backend's node. */
static ZpFutexNode *
own_node(void)
{
	ZpFutexNode *node = zp_local_cache(ZP_LOCAL_FUTEX_NODE);
	ZpStatus	status;

	if (node != NULL && zp_futex_node_is_lost(node))
	{
		zp_local_cache_clear(ZP_LOCAL_FUTEX_NODE);
		node = NULL;
	}
	while (node == NULL)
	{
		status = zp_futex_node_alloc(&zp_backend.map, zp_backend.control_pool, &node);
		if (status == ZP_OK)
			zp_local_cache_set(ZP_LOCAL_FUTEX_NODE, node, free_node);
		else if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else
			zp_report(status, NULL, 0);
	}
	return node;
}

static void
service_interrupts(void)
{
	if (!PostmasterIsAlive())
		ereport(FATAL,
				(errcode(ERRCODE_ADMIN_SHUTDOWN),
				 errmsg("terminating connection due to unexpected postmaster exit")));
	CHECK_FOR_INTERRUPTS();
}

ZpFutexOutcome
zp_futex_wait_on(ZpHandle *handle, uint32 expected, int64 timeout_us)
{
	ZpArenaMap *map = &zp_backend.map;
	ZpFutexQueue *queue = &handle->sync->futex;
	ZpFutexNode *node = own_node();
	int64		deadline = zp_deadline_after(timeout_us);
	ZpWaitHooks hooks = {should_stop, zp_wait_hooks.sleep_begins, zp_wait_hooks.sleep_ends,
	handle->object};
	volatile ZpStatus status;
	bool		entered;

	while ((status = zp_futex_queue_enter(map, queue, node, expected, &entered)) == ZP_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status == ZP_DROPPED)
		return ZP_FUTEX_DROPPED;
	if (status != ZP_OK)
		zp_report(status, NULL, 0);
	if (!entered)
		return ZP_FUTEX_DIFFERS;

	waiting_in = queue;
	PG_TRY();
	{
		while ((status = zp_futex_queue_sleep(node, zp_deadline_left(deadline), &hooks)) == ZP_CANCELLED &&
			   zp_load_acquire_u32(&handle->object->dropped) == 0)
			service_interrupts();
		/* Woken and cancelled at once: then it will not act on the wake-up. */
		if (status == ZP_OK)
			service_interrupts();
	}
	PG_CATCH();
	{
		waiting_in = NULL;
		(void) zp_futex_queue_leave(map, queue, node, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	waiting_in = NULL;
	if (status == ZP_TIMED_OUT || status == ZP_CANCELLED)
	{
		/* Woken or told of the drop meanwhile, or else it is as it was said. */
		if (!zp_futex_queue_leave(map, queue, node, false))
			status = zp_futex_queue_sleep(node, 0, NULL);
		else if (status == ZP_CANCELLED)
			status = ZP_DROPPED;
	}
	if (status == ZP_DROPPED)
		return ZP_FUTEX_DROPPED;
	return status == ZP_OK ? ZP_FUTEX_WOKEN : ZP_FUTEX_TIMED_OUT;
}

void
zp_futex_wait_abandon(void)
{
	ZpFutexQueue *queue = waiting_in;

	waiting_in = NULL;
	if (queue != NULL)
		(void) zp_futex_queue_leave(&zp_backend.map, queue, zp_local_cache(ZP_LOCAL_FUTEX_NODE),
									true);
}

void
zp_futex_node_figures(ZpLocalFigures *figures)
{
	memset(figures, 0, sizeof(*figures));
	if (zp_local_cache(ZP_LOCAL_FUTEX_NODE) != NULL)
	{
		figures->entries = 1;
		figures->bytes = sizeof(ZpFutexNode);
	}
}
