/*
 * cursor.h
 *	  Ordered reading of a trie, both ways, in batches.
 *
 * A cursor copies entries into a buffer of the caller and goes on from the last
 * key that it gave, so between two calls it holds no token, no lock and no
 * pointer: an idle cursor holds back nothing.  Every key that is there during
 * the whole of the reading is given once, in order; a key that comes or goes
 * meanwhile may be given or not.
 */
#ifndef ZP_CURSOR_H
#define ZP_CURSOR_H

#include "trie/trie.h"

typedef enum ZpDirection
{
	ZP_FORWARD = 1,
	ZP_BACKWARD = -1
} ZpDirection;

typedef struct ZpCursorFrame ZpCursorFrame;

/*
 * Private.  Memory for the key and the path is from malloc and grows with the
 * longest key; zp_cursor_end frees it.
 */
typedef struct ZpCursor
{
	ZpTrieSession *session;
	unsigned char *key;			/* where the cursor stands */
	size_t		key_bytes;
	size_t		key_capacity;
	unsigned char *walk;		/* the key of the node where a batch is at */
	size_t		walk_capacity;
	enum
	{
		ZP_CURSOR_FIRST,		/* before the first or after the last key */
		ZP_CURSOR_AT,			/* the key itself is still to be given */
		ZP_CURSOR_PAST			/* the key itself was given */
	}			position;
	ZpCursorFrame *frames;		/* the inner nodes above where a batch is at */
	size_t		frame_count;
	size_t		frame_capacity;
	struct ZpCursorBucket *bucket;	/* the bucket there */
} ZpCursor;

/* One entry of a batch; it points into the batch's buffer. */
typedef struct ZpEntry
{
	const unsigned char *key;
	size_t		key_bytes;
	uint64_t	payload;		/* FIXED; else 0 */
	const unsigned char *value; /* BLOCK, 8-byte aligned; else NULL */
	size_t		value_bytes;
} ZpEntry;

/* Stands before the first key (forward) and after the last one (backward).  Cannot fail. */
extern void zp_cursor_begin(ZpCursor *cursor, ZpTrieSession *session);
extern void zp_cursor_end(ZpCursor *cursor);

/*
 * Stands at key: the next batch forward begins with the first key >= key (> key
 * if past), backward with the last key <= key (< key if past).
 * ZP_KEY_TOO_LONG, ZP_OUT_OF_MEMORY.
 */
extern ZpStatus zp_cursor_seek(ZpCursor *cursor, const void *key, size_t key_bytes, bool past);

/* Goes back to where zp_cursor_begin left it. */
extern void zp_cursor_rewind(ZpCursor *cursor);

/*
 * Copies up to max_entries next (previous) entries into entries, their bytes into
 * buffer.  *count says how many: at least 1 if ZP_OK.  ZP_END: none is left.
 * ZP_BUFFER_TOO_SMALL: not even one fits; *needed is the size that it takes.
 * ZP_OUT_OF_MEMORY (malloc), ZP_MAP_FAILED: nothing was read, the cursor stands
 * where it stood.
 */
extern ZpStatus zp_cursor_read(ZpCursor *cursor, ZpDirection direction,
							   ZpEntry *entries, size_t max_entries,
							   void *buffer, size_t buffer_bytes,
							   size_t *count, size_t *needed);

#endif							/* ZP_CURSOR_H */
