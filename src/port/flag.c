/*
 * flag.c
 *	  A shared flag on one futex word; see flag.h.
 *
 * A waiter turns CLEAR into AWAITED before it sleeps, and sleeps only while it
 * is AWAITED; a setter that replaced AWAITED wakes everybody.  A waiter that gave
 * up or died leaves AWAITED behind, which costs the next setter one system call
 * that wakes nobody.
 */
#include "port/flag.h"

#include "port/clock.h"

enum
{
	ZP_FLAG_CLEAR = 0,
	ZP_FLAG_SET = 1,
	ZP_FLAG_AWAITED = 2
};

void
zp_flag_init(ZpFlag *flag, bool set)
{
	zp_store_release_u32(&flag->word, set ? ZP_FLAG_SET : ZP_FLAG_CLEAR);
}

bool
zp_flag_set_acq_rel(ZpFlag *flag)
{
	uint32_t	old = zp_load_relaxed_u32(&flag->word);

	/* A flag that is set is written again: else the release would be missing. */
	while (!zp_cas_acq_rel_u32(&flag->word, &old, ZP_FLAG_SET))
		;
	if (old == ZP_FLAG_AWAITED)
		(void) zp_futex_wake_all(&flag->word);
	return old == ZP_FLAG_SET;
}

bool
zp_flag_clear_acq_rel(ZpFlag *flag)
{
	uint32_t	expected = ZP_FLAG_SET;

	return zp_cas_acq_rel_u32(&flag->word, &expected, ZP_FLAG_CLEAR);
}

bool
zp_flag_test_acquire(const ZpFlag *flag)
{
	return zp_load_acquire_u32(&flag->word) == ZP_FLAG_SET;
}

ZpStatus
zp_flag_wait_acquire(ZpFlag *flag, int64_t timeout_us, const ZpWaitHooks *hooks)
{
	int64_t		deadline;

	if (zp_flag_test_acquire(flag))
		return ZP_OK;

	deadline = zp_deadline_after(timeout_us);
	for (;;)
	{
		uint32_t	seen = ZP_FLAG_CLEAR;
		ZpStatus	status;

		/* On failure `seen` is what there is, read with acquire. */
		if (!zp_cas_acq_rel_u32(&flag->word, &seen, ZP_FLAG_AWAITED) && seen == ZP_FLAG_SET)
			return ZP_OK;
		status = zp_futex_wait(&flag->word, ZP_FLAG_AWAITED, zp_deadline_left(deadline), hooks);
		if (status != ZP_OK)
			return status;
	}
}
