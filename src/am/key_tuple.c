/*
 * key_tuple.c
 *	  A key as the tuple that an index-only scan returns, without a detour over datums.
 */
#include "am/key.h"

#include "access/itup.h"
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

/* Puts the header of a varlena with so many bytes behind it; where they go. */
static inline char *
put_header(char *begin, char *at, char alignment, size_t bytes)
{
	if (bytes + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		SET_VARSIZE_SHORT(at, bytes + VARHDRSZ_SHORT);
		return at + VARHDRSZ_SHORT;
	}
	at = align(begin, at, alignment);
	SET_VARSIZE(at, bytes + VARHDRSZ);
	return at + VARHDRSZ;
}

/* Bytes of an escaped string, without its end, as they were. */
static size_t
unescape(const unsigned char *escaped, size_t bytes, char *out)
{
	size_t		written = 0;

	for (size_t i = 0; i < bytes; i++)
	{
		out[written++] = (char) escaped[i];
		if (escaped[i] == 0x00)
			i++;
	}
	return written;
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

/* Puts a value, given its encoding without DESC; where it ends, or NULL: it is no value of the type. */
static inline char *
put_value(const ZpKeyColumn *column, Form_pg_attribute attribute, const unsigned char *bytes,
		  size_t length, char *begin, char *at)
{
	switch (column->kind)
	{
		case ZP_KEY_INTEGER:
			{
				int64		integer;

				if (!zp_integer_decode(bytes, &integer))
					return NULL;
				at = align(begin, at, attribute->attalign);
				switch (attribute->attlen)
				{
					case sizeof(int16):
						*(int16 *) at = (int16) integer;
						return integer == (int16) integer ? at + sizeof(int16) : NULL;
					case sizeof(int32):
						*(int32 *) at = (int32) integer;
						return integer == (column->type == OIDOID
										   ? (int64) (uint32) integer : (int32) integer)
							? at + sizeof(int32) : NULL;
					default:
						*(int64 *) at = integer;
						return at + sizeof(int64);
				}
			}
		case ZP_KEY_TEXT:
			at = put_header(begin, at, attribute->attalign, length - 2);
			memcpy(at, bytes + 1, length - 2);
			return at + length - 2;
		case ZP_KEY_BYTEA:
			{
				size_t		escapes = 0;

				for (size_t i = 1; i < length - 2; i++)
				{
					if (bytes[i] == 0x00)
					{
						escapes++;
						i++;
					}
				}
				at = put_header(begin, at, attribute->attalign, length - 3 - escapes);
				return at + unescape(bytes + 1, length - 3, at);
			}
		case ZP_KEY_UUID:
			memcpy(at, bytes + 1, UUID_LEN);
			return at + UUID_LEN;
		case ZP_KEY_INET:
			{
				inet		address;
				size_t		size;

				memset(&address, 0, sizeof(address));
				if (!zp_inet_decode(bytes, &address.inet_data))
					return NULL;
				SET_INET_VARSIZE(&address);
				size = VARSIZE(&address) - VARHDRSZ;
				at = put_header(begin, at, attribute->attalign, size);
				memcpy(at, VARDATA(&address), size);
				return at + size;
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
