/*
 * mutex.pml
 *	  The futex mutex (src/port/mutex.c) on futexes as the kernel has them.
 *
 * The spin before the sleep is left out: it is a number of tries to lock, and each process
 * may be as slow as it likes before it sleeps.  Process 0 may give up a wait at any moment
 * that it has not been woken, as a cancelled one does.
 *
 * Properties: one holder at a time; whoever waits without giving up gets it (a wake-up that
 * is lost leaves a process asleep for ever, which spin calls an invalid end state).
 *
 * Mistakes to be planted:
 *	BUG_NO_WAKE				an unlock that finds it contended does not wake
 *	BUG_WAKE_FIRST			an unlock wakes, then stores
 *	BUG_TAKE_AS_HELD		who has slept takes it as held, not as contended
 *	BUG_WAIT_BLINDLY		a sleep that does not look at the word again
 *	BUG_FORGET_WOKEN		who gives up leaves although it was woken
 *	BUG_CLEAR_CONTENDED		who gives up marks the mutex as merely held
 *	BUG_LOAD_THEN_STORE		a try to lock that is no compare-and-swap
 */
#define PROCESSES	3
#define ROUNDS		2

byte	state = 0;				/* 0 free, 1 held, 2 contended */
bit		asleep[PROCESSES];		/* in the kernel's queue */
byte	inside = 0;

/* Wakes any one of those who sleep; Linux takes the first, which is one of them. */
inline futex_wake()
{
	atomic {
		if
		:: asleep[0] -> asleep[0] = 0
		:: asleep[1] -> asleep[1] = 0
		:: asleep[2] -> asleep[2] = 0
		:: !asleep[0] && !asleep[1] && !asleep[2] -> skip
		fi
	}
}

inline exchange(new)
{
	d_step { old = state; state = new }
}

proctype process(byte me)
{
	byte round = 0;
	byte old = 0;
	bit got;

	do
	:: round < ROUNDS ->
		got = 0;
		/* The first try. */
#ifdef BUG_LOAD_THEN_STORE
		old = state;
		if
		:: old == 0 -> state = 1; got = 1
		:: else
		fi;
#else
		d_step {
			if
			:: state == 0 -> state = 1; got = 1
			:: else
			fi
		}
#endif
		do
		:: got -> break
		:: !got ->
#ifdef BUG_TAKE_AS_HELD
			d_step { old = state; state = (state == 0 -> 1 : 2) }
#else
			exchange(2);
#endif
			if
			:: old == 0 -> got = 1
			:: else ->
#ifdef BUG_WAIT_BLINDLY
				asleep[me] = 1;
#else
				d_step { asleep[me] = (state == 2) }
#endif
				if
				:: !asleep[me]
				:: d_step { me == 0 && asleep[me] -> asleep[me] = 0 };
#ifdef BUG_CLEAR_CONTENDED
					d_step {
						if
						:: state == 2 -> state = 1
						:: else
						fi
					}
#endif
					break
#ifdef BUG_FORGET_WOKEN
				:: me == 0 && !asleep[me] -> break
#endif
				fi
			fi
		od;
		if
		:: got ->
			inside++;
			assert(inside == 1);
			inside--;
			/* Unlock. */
#ifdef BUG_WAKE_FIRST
			if
			:: state == 2 -> futex_wake()
			:: else
			fi;
			exchange(0)
#else
			exchange(0);
#ifndef BUG_NO_WAKE
			if
			:: old == 2 -> futex_wake()
			:: else
			fi
#endif
#endif
		:: else					/* gave up */
		fi;
		old = 0;
		round++
	:: else -> break
	od
}

init
{
	atomic {
		run process(0);
		run process(1);
		run process(2)
	}
}
