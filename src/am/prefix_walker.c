/*
 * prefix_walker.c
 *	  k @^ q: the values that are a prefix of a string, or of one of several.
 *
 * All prefixes of all strings, in order, are the nodes of the strings' trie in the order
 * in which a walk meets them first.  The sorted array of strings is that trie already: for any
 * place r, let before be the last string before it and behind the first one behind it.
 *
 * Forward, the first prefix at r or behind it comes from behind, cut off where it stops
 * to agree with r, plus one byte; longer common pieces can only be with behind.
 *
 * Backward, the last prefix before r is the string before, whole, unless r agrees longer with
 * behind than with before: then it is what r and behind have in common.
 *
 * One binary search each.  All this is about the strings as they are; places are translated
 * from and to encodings of the column.
 */
#include "am/walker.h"

typedef struct PrefixWalker
{
	ZpWalker	walker;
	ZpKeyKind	kind;
	unsigned char flip;			/* 0xFF: DESC */
	int			count;
	ZpString   *strings;		/* sorted, each once */
	StringInfoData raw;			/* of the place that is looked at */
} PrefixWalker;

/* A place among strings as they are. */
typedef enum Side
{
	BEFORE,						/* the string and all that begins with it */
	BEHIND_STRING,				/* and before whatever else begins with it */
	BEHIND_ALL
} Side;

typedef struct Place
{
	ZpString	string;
	Side		side;
} Place;

static int
compare_strings(const void *a, const void *b)
{
	const ZpString *x = a;
	const ZpString *y = b;
	int			order = memcmp(x->bytes, y->bytes, Min(x->length, y->length));

	if (order != 0)
		return order;
	return x->length < y->length ? -1 : x->length > y->length;
}

static size_t
common_bytes(const ZpString *a, const ZpString *b)
{
	size_t		most = Min(a->length, b->length);
	size_t		common = 0;

	while (common < most && a->bytes[common] == b->bytes[common])
		common++;
	return common;
}

/* The string that begins at an encoding, up to its end or that of what is there. */
static bool
read_string(PrefixWalker *walker, const unsigned char *bytes, size_t length, ZpString *string)
{
	bool		ended;

	if (walker->kind == ZP_KEY_TEXT && walker->flip == 0)
	{
		const unsigned char *end = memchr(bytes, 0x00, length);

		string->bytes = bytes;
		string->length = end == NULL ? length : (size_t) (end - bytes);
		return end != NULL;
	}
	resetStringInfo(&walker->raw);
	if (walker->flip == 0)
		ended = zp_key_decode_string(walker->kind, bytes, length, &walker->raw);
	else
	{
		unsigned char *plain = palloc(length + 1);

		for (size_t i = 0; i < length; i++)
			plain[i] = (unsigned char) ~bytes[i];
		ended = zp_key_decode_string(walker->kind, plain, length, &walker->raw);
		pfree(plain);
	}
	string->bytes = (unsigned char *) walker->raw.data;
	string->length = walker->raw.len;
	return ended;
}

static Place
read_place(PrefixWalker *walker, const ZpCut *cut)
{
	bool		after = cut->after != (walker->flip != 0);
	unsigned char first;
	Place		place = {.string = {.bytes = cut->bytes,.length = 0}};

	place.side = after ? BEHIND_ALL : BEFORE;
	if (cut->length == 0)
		return place;
	first = cut->bytes[0] ^ walker->flip;
	if (first != ZP_KEY_VALUE)
		place.side = first < ZP_KEY_VALUE ? BEFORE : BEHIND_ALL;
	else if (read_string(walker, cut->bytes + 1, cut->length - 1, &place.string) && after)
		place.side = BEHIND_STRING;
	return place;
}

/* How many strings lie before a place. */
static int
count_before(const PrefixWalker *walker, const Place *place)
{
	int			low = 0;
	int			high = walker->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const ZpString *string = &walker->strings[middle];
		int			order = compare_strings(string, &place->string);
		bool		before = order < 0;

		if (order == 0)
			before = place->side != BEFORE;
		else if (order > 0 && place->side == BEHIND_ALL)
			before = string->length > place->string.length &&
				memcmp(string->bytes, place->string.bytes, place->string.length) == 0;
		if (before)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first prefix at a place or behind it. */
static bool
next_prefix(const PrefixWalker *walker, const Place *place, ZpString *prefix)
{
	int			before = count_before(walker, place);
	size_t		common;

	if (before == walker->count)
		return false;
	*prefix = walker->strings[before];
	common = common_bytes(prefix, &place->string);
	if (place->side == BEFORE && common == place->string.length)
		prefix->length = common;
	else
		prefix->length = common + 1;
	return true;
}

/* The last prefix before a place. */
static bool
previous_prefix(const PrefixWalker *walker, const Place *place, ZpString *prefix)
{
	int			before = count_before(walker, place);
	bool		found = false;

	if (before < walker->count)
	{
		size_t		common = common_bytes(&walker->strings[before], &place->string);

		*prefix = place->string;
		prefix->length = common;
		found = true;
		if (place->side == BEFORE && common == place->string.length)
		{
			if (common == 0)
				return false;
			prefix->length--;
		}
	}
	if (before > 0)
	{
		const ZpString *last = &walker->strings[before - 1];

		if (!found || common_bytes(last, &place->string) >= prefix->length)
			*prefix = *last;
		found = true;
	}
	return found;
}

static ZpVerdict
prefix_judge(ZpWalker *base, const unsigned char *value, size_t bytes)
{
	PrefixWalker *walker = (PrefixWalker *) base;
	Place		place = {.side = BEFORE};
	int			before;

	if ((value[0] ^ walker->flip) != ZP_KEY_VALUE)
		return ZP_VERDICT_SEEK;
	(void) read_string(walker, value + 1, bytes - 1, &place.string);
	before = count_before(walker, &place);
	if (before < walker->count &&
		common_bytes(&walker->strings[before], &place.string) == place.string.length)
		return ZP_VERDICT_MATCH;
	return ZP_VERDICT_SEEK;
}

static bool
prefix_resume(ZpWalker *base, ZpDirection direction, const ZpCut *from, StringInfo room,
			  ZpCut *to)
{
	PrefixWalker *walker = (PrefixWalker *) base;
	bool		ascending = (direction == ZP_FORWARD) == (walker->flip == 0);
	Place		place = read_place(walker, from);
	ZpString	prefix;

	if (ascending ? !next_prefix(walker, &place, &prefix)
		: !previous_prefix(walker, &place, &prefix))
		return false;
	resetStringInfo(room);
	zp_key_encode_string(walker->kind, prefix.bytes, prefix.length, room);
	for (int i = 0; walker->flip != 0 && i < room->len; i++)
		room->data[i] = ~room->data[i];
	*to = zp_cut(room->data, room->len, direction == ZP_BACKWARD);
	return true;
}

ZpWalker *
zp_prefix_walker(const ZpKeyColumn *column, ZpString *strings, int count)
{
	PrefixWalker *walker = palloc0(sizeof(PrefixWalker));
	int			kept = 0;

	walker->walker.judge = prefix_judge;
	walker->walker.resume = prefix_resume;
	walker->kind = column->kind;
	walker->flip = column->descending ? 0xFF : 0x00;
	walker->strings = strings;
	qsort(strings, count, sizeof(ZpString), compare_strings);
	for (int i = 0; i < count; i++)
	{
		if (kept == 0 || compare_strings(&strings[kept - 1], &strings[i]) != 0)
			strings[kept++] = strings[i];
	}
	walker->count = kept;
	initStringInfo(&walker->raw);
	return &walker->walker;
}
