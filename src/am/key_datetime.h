/*
 * key_datetime.h
 *	  A date or timestamp among values of another of these types.
 *
 * The operators between date, timestamp and timestamptz convert the date to the other type,
 * and the timestamp to timestamptz; here it is the constant that must be found among the
 * column's values.
 */
#ifndef ZP_KEY_DATETIME_H
#define ZP_KEY_DATETIME_H

#include "compat.h"

/*
 * exact: the constant equals the value low (= high); if between, it lies right behind the value
 * low (= high) and before the next one.  Otherwise all that is known is that values below
 * low are less, and values above high are greater.
 */
typedef struct ZpDatetimePlace
{
	int64		low;
	int64		high;
	bool		between;
	bool		exact;
} ZpDatetimePlace;

extern bool zp_is_datetime(Oid type);

/* column and type are two different ones of the three. */
extern ZpDatetimePlace zp_datetime_place(Oid column, Oid type, Datum constant);

#endif							/* ZP_KEY_DATETIME_H */
