/*
 * close.pml
 *	  Dropping an object while it is read (zp_versions_close in src/sync/token.c).
 *
 * Readers come, look whether the object is closed, use it, and leave.  Somebody closes it,
 * waits until no token is held, and destroys it.
 *
 * Property: nobody uses an object that was destroyed.
 *
 * Mistakes to be planted (besides those of store_buffers.pml):
 *	BUG_LATE_TOKEN		a reader looks whether it is closed, then publishes its version
 *	BUG_LATE_CLOSE		the tokens are looked at, and then it is closed
 *	BUG_ONE_TOKEN		only the first token is looked at
 *	BUG_NO_LOOK			a reader does not look whether it is closed
 */
#include "store_buffers.pml"

#define ROUNDS 2

bit		closed = 0;
bit		destroyed = 0;

proctype reader(byte r)
{
	byte round = 0;
	bit seen = 0;

	attach(r);
	do
	:: round < ROUNDS && !seen ->
#ifdef BUG_LATE_TOKEN
		seen = closed;
		store(r, 1);
#else
		store(r, 1);
#ifndef BUG_NO_LOOK
		seen = closed;
#endif
#endif
		if
		:: !seen ->
			assert(!destroyed)
		:: else
		fi;
		store(r, 0);
		round++
	:: else -> break
	od
}

proctype dropper()
{
	byte i = 0;
	byte v = 0;
	bit hit = 0;
	bit busy = 1;

#ifndef BUG_LATE_CLOSE
	closed = 1;
#endif
	do
	:: busy ->
		fence_for_all();
		busy = 0;
		i = 0;
		do
#ifdef BUG_ONE_TOKEN
		:: i < 1 ->
#else
		:: i < READERS ->
#endif
			busy = busy || token[i] != 0;
			i++
		:: else -> break
		od;
		i = 0
	:: else -> break
	od;
	closed = 1;
	destroyed = 1
}

init
{
	atomic {
		byte r = 0;

		do
		:: r < READERS -> run processor(r); run reader(r); r++
		:: else -> break
		od;
		run dropper()
	}
}
