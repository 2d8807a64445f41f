/*
 * quals.h
 *	  The conditions of a scan, as a walk over keys in order: where to begin, and for each key
 *	  whether it is an answer and where to go on.
 *
 * Nothing here knows where the keys come from: a cursor over a trie, or sorted pages.
 */
#ifndef ZP_QUALS_H
#define ZP_QUALS_H

#include "compat.h"

#include "access/skey.h"

#include "am/key.h"
#include "trie/cursor.h"		/* ZpDirection */

typedef enum ZpVerdict
{
	ZP_VERDICT_MATCH,			/* an answer; the next key comes next */
	ZP_VERDICT_SKIP,			/* no answer; the next key comes next */
	ZP_VERDICT_SEEK,			/* no answer; go on where *seek says */
	ZP_VERDICT_END				/* no answer, nor will any further key be one */
} ZpVerdict;

/*
 * A place in the order.  Forward: go on with the first entry >= key (> key if past);
 * backward: with the last entry <= key (< key if past).  What is compared are entries, that is,
 * keys with more bytes behind them; so a place that means "behind everything that begins
 * with these bytes" is written as the next byte string that does not (the last byte that is
 * not 0xFF, plus one, and what follows cut off).
 */
typedef struct ZpSeek
{
	bool		everywhere;		/* begin at the first (backward: the last) entry; key is unused */
	bool		past;
	const unsigned char *key;	/* belongs to the ZpQuals, until the next call */
	size_t		key_bytes;
} ZpSeek;

typedef struct ZpQuals ZpQuals;

/* In the given context; layout must live as long. */
extern ZpQuals *zp_quals_create(const ZpKeyLayout *layout, Relation index, MemoryContext context);

/*
 * Sets the conditions (all of them hold together): what amrescan gets, arrays (SK_SEARCHARRAY)
 * and NULL tests included.  Copies what it keeps.
 */
extern void zp_quals_set(ZpQuals *quals, ScanKey keys, int key_count);

/* Where to begin: ZP_VERDICT_SEEK, or ZP_VERDICT_END if no key can be an answer. */
extern ZpVerdict zp_quals_begin(ZpQuals *quals, ZpDirection direction, ZpSeek *seek);

/*
 * What about this key (without what stands behind it)?  Keys may come in any order that seeks and steps in one
 * direction lead to; after a change of direction too, since the answer depends on the key alone.
 * A seek always goes on in direction, past the key.
 */
extern ZpVerdict zp_quals_judge(ZpQuals *quals, ZpDirection direction,
								const unsigned char *key, size_t key_bytes, ZpSeek *seek);

/* Whether exactly one key can be an answer (all columns have "="); then that key. */
extern bool zp_quals_is_point(ZpQuals *quals, const unsigned char **key, size_t *key_bytes);

/* Whether all keys between two that are answers are answers, too. */
extern bool zp_quals_is_interval(const ZpQuals *quals);

/* Whether an answer may be wrong until the executor has looked at the conditions again. */
extern bool zp_quals_recheck(const ZpQuals *quals);

#endif							/* ZP_QUALS_H */
