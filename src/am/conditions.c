/*
 * conditions.c
 *	  What the executor passes as scan keys, as sets of intervals and walkers.
 *
 * Everything is worked out in ascending order, and turned round at the end if the column
 * is DESC.  An array's elements give intervals each, which are united; several conditions are
 * intersected.  NULL is an answer to IS NULL only; a NULL constant or element has none.
 */
#include "am/conditions.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "am/key_datetime.h"
#include "am/key_inet.h"
#include "am/strategies.h"

/* The intervals of one condition while they are collected. */
typedef struct Collected
{
	ZpInterval *interval;
	int			count;
	int			room;
} Collected;

static const unsigned char first_value[] = {ZP_KEY_NULL_FIRST + 1};
static const unsigned char behind_values[] = {ZP_KEY_NULL_LAST};

static void
collect(Collected *collected, ZpCut lower, ZpCut upper)
{
	if (collected->count == collected->room)
	{
		collected->room = Max(2 * collected->room, 1);
		collected->interval = collected->interval == NULL
			? palloc(sizeof(ZpInterval) * collected->room)
			: repalloc_huge(collected->interval, sizeof(ZpInterval) * collected->room);
	}
	collected->interval[collected->count].lower = lower;
	collected->interval[collected->count].upper = upper;
	collected->count++;
}

static ZpCut
values_begin(void)
{
	return zp_cut(first_value, 1, false);
}

static ZpCut
values_end(void)
{
	return zp_cut(behind_values, 1, false);
}

/* ---- one constant ------------------------------------------------------------ */

/*
 * Where a constant lies among the column's values, in ascending order: *below before it and
 * *above behind it.  A constant of another type may lie between two values; then both are the
 * same place.  false: its place is known roughly only, somewhere between the two.
 */
static bool
find_constant(const ZpKeyColumn *column, Oid type, Datum constant, ZpCut *below, ZpCut *above)
{
	ZpKeyColumn ascending = *column;
	StringInfoData key;
	bool		exact = true;
	bool		between = false;

	ascending.descending = false;
	initStringInfo(&key);
	if (type == column->type || !zp_is_datetime(column->type))
	{
		zp_key_encode_value(&ascending, type, constant, &key);
		*below = zp_cut(key.data, key.len, false);
		*above = zp_cut(key.data, key.len, true);
	}
	else
	{
		ZpDatetimePlace place = zp_datetime_place(column->type, type, constant);
		int			split;

		between = place.between;
		exact = place.exact;
		zp_key_encode_value(&ascending, INT8OID, Int64GetDatum(place.low), &key);
		split = key.len;
		zp_key_encode_value(&ascending, INT8OID, Int64GetDatum(place.high), &key);
		*below = zp_cut(key.data, split, between);
		*above = zp_cut(key.data + split, key.len - split, true);
	}
	return exact;
}

/* false: the executor must look again. */
static bool
collect_comparison(Collected *collected, const ZpKeyColumn *column, StrategyNumber strategy,
				   Oid type, Datum constant)
{
	ZpCut		below;
	ZpCut		above;
	bool		exact = find_constant(column, type, constant, &below, &above);

	switch (strategy)
	{
		case ZP_STRATEGY_LESS:
			collect(collected, values_begin(), exact ? below : above);
			break;
		case ZP_STRATEGY_LESS_EQUAL:
			collect(collected, values_begin(), above);
			break;
		case ZP_STRATEGY_EQUAL:
			collect(collected, below, above);
			break;
		case ZP_STRATEGY_GREATER_EQUAL:
			collect(collected, below, values_end());
			break;
		default:
			Assert(strategy == ZP_STRATEGY_GREATER);
			collect(collected, exact ? above : below, values_end());
			break;
	}
	return exact;
}

/* k >>= q: one network for each length of the mask up to that of q. */
static void
collect_containing(Collected *collected, const inet_struct *address)
{
	for (int bits = 0; bits <= address->bits; bits++)
	{
		unsigned char *network = palloc(ZP_INET_MAX_BYTES);
		size_t		length = zp_inet_encode_network(address, bits, network);

		collect(collected, zp_cut(network, length, false), zp_cut(network, length, true));
	}
}

/*
 * k <<= q: from q's network on, up to the last address that begins with the network's bits.
 * Wider networks that begin so have q's network too, but a shorter mask, and lie before.
 */
static void
collect_contained(Collected *collected, const inet_struct *address)
{
	unsigned char *first = palloc(ZP_INET_MAX_BYTES);
	unsigned char *last = palloc(ZP_INET_MAX_BYTES);
	size_t		first_length = zp_inet_encode_network(address, address->bits, first);
	size_t		last_length = zp_inet_encode_last(address, last);

	collect(collected, zp_cut(first, first_length, false), zp_cut(last, last_length, true));
}

static void
collect_beginning_with(Collected *collected, const struct varlena *string)
{
	size_t		length = VARSIZE_ANY_EXHDR(string);
	unsigned char *prefix = palloc(1 + length);

	prefix[0] = ZP_KEY_VALUE;
	memcpy(prefix + 1, VARDATA_ANY(string), length);
	collect(collected, zp_cut(prefix, 1 + length, false), zp_cut(prefix, 1 + length, true));
}

static ZpString
copy_string(const struct varlena *string)
{
	ZpString	copy;
	unsigned char *bytes;

	copy.length = VARSIZE_ANY_EXHDR(string);
	copy.bytes = bytes = palloc(copy.length + 1);
	memcpy(bytes, VARDATA_ANY(string), copy.length);
	return copy;
}

/* ---- a whole condition --------------------------------------------------------- */

static void
turn_cut(ZpCut *cut)
{
	unsigned char *bytes = palloc(cut->length + 1);

	for (size_t i = 0; i < cut->length; i++)
		bytes[i] = (unsigned char) ~cut->bytes[i];
	*cut = zp_cut(bytes, cut->length, !cut->after);
}

/* From ascending to DESC. */
static void
turn(Collected *collected)
{
	for (int i = 0; i < collected->count; i++)
	{
		ZpInterval *interval = &collected->interval[i];
		ZpCut		upper = interval->lower;

		interval->lower = interval->upper;
		interval->upper = upper;
		turn_cut(&interval->lower);
		turn_cut(&interval->upper);
	}
}

static void
restrict_to(ZpConditions *conditions, Collected *collected)
{
	ZpIntervals set = {.interval = collected->interval};

	set.count = zp_intervals_unite(collected->interval, collected->count);
	if (!conditions->present)
		conditions->intervals = set;
	else
		zp_intervals_intersect(&conditions->intervals, &set);
	conditions->present = true;
}

static void
add_walker(ZpConditions *conditions, ZpWalker *walker)
{
	if (conditions->walker_count == conditions->walker_room)
	{
		conditions->walker_room = Max(2 * conditions->walker_room, 4);
		conditions->walkers = conditions->walkers == NULL
			? palloc(sizeof(ZpWalker *) * conditions->walker_room)
			: repalloc(conditions->walkers, sizeof(ZpWalker *) * conditions->walker_room);
	}
	conditions->walkers[conditions->walker_count++] = walker;
}

/* The constants that are not NULL; their number. */
static int
get_constants(ScanKey key, Datum **constants)
{
	ArrayType  *array;
	int16		length;
	bool		by_value;
	char		alignment;
	bool	   *isnull;
	int			count;
	int			kept = 0;

	if (key->sk_flags & SK_ISNULL)
		return 0;
	if (!(key->sk_flags & SK_SEARCHARRAY))
	{
		*constants = &key->sk_argument;
		return 1;
	}
	array = DatumGetArrayTypeP(key->sk_argument);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment,
					  constants, &isnull, &count);
	for (int i = 0; i < count; i++)
	{
		if (!isnull[i])
			(*constants)[kept++] = (*constants)[i];
	}
	return kept;
}

bool
zp_condition_is_possible(Oid column_type, StrategyNumber strategy, Oid type)
{
	ZpKeyKind	column_kind;
	ZpKeyKind	kind;

	if (!zp_key_kind_of_type(column_type, &column_kind) || !zp_key_kind_of_type(type, &kind) ||
		kind != column_kind)
		return false;
	if (kind == ZP_KEY_INTEGER && type != column_type &&
		(zp_is_datetime(type) != zp_is_datetime(column_type) ||
		 type == OIDOID || column_type == OIDOID))
		return false;
	switch (strategy)
	{
		case ZP_STRATEGY_LESS:
		case ZP_STRATEGY_LESS_EQUAL:
		case ZP_STRATEGY_EQUAL:
		case ZP_STRATEGY_GREATER_EQUAL:
		case ZP_STRATEGY_GREATER:
			return true;
		case ZP_STRATEGY_BEGINS_WITH:
			return kind == ZP_KEY_TEXT;
		case ZP_STRATEGY_PREFIX_OF:
			return kind == ZP_KEY_TEXT || kind == ZP_KEY_BYTEA;
		case ZP_STRATEGY_CONTAINS:
		case ZP_STRATEGY_CONTAINED:
			return kind == ZP_KEY_INET;
		default:
			return false;
	}
}

void
zp_conditions_add(ZpConditions *conditions, const ZpKeyColumn *column, ScanKey key)
{
	StrategyNumber strategy = key->sk_strategy;
	Oid			type = OidIsValid(key->sk_subtype) ? key->sk_subtype : column->type;
	Collected	collected = {0};
	Datum	   *constants = NULL;
	ZpString   *strings = NULL;
	int			count;

	if (key->sk_flags & (SK_ROW_HEADER | SK_ORDER_BY | SK_UNARY))
		elog(ERROR, "unexpected flags of a scan key: %d", key->sk_flags);
	if (key->sk_flags & SK_SEARCHNULL)
	{
		static const unsigned char nulls[] = {ZP_KEY_NULL_FIRST, ZP_KEY_NULL_LAST};
		const unsigned char *null = &nulls[column->nulls_first ? 0 : 1];

		collect(&collected, zp_cut(null, 1, false), zp_cut(null, 1, true));
		restrict_to(conditions, &collected);
		return;
	}
	if (key->sk_flags & SK_SEARCHNOTNULL)
	{
		collect(&collected, values_begin(), values_end());
		restrict_to(conditions, &collected);
		return;
	}
	if (!zp_condition_is_possible(column->type, strategy, type))
		elog(ERROR, "unexpected operator of a scan key: strategy %d with type %u",
			 strategy, type);

	count = get_constants(key, &constants);
	if (strategy == ZP_STRATEGY_PREFIX_OF)
		strings = palloc(sizeof(ZpString) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		struct varlena *datum;

		if (strategy <= ZP_STRATEGY_GREATER)
		{
			if (!collect_comparison(&collected, column, strategy, type, constants[i]))
				conditions->inexact = true;
			continue;
		}
		datum = PG_DETOAST_DATUM_PACKED(constants[i]);
		switch (strategy)
		{
			case ZP_STRATEGY_BEGINS_WITH:
				collect_beginning_with(&collected, datum);
				break;
			case ZP_STRATEGY_PREFIX_OF:
				strings[i] = copy_string(datum);
				break;
			case ZP_STRATEGY_CONTAINS:
				collect_containing(&collected, (const inet_struct *) VARDATA_ANY(datum));
				break;
			default:
				Assert(strategy == ZP_STRATEGY_CONTAINED);
				collect_contained(&collected, (const inet_struct *) VARDATA_ANY(datum));
				break;
		}
	}

	/* A walker's values lie among those that are not NULL. */
	if (strategy == ZP_STRATEGY_PREFIX_OF && count > 0)
	{
		add_walker(conditions, zp_prefix_walker(column, strings, count));
		collect(&collected, values_begin(), values_end());
	}
	if (column->descending)
		turn(&collected);
	restrict_to(conditions, &collected);
}
