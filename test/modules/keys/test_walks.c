/*
 * test_walks.c
 *	  Random conditions on random rows: walks over the sorted keys against the types' own operators.
 */
#include "test_keys.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "am/quals.h"
#include "am/strategies.h"

PG_FUNCTION_INFO_V1(test_key_walks);

#define MAX_COLUMNS		3
#define MAX_ROWS		120
#define MAX_CONDITIONS	4
#define MAX_ELEMENTS	5
#define TAIL_BYTES		6

typedef struct Row
{
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
	StringInfoData entry;		/* the key and some bytes behind it */
	size_t		key_bytes;
	bool		is_answer;
} Row;

typedef struct Condition
{
	int			column;
	int			flags;			/* of a scan key */
	StrategyNumber strategy;
	Oid			type;
	int			count;			/* of constants */
	Datum		constants[MAX_ELEMENTS];
	bool		nulls[MAX_ELEMENTS];
} Condition;

typedef struct Case
{
	ZpKeyLayout layout;
	int			rows;
	Row			row[MAX_ROWS];
	int			conditions;
	Condition	condition[MAX_CONDITIONS];
	ScanKeyData keys[MAX_CONDITIONS];
	ZpQuals    *quals;
	bool		recheck;
	int64		judged;
} Case;

/* ---- what is asked -------------------------------------------------------------- */

static Oid
random_constant_type(Oid type)
{
	static const Oid families[][3] = {
		{INT2OID, INT4OID, INT8OID},
		{DATEOID, TIMESTAMPOID, TIMESTAMPTZOID}
	};

	if (random_below(2) == 0)
		return type;
	for (int i = 0; i < 2; i++)
	{
		for (int j = 0; j < 3; j++)
		{
			if (families[i][j] == type)
				return families[i][random_below(3)];
		}
	}
	return type;
}

static StrategyNumber
random_strategy(Oid type)
{
	if (type == TEXTOID && random_below(2) == 0)
		return random_below(2) == 0 ? ZP_STRATEGY_BEGINS_WITH : ZP_STRATEGY_PREFIX_OF;
	if (type == BYTEAOID && random_below(2) == 0)
		return ZP_STRATEGY_PREFIX_OF;
	if (type == INETOID && random_below(2) == 0)
		return random_below(2) == 0 ? ZP_STRATEGY_CONTAINS : ZP_STRATEGY_CONTAINED;
	if (random_below(3) == 0)
		return ZP_STRATEGY_EQUAL;
	return 1 + random_below(5);
}

static void
make_condition(Case *test, Condition *condition, ScanKey key)
{
	const ZpKeyColumn *column;

	memset(condition, 0, sizeof(*condition));
	memset(key, 0, sizeof(*key));
	condition->column = random_below(test->layout.columns);
	column = &test->layout.column[condition->column];
	if (random_below(12) == 0)
		condition->flags = SK_ISNULL | SK_SEARCHNULL;
	else if (random_below(12) == 0)
		condition->flags = SK_ISNULL | SK_SEARCHNOTNULL;
	else
	{
		condition->type = random_constant_type(column->type);
		condition->strategy = random_strategy(column->type);
		condition->count = 1;
		if (random_below(3) == 0)
		{
			condition->flags = SK_SEARCHARRAY;
			condition->count = random_below(MAX_ELEMENTS + 1);
		}
		else if (random_below(30) == 0)
			condition->flags = SK_ISNULL;
		for (int i = 0; i < condition->count; i++)
		{
			condition->nulls[i] = condition->flags == SK_SEARCHARRAY && random_below(6) == 0;
			condition->constants[i] = random_value(condition->type);

			/* Values of the rows themselves are what matters. */
			if (condition->type == column->type && random_below(3) != 0)
				condition->constants[i] =
					test->row[random_below(test->rows)].values[condition->column];
		}
	}

	key->sk_flags = condition->flags;
	key->sk_attno = (AttrNumber) (condition->column + 1);
	key->sk_strategy = condition->strategy;
	key->sk_subtype = condition->type == column->type && random_below(2) == 0 ? InvalidOid
		: condition->type;
	if (condition->flags == SK_SEARCHARRAY)
	{
		int16		length;
		bool		by_value;
		char		alignment;
		int			lower = 1;

		get_typlenbyvalalign(condition->type, &length, &by_value, &alignment);
		key->sk_argument = PointerGetDatum(construct_md_array(condition->constants,
															  condition->nulls, 1,
															  &condition->count, &lower,
															  condition->type, length, by_value,
															  alignment));
	}
	else if (!(condition->flags & SK_ISNULL))
		key->sk_argument = condition->constants[0];
}

static bool
holds(const Case *test, const Condition *condition, const Row *row)
{
	Oid			type = test->layout.column[condition->column].type;
	Datum		value = row->values[condition->column];

	if (condition->flags & SK_SEARCHNULL)
		return row->nulls[condition->column];
	if (row->nulls[condition->column])
		return false;
	if (condition->flags & SK_SEARCHNOTNULL)
		return true;
	if (condition->flags & SK_ISNULL)
		return false;
	for (int i = 0; i < condition->count; i++)
	{
		if (!condition->nulls[i] &&
			apply_operator(condition->strategy, type, value, condition->type,
						   condition->constants[i]))
			return true;
	}
	return false;
}

static int
compare_rows(const void *a, const void *b)
{
	const StringInfoData *x = &((const Row *) a)->entry;
	const StringInfoData *y = &((const Row *) b)->entry;
	int			order = memcmp(x->data, y->data, Min(x->len, y->len));

	return order != 0 ? order : x->len - y->len;
}

static void
make_rows(Case *test)
{
	test->layout.columns = test->layout.attributes = 1 + random_below(MAX_COLUMNS);
	for (int i = 0; i < test->layout.columns; i++)
	{
		ZpKeyColumn *column = &test->layout.column[i];

		column->type = test_types[random_below(TEST_TYPES)];
		column->descending = random_below(3) == 0;
		column->nulls_first = random_below(2) == 0;
		(void) zp_key_kind_of_type(column->type, &column->kind);
	}
	test->rows = 1 + random_below(MAX_ROWS);
	for (int i = 0; i < test->rows; i++)
	{
		Row		   *row = &test->row[i];

		for (int j = 0; j < test->layout.columns; j++)
		{
			row->nulls[j] = random_below(10) == 0;
			row->values[j] = random_value(test->layout.column[j].type);

			/* Many rows with the same first columns. */
			if (i > 0 && random_below(3) != 0 && j < test->layout.columns - 1)
			{
				row->nulls[j] = test->row[i - 1].nulls[j];
				row->values[j] = test->row[i - 1].values[j];
			}
		}
		initStringInfo(&row->entry);
		zp_key_encode(&test->layout, row->values, row->nulls, &row->entry);
		row->key_bytes = row->entry.len;
		for (int j = 0; j < TAIL_BYTES; j++)
			appendStringInfoChar(&row->entry, (char) random_below(256));
	}
	qsort(test->row, test->rows, sizeof(Row), compare_rows);
}

static void
make_conditions(Case *test)
{
	test->conditions = random_below(MAX_CONDITIONS + 1);
	for (int i = 0; i < test->conditions; i++)
		make_condition(test, &test->condition[i], &test->keys[i]);
	for (int i = 0; i < test->rows; i++)
	{
		Row		   *row = &test->row[i];

		row->is_answer = true;
		for (int j = 0; j < test->conditions; j++)
			row->is_answer = row->is_answer && holds(test, &test->condition[j], row);
	}
	zp_quals_set(test->quals, test->keys, test->conditions);
	test->recheck = zp_quals_recheck(test->quals);
}

/* ---- what comes ------------------------------------------------------------------ */

static void complain(const Case *test, const char *what, ZpDirection direction, int row)
			__attribute__((noreturn));

static void
complain(const Case *test, const char *what, ZpDirection direction, int row)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < test->layout.columns; i++)
	{
		const ZpKeyColumn *column = &test->layout.column[i];

		appendStringInfo(&text, "%s%s%s", format_type_be(column->type),
						 column->descending ? " desc" : "",
						 column->nulls_first ? " nulls first" : "");
		if (row >= 0 && row < test->rows)
			appendStringInfo(&text, " (%s)", test->row[row].nulls[i] ? "NULL"
							 : value_text(column->type, test->row[row].values[i]));
		appendStringInfoString(&text, "; ");
	}
	for (int i = 0; i < test->conditions; i++)
	{
		const Condition *condition = &test->condition[i];

		appendStringInfo(&text, "column %d flags %x strategy %d type %s:", condition->column + 1,
						 condition->flags, condition->strategy,
						 OidIsValid(condition->type) ? format_type_be(condition->type) : "none");
		for (int j = 0; j < condition->count; j++)
			appendStringInfo(&text, " %s", condition->nulls[j] ? "NULL"
							 : value_text(condition->type, condition->constants[j]));
		appendStringInfoString(&text, "; ");
	}
	ereport(ERROR,
			errmsg("%s, %s, row %d", what, direction == ZP_FORWARD ? "forward" : "backward", row),
			errdetail("%s", text.data));
}

/* The row at a place, -1 or the number of rows behind the last one. */
static int
seek_row(const Case *test, ZpDirection direction, const ZpSeek *seek)
{
	int			row = 0;
	int			order = -1;

	if (seek->everywhere)
		return direction == ZP_FORWARD ? 0 : test->rows - 1;
	for (; row < test->rows; row++)
	{
		const StringInfoData *entry = &test->row[row].entry;

		order = memcmp(entry->data, seek->key, Min((size_t) entry->len, seek->key_bytes));
		if (order == 0)
			order = (size_t) entry->len < seek->key_bytes ? -1 : (size_t) entry->len > seek->key_bytes;
		if (order >= 0 && !(order == 0 && seek->past && direction == ZP_FORWARD))
			break;
	}
	if (direction == ZP_FORWARD)
		return row;
	return row < test->rows && order == 0 && !seek->past ? row : row - 1;
}

/* No answer lies from one row on and before another one, in direction. */
static void
check_left_out(const Case *test, ZpDirection direction, int from, int to, const char *what)
{
	for (int row = from; row != to && row >= 0 && row < test->rows; row += direction)
	{
		if (test->row[row].is_answer)
			complain(test, what, direction, row);
	}
}

static ZpVerdict
judge_row(Case *test, ZpDirection direction, int row, int *next)
{
	const Row  *this = &test->row[row];
	ZpSeek		seek;
	ZpVerdict	verdict = zp_quals_judge(test->quals, direction,
										 (unsigned char *) this->entry.data, this->key_bytes,
										 &seek);

	test->judged++;
	*next = row + direction;
	if (verdict == ZP_VERDICT_MATCH)
	{
		if (!this->is_answer && !test->recheck)
			complain(test, "a row is no answer", direction, row);
		return verdict;
	}
	if (verdict == ZP_VERDICT_SEEK)
	{
		*next = seek_row(test, direction, &seek);
		if ((*next - row) * (int) direction <= 0)
			complain(test, "a seek goes back", direction, row);
	}
	else if (verdict == ZP_VERDICT_END)
		*next = direction == ZP_FORWARD ? test->rows : -1;
	check_left_out(test, direction, row, *next, "a judgement leaves out an answer");
	return verdict;
}

static void
walk(Case *test, ZpDirection direction)
{
	int			behind = direction == ZP_FORWARD ? test->rows : -1;
	int			row = direction == ZP_FORWARD ? 0 : test->rows - 1;
	int			first = row;
	ZpSeek		seek;

	if (zp_quals_begin(test->quals, direction, &seek) == ZP_VERDICT_END)
	{
		check_left_out(test, direction, first, behind, "an answer is not begun with");
		return;
	}
	row = seek_row(test, direction, &seek);
	check_left_out(test, direction, first, row, "the beginning leaves out an answer");
	while (row >= 0 && row < test->rows)
		(void) judge_row(test, direction, row, &row);
}

/* Any row, in any direction, whatever was judged before. */
static void
jump_about(Case *test)
{
	for (int i = 0; i < 20; i++)
	{
		int			row = random_below(test->rows);
		ZpDirection direction = random_below(2) == 0 ? ZP_FORWARD : ZP_BACKWARD;
		int			steps = random_below(5);

		while (steps-- > 0 && row >= 0 && row < test->rows)
			(void) judge_row(test, direction, row, &row);
	}
}

static void
check_point(Case *test)
{
	const unsigned char *key;
	size_t		key_bytes;

	if (!zp_quals_is_point(test->quals, &key, &key_bytes))
		return;
	for (int i = 0; i < test->rows; i++)
	{
		const Row  *row = &test->row[i];
		bool		same = row->key_bytes == key_bytes &&
			memcmp(row->entry.data, key, key_bytes) == 0;

		if (same ? !row->is_answer && !test->recheck : row->is_answer)
			complain(test, "the point is another one", ZP_FORWARD, i);
	}
}

/* (seed, rounds) → keys judged */
PGDLLEXPORT Datum
test_key_walks(PG_FUNCTION_ARGS)
{
	MemoryContext room = AllocSetContextCreate(CurrentMemoryContext, "test_key_walks",
											   ALLOCSET_DEFAULT_SIZES);
	int64		judged = 0;

	random_seed(PG_GETARG_INT64(0));
	for (int round = 0; round < PG_GETARG_INT32(1); round++)
	{
		MemoryContext before = MemoryContextSwitchTo(room);
		Case	   *test = palloc0(sizeof(Case));

		make_rows(test);
		test->quals = zp_quals_create(&test->layout, NULL, CurrentMemoryContext);
		for (int i = 0; i < 6; i++)
		{
			make_conditions(test);
			walk(test, ZP_FORWARD);
			walk(test, ZP_BACKWARD);
			jump_about(test);
			check_point(test);
		}
		judged += test->judged;
		MemoryContextSwitchTo(before);
		MemoryContextReset(room);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_INT64(judged);
}
