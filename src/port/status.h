/*
 * status.h
 *	  What a function of the core says about how it went.
 *
 * The core never throws: every function that can fail returns one of these, and
 * a failing function has changed nothing unless its comment says otherwise.
 */
#ifndef ZP_STATUS_H
#define ZP_STATUS_H

typedef enum ZpStatus
{
	ZP_OK = 0,
	ZP_EXISTS,					/* insert: the key was there already */
	ZP_NOT_FOUND,				/* lookup, delete: no such key */
	ZP_END,						/* cursor: nothing more in this direction */
	ZP_CANCELLED,				/* a wait was given up at the caller's wish */
	ZP_TIMED_OUT,				/* a wait reached its time limit */
	ZP_BUSY,					/* a try-lock found it locked */
	ZP_OUT_OF_MEMORY,			/* the operating system gives no more */
	ZP_OVER_LIMIT,				/* a limit set by the user is reached */
	ZP_MAP_FAILED,				/* a segment could not be mapped here */
	ZP_KEY_TOO_LONG,			/* over ZP_MAX_KEY_BYTES */
	ZP_BUFFER_TOO_SMALL,		/* the needed size is in the out argument */
	ZP_OVERFLOW,				/* an addition left the range of int64 */
	ZP_BAD_ARGUMENT,			/* outside the documented range */
	ZP_BAD_REF,					/* free: not a block of this pool */
	ZP_BAD_SIZE,				/* free: the block has another size */
	ZP_DOUBLE_FREE,				/* free: the block is free already */
	ZP_NOT_OWNER,				/* no_lock: another participant owns it */
	ZP_OWNED,					/* single_strict, single_shared: another participant has it */
	ZP_READ_ONLY,				/* the object's access level admits no writer */
	ZP_HELD,					/* somebody keeps it from call to call: wait elsewhere */
	ZP_ASK_FIRST,				/* it would be kept from call to call: see ZpPass.asks */
	ZP_DROPPED,					/* the object was dropped meanwhile */
	ZP_CORRUPTED				/* a shared structure fails its own checks */
} ZpStatus;

/* The status's name as in this file, for messages and tests; never NULL. */
extern const char *zp_status_name(ZpStatus status);

#endif							/* ZP_STATUS_H */
