/*
 * intervals.c
 *	  Sets of byte strings as intervals, in order and apart from each other.
 */
#include "am/intervals.h"

static int
compare_lower(const void *a, const void *b)
{
	return zp_cut_compare(&((const ZpInterval *) a)->lower, &((const ZpInterval *) b)->lower);
}

int
zp_intervals_unite(ZpInterval *intervals, int count)
{
	int			kept = 0;

	if (count > 1)
		qsort(intervals, count, sizeof(ZpInterval), compare_lower);
	for (int i = 0; i < count; i++)
	{
		const ZpInterval *next = &intervals[i];
		ZpInterval *last = kept > 0 ? &intervals[kept - 1] : NULL;

		if (zp_cut_compare(&next->lower, &next->upper) >= 0)
			continue;
		if (last == NULL || zp_cut_compare(&next->lower, &last->upper) > 0)
			intervals[kept++] = *next;
		else if (zp_cut_compare(&next->upper, &last->upper) > 0)
			last->upper = next->upper;
	}
	return kept;
}

void
zp_intervals_intersect(ZpIntervals *set, const ZpIntervals *other)
{
	ZpInterval *common = palloc(sizeof(ZpInterval) * Max(set->count + other->count, 1));
	int			count = 0;
	int			i = 0;
	int			j = 0;

	while (i < set->count && j < other->count)
	{
		const ZpInterval *a = &set->interval[i];
		const ZpInterval *b = &other->interval[j];
		ZpInterval *both = &common[count];

		both->lower = zp_cut_compare(&a->lower, &b->lower) > 0 ? a->lower : b->lower;
		if (zp_cut_compare(&a->upper, &b->upper) < 0)
		{
			both->upper = a->upper;
			i++;
		}
		else
		{
			both->upper = b->upper;
			j++;
		}
		if (zp_cut_compare(&both->lower, &both->upper) < 0)
			count++;
	}
	set->interval = common;
	set->count = count;
	set->hint = 0;
}

bool
zp_intervals_have(ZpIntervals *set, const unsigned char *string, size_t bytes)
{
	int			low = 0;
	int			high = set->count;
	int			at = set->hint;

	/* The first interval that does not end before the string; keys come in order. */
	if (at < set->count && zp_is_before_cut(string, bytes, &set->interval[at].upper))
	{
		if (!zp_is_before_cut(string, bytes, &set->interval[at].lower))
			return true;
		if (at == 0 || !zp_is_before_cut(string, bytes, &set->interval[at - 1].upper))
			return false;
		high = at;
	}
	else if (at < set->count)
		low = at + 1;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (zp_is_before_cut(string, bytes, &set->interval[middle].upper))
			high = middle;
		else
			low = middle + 1;
	}
	set->hint = low;
	return low < set->count && !zp_is_before_cut(string, bytes, &set->interval[low].lower);
}

bool
zp_intervals_resume(ZpIntervals *set, ZpDirection direction, const ZpCut *from, ZpCut *to)
{
	int			low = 0;
	int			high = set->count;

	if (direction == ZP_FORWARD)
	{
		/* the first that ends behind from */
		while (low < high)
		{
			int			middle = low + (high - low) / 2;

			if (zp_cut_compare(from, &set->interval[middle].upper) < 0)
				high = middle;
			else
				low = middle + 1;
		}
		if (low == set->count)
			return false;
		*to = zp_cut_compare(from, &set->interval[low].lower) > 0
			? *from : set->interval[low].lower;
	}
	else
	{
		/* the last that begins before from */
		while (low < high)
		{
			int			middle = low + (high - low) / 2;

			if (zp_cut_compare(&set->interval[middle].lower, from) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == 0)
			return false;
		*to = zp_cut_compare(from, &set->interval[low - 1].upper) < 0
			? *from : set->interval[low - 1].upper;
	}
	return true;
}
