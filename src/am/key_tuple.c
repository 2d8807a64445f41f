/*
 * key_tuple.c
 *	  A key as the tuple that an index-only scan returns, without a detour over datums.
 */
#include "am/key.h"

#include "access/itup.h"
#include "access/tupmacs.h"
#include "utils/inet.h"
#include "utils/uuid.h"

#include "am/key_inet.h"
#include "am/key_integer.h"

/* Where the next value's bytes go, behind zeros for its alignment. */
static inline char *
align(char *begin, char *at, char alignment)
{
	size_t		used = at - begin;
	size_t		aligned = att_align_nominal(used, alignment);

	while (used < aligned)
		begin[used++] = 0;
	return begin + used;
}

/* Puts a varlena with these bytes; where it ends. */
static inline char *
put_varlena(char *begin, char *at, char alignment, const void *bytes, size_t length)
{
	if (length + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		SET_VARSIZE_SHORT(at, length + VARHDRSZ_SHORT);
		at += VARHDRSZ_SHORT;
	}
	else
	{
		at = align(begin, at, alignment);
		SET_VARSIZE(at, length + VARHDRSZ);
		at += VARHDRSZ;
	}
	memcpy(at, bytes, length);
	return at + length;
}

/* The length of a column's encoding; 0: it is none.  What is wrong inside a text is for others to find. */
static inline size_t
column_bytes(const ZpKeyLayout *layout, int column, const unsigned char *key, size_t key_bytes)
{
	const ZpKeyColumn *last = &layout->column[column];

	if (column == layout->columns - 1 && last->kind == ZP_KEY_TEXT && key_bytes >= 2 &&
		key[0] == (last->descending ? (unsigned char) ~ZP_KEY_VALUE : ZP_KEY_VALUE) &&
		key[key_bytes - 1] == (last->descending ? 0xFF : 0x00))
		return key_bytes;
	return zp_key_column_bytes(last, key, key_bytes);
}

/* Puts a value, given its encoding without DESC; where it ends, or NULL: this is for zp_key_decode. */
static inline char *
put_value(const ZpKeyColumn *column, Form_pg_attribute attribute, const unsigned char *bytes,
		  size_t length, char *begin, char *at)
{
	switch (column->kind)
	{
		case ZP_KEY_INTEGER:
			{
				int64		integer;
				Datum		value;

				if (!zp_integer_decode(bytes, &integer) ||
					!zp_integer_value(column->type, integer, &value))
					return NULL;
				at = align(begin, at, attribute->attalign);
				store_att_byval(at, value, attribute->attlen);
				return at + attribute->attlen;
			}
		case ZP_KEY_TEXT:
			return put_varlena(begin, at, attribute->attalign, bytes + 1, length - 2);
		case ZP_KEY_BYTEA:
			/* What is escaped is for zp_key_decode. */
			if (memchr(bytes + 1, 0x00, length - 3) != NULL)
				return NULL;
			return put_varlena(begin, at, attribute->attalign, bytes + 1, length - 3);
		case ZP_KEY_UUID:
			memcpy(at, bytes + 1, UUID_LEN);
			return at + UUID_LEN;
		case ZP_KEY_INET:
			{
				inet		address;

				memset(&address, 0, sizeof(address));
				if (!zp_inet_decode(bytes, &address.inet_data))
					return NULL;
				SET_INET_VARSIZE(&address);
				return put_varlena(begin, at, attribute->attalign, VARDATA(&address),
								   VARSIZE(&address) - VARHDRSZ);
			}
		case ZP_KEY_BPCHAR:
			break;
	}
	return NULL;
}

bool
zp_key_form_tuple(const ZpKeyLayout *layout, TupleDesc row, const unsigned char *key,
				  size_t key_bytes, IndexTuple tuple)
{
	char	   *begin = (char *) tuple + MAXALIGN(sizeof(IndexTupleData));
	char	   *at = begin;
	size_t		size;

	for (int i = 0; i < layout->columns; i++)
	{
		const ZpKeyColumn *column = &layout->column[i];
		size_t		length = column_bytes(layout, i, key, key_bytes);
		const unsigned char *bytes = key;
		unsigned char room[ZP_KEY_TUPLE_BYTES];

		if (length == 0 || key[0] == ZP_KEY_NULL(column) ||
			(size_t) (at - begin) + length + 2 * MAXIMUM_ALIGNOF > INDEX_SIZE_MASK)
			return false;
		if (column->descending)
		{
			for (size_t j = 0; j < length; j++)
				room[j] = (unsigned char) ~key[j];
			bytes = room;
		}
		at = put_value(column, TupleDescAttr(row, i), bytes, length, begin, at);
		if (at == NULL)
			return false;
		key += length;
		key_bytes -= length;
	}
	size = MAXALIGN(at - (char *) tuple);
	if (key_bytes != 0 || size > INDEX_SIZE_MASK)
		return false;
	tuple->t_info = (unsigned short) (size | INDEX_VAR_MASK);
	return true;
}
