/*
 * report.h
 *	  What the core's status is in PostgreSQL's words.
 */
#ifndef ZP_REPORT_H
#define ZP_REPORT_H

#include "postgres.h"

#include "shm/registry.h"

struct ZpHandle;

/*
 * Raises the error that a failure of the core is.  The handle (may be NULL) names
 * the trie; key_bytes is the length of the key that was given.  For statuses that
 * are outcomes rather than failures it is an internal error.
 */
extern void zp_report(ZpStatus status, struct ZpHandle *handle, size_t key_bytes)
			__attribute__((noreturn));

/* The same for an operation on a named pool; ref and size are the block's as given. */
extern void zp_report_pool(ZpStatus status, const char *name, int64 ref, int64 size)
			__attribute__((noreturn));

/* The error for an object that is not there. */
extern void zp_report_unknown(ZpObjectKind kind, const char *name) __attribute__((noreturn));

#endif							/* ZP_REPORT_H */
