/*
 * key.h
 *	  The keys of an index as byte strings whose order is the index's order.
 *
 * A key is the columns' encodings one after the other.  A column's encoding begins with a
 * byte that tells NULL from a value, is never a prefix of another encoding of that column,
 * and compares, as unsigned bytes, as the operator class orders its values; the encoding of
 * a DESC column is the complement of that, byte by byte, and NULLS FIRST decides the first byte.
 * So no key is a prefix of another one, and whatever follows a key in a trie or in a page
 * cannot change the order.
 */
#ifndef ZP_KEY_H
#define ZP_KEY_H

#include "compat.h"

#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

/* How values of a column become bytes. */
typedef enum ZpKeyKind
{
	ZP_KEY_INTEGER,				/* int2, int4, int8, date, timestamp, timestamptz, oid: of any width alike */
	ZP_KEY_TEXT,				/* text, varchar: bytes, no NUL among them */
	ZP_KEY_BPCHAR,				/* the same without trailing blanks */
	ZP_KEY_BYTEA,
	ZP_KEY_UUID,
	ZP_KEY_INET					/* inet, cidr */
} ZpKeyKind;

typedef struct ZpKeyColumn
{
	ZpKeyKind	kind;
	Oid			type;			/* the operator class's input type */
	bool		descending;
	bool		nulls_first;
} ZpKeyColumn;

/* Of one index; palloc'd as one piece with what it points to. */
typedef struct ZpKeyLayout
{
	int			columns;		/* that make up the key */
	int			attributes;		/* and those that are only included */
	ZpKeyColumn column[INDEX_MAX_KEYS];
	TupleDesc	included;		/* of the included attributes; NULL: there are none */
} ZpKeyLayout;

/* In the given context.  Raises an error for a type that no operator class of ours has. */
extern ZpKeyLayout *zp_key_layout(Relation index, MemoryContext context);

/* Whether type has an encoding; its kind in *kind. */
extern bool zp_key_kind_of_type(Oid type, ZpKeyKind *kind);

/*
 * Appends the encoding of a whole key: values of all key columns, detoasted here as needed
 * (what that takes is freed again, or in the current context).
 */
extern void zp_key_encode(const ZpKeyLayout *layout, const Datum *values, const bool *isnull,
						  StringInfo key);

/* The length of the next column's encoding, which begins at bytes.  0: it is no such encoding. */
extern size_t zp_key_column_bytes(const ZpKeyColumn *column, const unsigned char *bytes,
								  size_t available);

/*
 * Whether a column's value can be had from its encoding, bit by bit as it was given
 * (index-only scans).  attribute counts from 0, included attributes come after the key's.
 */
extern bool zp_key_is_returnable(const ZpKeyLayout *layout, int attribute);

/*
 * Values of all key columns, by reference palloc'd in the current context.  A column that is
 * not returnable gets NULL.  false: the bytes are no key of this layout.
 */
extern bool zp_key_decode(const ZpKeyLayout *layout, const unsigned char *key, size_t key_bytes,
						  Datum *values, bool *isnull);

/*
 * The included attributes as bytes (of any alignment) and back.  values and isnull are
 * those of the whole index tuple: attributes from layout->columns on are read or set.
 */
extern void zp_included_encode(const ZpKeyLayout *layout, const Datum *values,
							   const bool *isnull, StringInfo bytes);
extern void zp_included_decode(const ZpKeyLayout *layout, const unsigned char *bytes,
							   size_t length, Datum *values, bool *isnull);

#endif							/* ZP_KEY_H */
