/*
 * store_buffers.pml
 *	  Memory as processors see it, and the asymmetric fence of port/barrier.h.
 *
 * What a reader stores goes into a buffer of its processor and from there, in order, at any
 * later moment, into memory, where others see it: total store order, as on x86.  Weaker
 * machines reorder loads and stores more; there the code asks for acquire and release where
 * the order matters, which is what a buffer in order stands for.  All else in the models is
 * stored in memory at once, since its writers fence where the protocol needs it.
 *
 * A barrier for all empties the buffers one after another, while everybody goes on.
 *
 * Mistakes to be planted:
 *	BUG_NO_BARRIER			nobody fences for the readers
 *	BUG_NO_ATTACH_FENCE		a reader does not fence when it gets its token
 */
#define READERS 2
#define LIGHT	99				/* in a buffer: not a version, but "I count on your fences" */

byte	token[READERS];			/* the version that a reader carries; 0: not held */
bit		owned[READERS];			/* it has a token at all */
bit		light[READERS];
chan	stores[READERS] = [3] of { byte };

inline store(r, v)
{
	stores[r]!v
}

inline reach_memory(r)
{
	d_step {
		stores[r]?v ->
		if
		:: v == LIGHT -> light[r] = 1
		:: else -> token[r] = v
		fi;
		v = 0
	}
}

/* What is stored gets there some time, or never while nobody waits for it. */
proctype processor(byte r)
{
	byte v;

end:
	do
	:: reach_memory(r)
	od
}

/* A fence of the reader itself. */
#define fence(r)	(empty(stores[r]))

/*
 * zp_fence_for_all: nobody is interrupted if nobody counts on it.  At one moment, another
 * for each, all that a reader has stored so far is in memory.  Uses i, v and hit of the process.
 */
inline fence_for_all()
{
#ifndef BUG_NO_BARRIER
	do
	:: d_step { i < READERS -> hit = hit || (owned[i] && light[i]); i++ }
	:: d_step { i == READERS -> i = 0 } break
	od;
	do
	:: d_step {
			hit && i < READERS ->
			do
			:: len(stores[i]) > 0 ->
				stores[i]?v;
				if
				:: v == LIGHT -> light[i] = 1
				:: else -> token[i] = v
				fi
			:: len(stores[i]) == 0 -> break
			od;
			v = 0;
			i++
		}
	:: d_step { !hit || i == READERS -> i = 0; hit = 0 } break
	od
#else
	skip
#endif
}

/* zp_token_attach. */
inline attach(r)
{
	owned[r] = 1;
	store(r, LIGHT);
#ifndef BUG_NO_ATTACH_FENCE
	fence(r)
#else
	skip
#endif
}
