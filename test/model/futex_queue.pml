/*
 * futex_queue.pml
 *	  Futexes with exact wake-ups (src/sync/futex_queue.c, src/shm/futex_wait.c).
 *
 * Waiters wait while the value is 0.  A waker wakes one without a new value, once somebody
 * waits; later it stores 1 and wakes all.  Waiter 0 may be cancelled at any moment.  A sleep is
 * cut into slices: a waiter is now in the kernel, now not.  The queue's lock is modelled as
 * steps that cannot be divided, since mutex.pml is about it.
 *
 * Properties: a waiter who is not woken does not sleep for ever once the value is 1; a waker
 * is told as many as there are that say that they were woken; a wake-up that meets one
 * who is cancelled goes to the other one.
 *
 * Mistakes to be planted:
 *	BUG_NO_PASS_ON			who is cancelled keeps the wake-up that it got
 *	BUG_COMPARE_OUTSIDE		the value is compared before the lock is taken
 *	BUG_WAKE_SLEEPERS		a wake-up finds those only who are in the kernel
 *	BUG_WAKE_THEN_STORE		the new value is stored after the wake-up
 *	BUG_STATE_UNCHECKED		who leaves says that it was not woken, without looking
 */
#define WAITERS	2

#define IDLE	0
#define WAITING	1
#define WOKEN	2

byte	value = 0;
byte	state[WAITERS];			/* WAITING: in the queue; the order among two does not matter */
bit		in_kernel[WAITERS];
byte	told = 0;				/* wake-ups that wakers were told of */
byte	kept = 0;				/* wake-ups that were given to cancelled waiters who could not pass them on */
byte	woken = 0;				/* waiters that say that they were woken */
byte	done = 0;

/* Takes one out, any, or nobody if there is none; found says so. */
inline take_one(found)
{
	atomic {
		found = 0;
		if
#ifdef BUG_WAKE_SLEEPERS
		:: state[0] == WAITING && in_kernel[0] -> state[0] = WOKEN; in_kernel[0] = 0; found = 1
		:: state[1] == WAITING && in_kernel[1] -> state[1] = WOKEN; in_kernel[1] = 0; found = 1
#else
		:: state[0] == WAITING -> state[0] = WOKEN; in_kernel[0] = 0; found = 1
		:: state[1] == WAITING -> state[1] = WOKEN; in_kernel[1] = 0; found = 1
#endif
		:: else
		fi
	}
}

proctype waiter(byte me)
{
	bit cancelled = 0;
	bit found;
	bit same;

	/* Enters. */
#ifdef BUG_COMPARE_OUTSIDE
	same = (value == 0);
	if
	:: same -> state[me] = WAITING
	:: else
	fi;
#else
	d_step {
		same = (value == 0);
		if
		:: same -> state[me] = WAITING
		:: else
		fi
	}
#endif
	/* Sleeps, slice by slice. */
	do
	:: state[me] != WAITING -> break
	:: d_step { state[me] == WAITING && !in_kernel[me] -> in_kernel[me] = 1 }
	:: d_step { in_kernel[me] && state[me] == WAITING && me == 0 -> in_kernel[me] = 0 }
	:: me == 0 && !in_kernel[me] && same -> cancelled = 1; break
	od;
	if
	:: cancelled ->
		/* Leaves. */
#ifdef BUG_STATE_UNCHECKED
		state[me] = IDLE
#else
		atomic {
			if
			:: state[me] == WAITING -> state[me] = IDLE; cancelled = 0
			:: else
			fi
		}
		if
		:: cancelled ->			/* had been woken */
			state[me] = IDLE;
			/* Only waiter 0 is cancelled, so the other one is the next. */
			d_step {
				found = 0;
				if
#ifndef BUG_NO_PASS_ON
				:: state[1] == WAITING -> state[1] = WOKEN; in_kernel[1] = 0; found = 1
#endif
				:: else
				fi;
				assert(found || state[1] != WAITING)
			}
			if
			:: found				/* the other one says so */
			:: else -> kept++
			fi
		:: else
		fi
#endif
	:: else ->
		if
		:: state[me] == WOKEN -> woken++; state[me] = IDLE
		:: else
		fi
	fi;
	done++
}

proctype waker()
{
	bit found;

	/* One, if anybody waits by now. */
	take_one(found);
	told = told + found;

	/* All. */
#ifdef BUG_WAKE_THEN_STORE
	take_one(found);
	told = told + found;
	take_one(found);
	told = told + found;
	value = 1;
#else
	value = 1;
	take_one(found);
	told = told + found;
	take_one(found);
	told = told + found;
#endif
	done == WAITERS;
	assert(told == woken + kept)
}

init
{
	atomic {
		run waiter(0);
		run waiter(1);
		run waker()
	}
}
