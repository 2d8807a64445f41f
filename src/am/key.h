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

#include "access/itup.h"
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

/*
 * The first byte of a column says NULL or value, whatever the kind.  0x00 and 0xFF are no
 * first bytes, so there is always a byte string behind all keys that begin alike.
 */
#define ZP_KEY_NULL_FIRST	0x01
#define ZP_KEY_NULL_LAST	0xFE
#define ZP_KEY_VALUE		0x80	/* neither integer nor inet; DESC: its complement */

#define ZP_KEY_NULL(column) \
	((column)->nulls_first ? ZP_KEY_NULL_FIRST : ZP_KEY_NULL_LAST)

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

/*
 * Appends the encoding of one value that is not NULL.  type is that of the value: the
 * column's own, or for integers another width.
 */
extern void zp_key_encode_value(const ZpKeyColumn *column, Oid type, Datum value, StringInfo key);

/*
 * For ZP_KEY_TEXT and ZP_KEY_BYTEA: a string's encoding, without DESC, and back.  The latter
 * takes what follows the first byte, up to the end of the string or of the bytes, and
 * returns whether the string ended.
 */
extern void zp_key_encode_string(ZpKeyKind kind, const unsigned char *string, size_t bytes,
								 StringInfo key);
extern bool zp_key_decode_string(ZpKeyKind kind, const unsigned char *key, size_t available,
								 StringInfo string);

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

/* Room for any index tuple. */
#define ZP_KEY_TUPLE_BYTES	BLCKSZ

/*
 * Makes an index tuple, without its TID, of all key columns, which are the attributes of row.
 * false: this is not for that, as a column is NULL or not returnable, or the tuple would be too
 * long for one, or the bytes are no key of this layout; then see zp_key_decode.
 */
extern bool zp_key_form_tuple(const ZpKeyLayout *layout, TupleDesc row, const unsigned char *key,
							  size_t key_bytes, IndexTuple tuple);

/*
 * The included attributes as bytes (of any alignment) and back.  values and isnull are
 * those of the whole index tuple: attributes from layout->columns on are read or set.
 * Decoding: false if the bytes are not well formed.
 */
extern void zp_included_encode(const ZpKeyLayout *layout, const Datum *values,
							   const bool *isnull, StringInfo bytes);
extern bool zp_included_decode(const ZpKeyLayout *layout, const unsigned char *bytes,
							   size_t length, Datum *values, bool *isnull);

/*
 * Raises an error if a key column's collation does not fit its operator class: a nondeterministic
 * one never does, and a class that orders by "<" of text needs the order of bytes.
 */
extern void zp_key_check_collations(Relation index);

#endif							/* ZP_KEY_H */
