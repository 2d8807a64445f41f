/*
 * reclaim.pml
 *	  When a retired block is freed: tokens, versions, lazy free lists (src/sync/token.c,
 *	  src/sync/lazy_free.c).
 *
 * Readers look at one block through one link, again and again.  A writer puts new blocks
 * there and retires the old ones.  A reclaimer, who may be anybody, frees them.  A block
 * that was freed may be used again at once.
 *
 * The writer's stores are buffered as well where it matters: its new link may be in memory
 * or not until it fences, and what it retires is seen after its link.
 *
 * Properties: whoever is inside and has found a block may look at it (no use after free);
 * and a token that is not held holds back nothing: in the end all is freed.
 *
 * Mistakes to be planted, one at a time (besides those of store_buffers.pml):
 *	BUG_LATE_TOKEN			a reader takes the link, then publishes its version
 *	BUG_FREE_EQUAL			freed is what is stamped <= the oldest version, not only <
 *	BUG_EARLY_STAMP			stamped, then unlinked
 *	BUG_NO_WRITER_FENCE		no fence between unlinking and stamping
 *	BUG_LATE_ADVANCE		the tokens are looked at before the version is advanced
 *	BUG_LATE_BARRIER		the tokens are looked at before the fence for all
 *	BUG_KEPT_TOKEN			a reader does not give up its version when it leaves
 */
#include "store_buffers.pml"

#ifndef ROUNDS
#define ROUNDS		2			/* of the first reader; the others go once */
#endif
#define CHANGES		2			/* of the writer */
#define PASSES		2			/* of the reclaimer, besides the last one */
#define BLOCKS		3
#define NOBODY		9

byte	current = 1;
byte	link = 0;				/* the block that is there */
byte	freed[BLOCKS];			/* times that it was freed */
bit		taken[BLOCKS];
chan	retired = [CHANGES] of { byte, byte };	/* stamp and block, in order */
byte	readers_done = 0;
bit		writer_done = 0;

/* The writer's store buffer: the next link. */
byte	link_stored = NOBODY;

proctype reader(byte r)
{
	byte round = 0;
	byte version;
	byte block;
	byte freed_before;

	attach(r);
	do
	:: round < (r == 0 -> ROUNDS : 1) ->
#ifdef BUG_LATE_TOKEN
		d_step { block = link; freed_before = freed[block] }
		version = current;
		store(r, version);
#else
		version = current;
		store(r, version);
		d_step { block = link; freed_before = freed[block] }
#endif
		/* Looks at it, as late as may be. */
		d_step {
			assert(freed[block] == freed_before);
			block = 0;
			freed_before = 0;
			version = 0
		}
#ifndef BUG_KEPT_TOKEN
		store(r, 0);
#endif
		round++
	:: else -> break
	od;
	fence(r);
	readers_done++
}

/* The link reaches memory some time after it was stored. */
proctype writers_processor()
{
end:
	do
	:: d_step { link_stored != NOBODY -> link = link_stored; link_stored = NOBODY }
	od
}

proctype writer()
{
	byte change = 0;
	byte old = 0;
	byte new;
	byte stamp;

	taken[0] = 1;
	do
	:: change < CHANGES ->
		/* A block that is free, one that was used before if there is one. */
		if
		:: d_step { !taken[0] -> new = 0; taken[0] = 1 }
		:: d_step { taken[0] && !taken[1] -> new = 1; taken[1] = 1 }
		:: d_step { taken[0] && taken[1] && !taken[2] -> new = 2; taken[2] = 1 }
		fi;
#ifdef BUG_EARLY_STAMP
		stamp = current;
#endif
		link_stored = new;
#ifndef BUG_NO_WRITER_FENCE
		link_stored == NOBODY;	/* the fence */
#endif
#ifndef BUG_EARLY_STAMP
		stamp = current;
#endif
		link_stored == NOBODY;	/* seen in order */
		retired!stamp, old;
		old = new;
		change++
	:: else -> break
	od;
	writer_done = 1
}

/* oldest_version and free_older. */
inline reclaim()
{
#ifdef BUG_LATE_ADVANCE
	oldest = 255;
	fence_for_all();
	look_at_tokens();
	current++;
	oldest = (current < oldest -> current : oldest);
#else
	d_step { current++; oldest = current }
#ifdef BUG_LATE_BARRIER
	look_at_tokens();
	fence_for_all();
#else
	fence_for_all();
	look_at_tokens();
#endif
#endif
	do
#ifdef BUG_FREE_EQUAL
	:: nempty(retired) -> d_step { retired?<stamp, block>; more = (stamp <= oldest) }
#else
	:: nempty(retired) -> d_step { retired?<stamp, block>; more = (stamp < oldest) }
#endif
		if
		:: more -> d_step { retired?stamp, block; freed[block]++; taken[block] = 0 }
		:: else -> break
		fi
	:: empty(retired) -> break
	od;
	stamp = 0;
	d_step { block = 0; oldest = 0; more = 0 }
}

inline look_at_tokens()
{
	do
	:: d_step {
			i < READERS ->
			if
			:: token[i] != 0 && token[i] < oldest -> oldest = token[i]
			:: else
			fi;
			i++
		}
	:: d_step { i == READERS -> i = 0 } break
	od
}

proctype reclaimer()
{
	byte pass = 0;
	byte i = 0;
	byte v = 0;
	bit hit = 0;
	byte oldest = 0;
	byte stamp = 0;
	byte block = 0;
	bit more = 0;

	do
	:: pass < PASSES -> reclaim(); pass++
	:: else -> break
	od;
	writer_done && readers_done == READERS;
	reclaim();
	assert(empty(retired))
}

init
{
	atomic {
		byte r = 0;

		do
		:: r < READERS -> run processor(r); run reader(r); r++
		:: else -> break
		od;
		run writers_processor();
		run writer();
		run reclaimer()
	}
}
