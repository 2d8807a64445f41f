/*
 * quals.c
 *	  The conditions of a scan, as a walk over keys in order.
 *
 * Each column has a set of intervals and maybe walkers (conditions.h).  A key is an answer if
 * each column's value is one.  Otherwise the first column whose value is none says where
 * to go on: at its next value that may be one, with the columns before as they are; or, if it has
 * no more, at the next value of the column before.  Where that place is one whole value, the
 * first places of the columns behind it are added: (a, b) with a IN (1, 5) and b > 7
 * goes from (1, 9) past the last of 1 straight to (5, behind 7).
 *
 * Most scans need none of this: columns with "=", then one interval, then nothing more is one
 * interval of whole keys.
 *
 * A jump costs more than a step, so a jump behind a column with many values is put off: the keys
 * before the place are stepped over, and only if there are more of them than our patience, we
 * jump.  Patience halves when a jump was worth it and doubles when steps were enough.
 */
#include "am/quals.h"

#include "utils/memutils.h"

#include "am/conditions.h"

#define ZP_MAX_PATIENCE 16

struct ZpQuals
{
	const ZpKeyLayout *layout;
	Relation	index;			/* for messages; NULL: of none */
	MemoryContext context;		/* of what zp_quals_set makes */
	ZpConditions column[INDEX_MAX_KEYS];
	int			last;			/* column with a condition; -1: there is none */
	int			singles;		/* so many columns have one value each, the first ones */
	bool		empty;			/* nothing can be an answer */
	bool		plain;			/* whole is all that is asked */
	bool		inexact;
	ZpInterval	whole;
	StringInfoData whole_lower;
	StringInfoData whole_upper;

	StringInfoData room[2];		/* of walkers */

	/* The place that was found last: a cut, or what a seek says. */
	StringInfoData target;
	bool		target_after;

	/* It is ahead of keys that begin at pending_from; both in pending_direction. */
	bool		pending;
	ZpDirection pending_direction;
	StringInfoData pending_from;
	int			steps;
	int			patience;
};

ZpQuals *
zp_quals_create(const ZpKeyLayout *layout, Relation index, MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	ZpQuals    *quals = palloc0(sizeof(ZpQuals));

	quals->layout = layout;
	quals->index = index;

	/* What most conditions need lies in the first block, which a reset keeps. */
	quals->context = AllocSetContextCreate(context, "zipora scan conditions",
										   0, 4 * 1024, ALLOCSET_DEFAULT_MAXSIZE);
	initStringInfo(&quals->whole_lower);
	initStringInfo(&quals->whole_upper);
	initStringInfo(&quals->room[0]);
	initStringInfo(&quals->room[1]);
	initStringInfo(&quals->target);
	initStringInfo(&quals->pending_from);
	quals->patience = 2;
	MemoryContextSwitchTo(before);
	zp_quals_set(quals, NULL, 0);
	return quals;
}

static ZpCut
beginning(ZpDirection direction)
{
	return zp_cut("", 0, direction == ZP_BACKWARD);
}

/* Whether the column has one value, NULL included. */
static bool
is_single(const ZpQuals *quals, int column)
{
	const ZpConditions *conditions = &quals->column[column];
	const ZpInterval *interval = conditions->intervals.interval;

	return conditions->present && conditions->walker_count == 0 &&
		conditions->intervals.count == 1 &&
		!interval->lower.after && interval->upper.after &&
		interval->lower.length == interval->upper.length &&
		memcmp(interval->lower.bytes, interval->upper.bytes, interval->lower.length) == 0 &&
		zp_key_column_bytes(&quals->layout->column[column], interval->lower.bytes,
							interval->lower.length) == interval->lower.length;
}

static void
set_whole(ZpQuals *quals)
{
	const ZpConditions *conditions = &quals->column[quals->singles];
	ZpCut		lower = beginning(ZP_FORWARD);
	ZpCut		upper = beginning(ZP_BACKWARD);

	quals->plain = quals->last < quals->singles ||
		(quals->last == quals->singles && conditions->walker_count == 0 &&
		 conditions->intervals.count == 1);
	if (!quals->plain)
		return;
	resetStringInfo(&quals->whole_lower);
	for (int i = 0; i < quals->singles; i++)
	{
		const ZpCut *value = &quals->column[i].intervals.interval->lower;

		appendBinaryStringInfo(&quals->whole_lower, (const char *) value->bytes,
							   (int) value->length);
	}
	resetStringInfo(&quals->whole_upper);
	appendBinaryStringInfo(&quals->whole_upper, quals->whole_lower.data, quals->whole_lower.len);
	if (quals->last == quals->singles)
	{
		lower = conditions->intervals.interval->lower;
		upper = conditions->intervals.interval->upper;
	}
	appendBinaryStringInfo(&quals->whole_lower, (const char *) lower.bytes, (int) lower.length);
	appendBinaryStringInfo(&quals->whole_upper, (const char *) upper.bytes, (int) upper.length);
	quals->whole.lower = zp_cut(quals->whole_lower.data, quals->whole_lower.len, lower.after);
	quals->whole.upper = zp_cut(quals->whole_upper.data, quals->whole_upper.len, upper.after);
}

void
zp_quals_set(ZpQuals *quals, ScanKey keys, int key_count)
{
	MemoryContext before = MemoryContextSwitchTo(quals->context);
	int			columns = quals->layout->columns;

	MemoryContextReset(quals->context);
	memset(quals->column, 0, sizeof(ZpConditions) * columns);
	quals->last = -1;
	quals->singles = 0;
	quals->empty = false;
	quals->inexact = false;
	quals->pending = false;
	for (int i = 0; i < key_count; i++)
	{
		int			column = keys[i].sk_attno - 1;

		if (column < 0 || column >= columns)
			elog(ERROR, "unexpected column of a scan key: %d", keys[i].sk_attno);
		zp_conditions_add(&quals->column[column], &quals->layout->column[column], &keys[i]);
		quals->last = Max(quals->last, column);
	}
	for (int i = 0; i <= quals->last; i++)
	{
		const ZpConditions *conditions = &quals->column[i];

		quals->empty |= conditions->present && conditions->intervals.count == 0;
		quals->inexact |= conditions->inexact;
	}
	while (!quals->empty && quals->singles < columns && is_single(quals, quals->singles))
		quals->singles++;
	if (!quals->empty)
		set_whole(quals);
	MemoryContextSwitchTo(before);
}

bool
zp_quals_is_point(ZpQuals *quals, const unsigned char **key, size_t *key_bytes)
{
	if (quals->empty || quals->singles < quals->layout->columns)
		return false;
	*key = quals->whole.lower.bytes;
	*key_bytes = quals->whole.lower.length;
	return true;
}

bool
zp_quals_is_interval(const ZpQuals *quals)
{
	return !quals->empty && quals->plain;
}

bool
zp_quals_recheck(const ZpQuals *quals)
{
	return quals->inexact;
}

/* ---- places -------------------------------------------------------------------- */

/*
 * A seek to a cut of whole keys, whose bytes may be quals->target's.  END if nothing lies on the other side.
 */
static ZpVerdict
seek_to(ZpQuals *quals, ZpDirection direction, const unsigned char *bytes, int length,
		bool after, ZpSeek *seek)
{
	StringInfo	target = &quals->target;

	seek->past = direction == ZP_BACKWARD;
	seek->everywhere = false;
	if (length == 0)
	{
		seek->everywhere = true;
		seek->key = bytes;
		seek->key_bytes = 0;
		return after == (direction == ZP_BACKWARD) ? ZP_VERDICT_SEEK : ZP_VERDICT_END;
	}
	if (after)
	{
		/* The next byte string that does not begin so. */
		if (bytes != (unsigned char *) target->data)
		{
			resetStringInfo(target);
			appendBinaryStringInfo(target, (const char *) bytes, length);
		}
		while (length > 0 && (unsigned char) target->data[length - 1] == 0xFF)
			length--;
		if (length == 0)
		{
			/* No key begins with 0xFF. */
			seek->everywhere = true;
			return direction == ZP_BACKWARD ? ZP_VERDICT_SEEK : ZP_VERDICT_END;
		}
		target->data[length - 1]++;
		bytes = (unsigned char *) target->data;
	}
	seek->key = bytes;
	seek->key_bytes = length;
	return ZP_VERDICT_SEEK;
}

static ZpVerdict
seek_target(ZpQuals *quals, ZpDirection direction, ZpSeek *seek)
{
	quals->pending = false;
	return seek_to(quals, direction, (unsigned char *) quals->target.data, quals->target.len,
				   quals->target_after, seek);
}

/* The first place at from or further on where the column's value may be an answer. */
static bool
resume_column(ZpQuals *quals, int column, ZpDirection direction, const ZpCut *from, ZpCut *to)
{
	ZpConditions *conditions = &quals->column[column];
	int			room = 0;
	bool		moved = true;

	*to = *from;
	if (!conditions->present)
		return true;
	while (moved)
	{
		ZpCut		next;

		moved = false;
		if (!zp_intervals_resume(&conditions->intervals, direction, to, &next))
			return false;
		*to = next;
		for (int i = 0; i < conditions->walker_count; i++)
		{
			ZpWalker   *walker = conditions->walkers[i];

			if (!walker->resume(walker, direction, to, &quals->room[room], &next))
				return false;
			if (zp_cut_compare(to, &next) != 0)
			{
				*to = next;
				room = 1 - room;
				moved = true;
			}
		}
	}
	return true;
}

/*
 * Puts behind the target, up to the column, a place of that column, and as long as
 * it is one whole value the first place of the next column.  false: that has none.
 */
static bool
extend_target(ZpQuals *quals, int column, ZpDirection direction, ZpCut place)
{
	for (;;)
	{
		const ZpKeyColumn *key_column = &quals->layout->column[column];
		ZpCut		begin = beginning(direction);

		appendBinaryStringInfo(&quals->target, (const char *) place.bytes, (int) place.length);
		quals->target_after = place.after;
		if (++column > quals->last || place.after != (direction == ZP_BACKWARD) ||
			place.length == 0 ||
			zp_key_column_bytes(key_column, place.bytes, place.length) != place.length)
			return true;
		if (!resume_column(quals, column, direction, &begin, &place))
			return false;
	}
}

ZpVerdict
zp_quals_begin(ZpQuals *quals, ZpDirection direction, ZpSeek *seek)
{
	ZpCut		begin = beginning(direction);
	ZpCut		place;

	quals->pending = false;
	if (quals->empty)
		return ZP_VERDICT_END;
	if (quals->plain)
	{
		const ZpCut *cut = direction == ZP_FORWARD ? &quals->whole.lower : &quals->whole.upper;

		return seek_to(quals, direction, cut->bytes, (int) cut->length, cut->after, seek);
	}
	resetStringInfo(&quals->target);
	if (!resume_column(quals, 0, direction, &begin, &place) ||
		!extend_target(quals, 0, direction, place))
		return ZP_VERDICT_END;
	return seek_target(quals, direction, seek);
}

/* ---- judging ------------------------------------------------------------------- */

static ZpVerdict
judge_plain(ZpQuals *quals, ZpDirection direction, const unsigned char *key, size_t key_bytes,
			ZpSeek *seek)
{
	const ZpCut *lower = &quals->whole.lower;
	const ZpCut *upper = &quals->whole.upper;

	if (!zp_is_before_cut(key, key_bytes, upper))
	{
		if (direction == ZP_FORWARD)
			return ZP_VERDICT_END;
		return seek_to(quals, direction, upper->bytes, (int) upper->length, upper->after, seek);
	}
	if (zp_is_before_cut(key, key_bytes, lower))
	{
		if (direction == ZP_BACKWARD)
			return ZP_VERDICT_END;
		return seek_to(quals, direction, lower->bytes, (int) lower->length, lower->after, seek);
	}
	return ZP_VERDICT_MATCH;
}

/* MATCH, SKIP or SEEK (to be found). */
static ZpVerdict
judge_column(ZpConditions *conditions, const unsigned char *value, size_t bytes)
{
	ZpVerdict	verdict = ZP_VERDICT_MATCH;

	if (!zp_intervals_have(&conditions->intervals, value, bytes))
		return ZP_VERDICT_SEEK;
	for (int i = 0; i < conditions->walker_count; i++)
	{
		ZpVerdict	one = conditions->walkers[i]->judge(conditions->walkers[i], value, bytes);

		if (one == ZP_VERDICT_SEEK)
			return one;
		if (one == ZP_VERDICT_SKIP)
			verdict = one;
	}
	return verdict;
}

/* The place to go on from a key whose value in the column is no answer, into target. */
static bool
find_target(ZpQuals *quals, ZpDirection direction, const unsigned char *key,
			const size_t *start, int column)
{
	for (; column >= 0; column--)
	{
		ZpCut		behind = zp_cut(key + start[column], start[column + 1] - start[column],
									direction == ZP_FORWARD);
		ZpCut		place;

		if (!resume_column(quals, column, direction, &behind, &place))
			continue;
		resetStringInfo(&quals->target);
		appendBinaryStringInfo(&quals->target, (const char *) key, (int) start[column]);
		return extend_target(quals, column, direction, place);
	}
	return false;
}

/* Whether the key lies between the one from which the target was found and the target. */
static bool
is_before_target(const ZpQuals *quals, ZpDirection direction, const unsigned char *key,
				 size_t key_bytes)
{
	ZpCut		from = zp_cut(quals->pending_from.data, quals->pending_from.len,
							  direction == ZP_BACKWARD);
	ZpCut		target = zp_cut(quals->target.data, quals->target.len, quals->target_after);

	if (direction == ZP_FORWARD)
		return !zp_is_before_cut(key, key_bytes, &from) &&
			zp_is_before_cut(key, key_bytes, &target);
	return zp_is_before_cut(key, key_bytes, &from) &&
		!zp_is_before_cut(key, key_bytes, &target);
}

ZpVerdict
zp_quals_judge(ZpQuals *quals, ZpDirection direction, const unsigned char *key,
			   size_t key_bytes, ZpSeek *seek)
{
	size_t		start[INDEX_MAX_KEYS + 1];

	if (quals->empty)
		return ZP_VERDICT_END;
	if (quals->plain)
		return judge_plain(quals, direction, key, key_bytes, seek);

	if (quals->pending)
	{
		if (quals->pending_direction == direction &&
			is_before_target(quals, direction, key, key_bytes))
		{
			if (++quals->steps < quals->patience)
				return ZP_VERDICT_SKIP;
			quals->patience = Max(quals->patience / 2, 1);
			return seek_target(quals, direction, seek);
		}
		if (quals->pending_direction == direction)
			quals->patience = Min(quals->patience * 2, ZP_MAX_PATIENCE);
		quals->pending = false;
	}

	start[0] = 0;
	for (int column = 0; column <= quals->last; column++)
	{
		const unsigned char *value = key + start[column];
		size_t		bytes = zp_key_column_bytes(&quals->layout->column[column], value,
												key_bytes - start[column]);
		ZpVerdict	verdict = ZP_VERDICT_MATCH;

		if (bytes == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("index \"%s\" contains a key that is not well formed",
							quals->index != NULL ? RelationGetRelationName(quals->index) : ""),
					 errdetail("Column %d of a key of %zu bytes does not begin at byte %zu.",
							   column + 1, key_bytes, start[column]),
					 errhint("Please REINDEX it.")));
		start[column + 1] = start[column] + bytes;
		if (quals->column[column].present)
			verdict = judge_column(&quals->column[column], value, bytes);
		if (verdict == ZP_VERDICT_SKIP)
			return verdict;
		if (verdict == ZP_VERDICT_SEEK)
		{
			if (!find_target(quals, direction, key, start, column))
				return ZP_VERDICT_END;
			if (column <= quals->singles)
				return seek_target(quals, direction, seek);
			quals->pending = true;
			quals->pending_direction = direction;
			quals->steps = 0;
			resetStringInfo(&quals->pending_from);
			appendBinaryStringInfo(&quals->pending_from, (const char *) key, (int) key_bytes);
			return ZP_VERDICT_SKIP;
		}
	}
	return ZP_VERDICT_MATCH;
}
