/*
 * options.h
 *	  WITH (...) of an index.
 */
#ifndef ZP_OPTIONS_H
#define ZP_OPTIONS_H

#include "compat.h"

#include "access/reloptions.h"

#include "mem/pool.h"

typedef struct ZpIndexOptions
{
	int32		vl_len_;		/* of a varlena */
	int			fillfactor;		/* percent of a base page that is filled */
	int			access;			/* ZpIndexAccess */
	int			pool;			/* ZpPoolLevel of the image's pool */
	int			preset;			/* ZpPresetName of it */
} ZpIndexOptions;

/* Access level of an image's trie. */
typedef enum ZpIndexAccess
{
	ZP_INDEX_ONE_WRITER,
	ZP_INDEX_MULTI_WRITER
} ZpIndexAccess;

#define ZP_MIN_FILLFACTOR		10
#define ZP_DEFAULT_FILLFACTOR	100

/* Once, as the library is loaded. */
extern void zp_options_define(void);

/* What an index has, defaults included. */
extern void zp_options_get(Relation index, ZpIndexOptions *options);

extern bytea *zp_index_options(Datum reloptions, bool validate);

#endif							/* ZP_OPTIONS_H */
