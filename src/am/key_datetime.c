/*
 * key_datetime.c
 *	  A date or timestamp among values of another of these types.
 *
 * Where the constant is what is converted, its place is one value, or the gap beside an
 * infinity if it is beyond the other type's range.  A date column and a timestamp ask for
 * the day.  What remains are local times against instants: a zone's clock may be turned back or
 * leave out a day, so local midnights are looked at one by one, and for a timestamp column
 * only a range is given.
 */
#include "am/key_datetime.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#define ZP_FIRST_DATE	(DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE)
#define ZP_LAST_DATE	(DATE_END_JULIAN - POSTGRES_EPOCH_JDATE - 1)

/*
 * All offsets that one zone ever had lie in a range narrower than this: the widest are those
 * on the date line, which changed by a day.
 */
#define ZP_ZONE_RANGE	(36 * USECS_PER_HOUR)

/* And an offset itself is smaller than this, in any notation. */
#define ZP_ZONE_OFFSET	(8 * USECS_PER_DAY)

bool
zp_is_datetime(Oid type)
{
	return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

static ZpDatetimePlace
equal_to(int64 value)
{
	ZpDatetimePlace place = {.low = value,.high = value,.exact = true};

	return place;
}

static ZpDatetimePlace
right_behind(int64 value)
{
	ZpDatetimePlace place = {.low = value,.high = value,.between = true,.exact = true};

	return place;
}

/* Of a converted constant: beyond the range it is less or greater than all but the infinities. */
static ZpDatetimePlace
converted(Timestamp timestamp, int overflow)
{
	if (overflow < 0)
		return right_behind(PG_INT64_MIN);
	if (overflow > 0)
		return right_behind(PG_INT64_MAX - 1);
	return equal_to(timestamp);
}

static ZpDatetimePlace
date_of_timestamp(Timestamp timestamp)
{
	int64		day = timestamp / USECS_PER_DAY;

	if (timestamp % USECS_PER_DAY == 0)
		return equal_to(day);
	return right_behind(timestamp < 0 ? day - 1 : day);
}

/* Whether a date's local midnight is before, at, or after an instant. */
static int
compare_midnight(int64 date, TimestampTz instant)
{
	int			overflow;
	TimestampTz midnight = date2timestamptz_opt_overflow((DateADT) date, &overflow);

	if (overflow != 0)
		return overflow;
	return midnight < instant ? -1 : midnight > instant;
}

/*
 * The local date is at most one off the date in UTC; some dates around are looked at.  More than
 * one midnight can be the same instant, where a zone left out a day.
 */
static ZpDatetimePlace
date_of_instant(TimestampTz instant)
{
	int64		day = instant / USECS_PER_DAY;
	int64		margin = ZP_ZONE_OFFSET / USECS_PER_DAY + 1;
	int64		first = Max(day - margin, ZP_FIRST_DATE);
	int64		last = Min(day + margin, ZP_LAST_DATE);
	ZpDatetimePlace place = {.low = first - 1,.high = first - 1,.exact = true};
	int			before = -1;

	place.between = true;
	for (int64 date = first; date <= last; date++)
	{
		int			order = compare_midnight(date, instant);

		if (order < before)
		{
			/* Not in order: no zone does that, but then nothing is known. */
			place.low = first;
			place.high = last;
			place.between = place.exact = false;
			return place;
		}
		if (order < 0)
			place.low = place.high = date;
		else if (order == 0)
		{
			if (before < 0)
				place.low = date;
			place.high = date;
			place.between = false;
		}
		before = order;
	}
	return place;
}

static ZpDatetimePlace
timestamp_of_instant(TimestampTz instant)
{
	ZpDatetimePlace place = {.exact = false};
	int64		range = ZP_ZONE_RANGE;
	Timestamp	local = instant;

	/* The local time whose instant this is, if there is one; any near it will do. */
	for (int i = 0; i < 2; i++)
	{
		int			overflow = 0;
		TimestampTz guess = instant;

		if (IS_VALID_TIMESTAMP(local))
			guess = timestamp2timestamptz_opt_overflow(local, &overflow);
		if (overflow != 0 || !IS_VALID_TIMESTAMP(local))
		{
			local = instant;
			range = ZP_ZONE_OFFSET;
			break;
		}
		local += instant - guess;
	}
	if (pg_sub_s64_overflow(local, range + ZP_ZONE_RANGE, &place.low))
		place.low = PG_INT64_MIN + 1;
	if (pg_add_s64_overflow(local, range + ZP_ZONE_RANGE, &place.high))
		place.high = PG_INT64_MAX - 1;
	return place;
}

ZpDatetimePlace
zp_datetime_place(Oid column, Oid type, Datum constant)
{
	int			overflow = 0;
	Timestamp	timestamp;

	if (type == DATEOID)
	{
		DateADT		date = DatumGetDateADT(constant);

		timestamp = column == TIMESTAMPOID ? date2timestamp_opt_overflow(date, &overflow)
			: date2timestamptz_opt_overflow(date, &overflow);
		return converted(timestamp, overflow);
	}

	timestamp = DatumGetTimestamp(constant);
	if (TIMESTAMP_NOT_FINITE(timestamp))
	{
		if (column == DATEOID)
			return equal_to(TIMESTAMP_IS_NOBEGIN(timestamp) ? DATEVAL_NOBEGIN : DATEVAL_NOEND);
		return equal_to(timestamp);
	}
	if (column == TIMESTAMPTZOID)
	{
		timestamp = timestamp2timestamptz_opt_overflow(timestamp, &overflow);
		return converted(timestamp, overflow);
	}
	if (column == DATEOID)
		return type == TIMESTAMPOID ? date_of_timestamp(timestamp) : date_of_instant(timestamp);
	return timestamp_of_instant(timestamp);
}
