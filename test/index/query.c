/*
 * query.c
 *	  A random query that an index can answer, and the comparison of its answers.
 *
 * The oracle is a sequential scan, and a sort if an order is asked for, in the same snapshot.
 */
#include "query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QueryCounts query_counts;

const char *const sequential_settings =
	"SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; "
	"SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; "
	"SET LOCAL enable_sort = on; SET LOCAL enable_hashjoin = on;\n";

const char *
path_settings(Path path)
{
	static const char *const settings[PATHS] = {
		"SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on; "
		"SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; "
		"SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off;\n",
		"SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on; "
		"SET LOCAL enable_indexonlyscan = on; SET LOCAL enable_bitmapscan = off; "
		"SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off;\n",
		"SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; "
		"SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = on; "
		"SET LOCAL enable_sort = on; SET LOCAL enable_hashjoin = off;\n",
	};

	return settings[path];
}

static const char *const path_names[PATHS] = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"};

/* Chooses one of a type's operators. */
static const char *
choose_operator(const Type *type, bool *indexable)
{
	static char chosen[16];
	char		list[128];
	char	   *operator;
	int			count = 0;

	snprintf(list, sizeof(list), "%s", type->operators[method]);
	*indexable = false;
	for (operator = strtok(list, " "); operator != NULL; operator = strtok(NULL, " "))
	{
		size_t		length = strlen(operator);
		bool		marked = operator[length - 1] == '!';

		if (marked)
			operator[length - 1] = '\0';
		if (!has_prefix_of && strcmp(operator, "@^") == 0)
			continue;
		/* "=" comes first, and twice as often. */
		if (random_below(++count) == 0)
		{
			snprintf(chosen, sizeof(chosen), "%s", operator);
			*indexable = marked;
		}
		if (count == 1)
			count = 2;
	}
	return chosen;
}

/* A value to compare a column with, perhaps of another type, as a string; its type. */
static const char *
add_operand(Text *sql, const KeyColumn *column, const char *operator)
{
	const Type *type = comparable_type(column->type);
	Text		value = {0};

	random_value(type, &value);
	/* What a key is a prefix of is longer than the key. */
	if (strcmp(operator, "@^") == 0)
		text_add(&value, "%s", strcmp(type->value_type, "bytea") == 0 ?
				 (random_chance(50) ? "ff" : "6162") : (random_chance(50) ? "/1" : "b"));
	/* A prefix is shorter, by whole letters. */
	if (strcmp(operator, "^@") == 0 && value.length > 1)
	{
		value.length = (size_t) random_between(0, (int) value.length - 1);
		while (value.length > 0 && ((unsigned char) value.data[value.length] & 0xC0) == 0x80)
			value.length--;
		value.data[value.length] = '\0';
	}
	text_add_quoted(sql, text_of(&value));
	text_free(&value);
	return type->value_type;
}

/* How many elements */
static int
add_array(Text *sql, const KeyColumn *column)
{
	int			count = random_below(8);

	text_add(sql, " = ANY (ARRAY[");
	for (int i = 0; i < count; i++)
	{
		Text		value = {0};

		text_add(sql, i > 0 ? ", " : "");
		if (random_chance(10))
			text_add(sql, "NULL");
		else
		{
			random_value(column->type, &value);
			text_add_quoted(sql, text_of(&value));
		}
		text_free(&value);
	}
	text_add(sql, "]::%s[])", column->type->value_type);
	return count;
}

/* The same on both sides, but for the column. */
static void
condition_create(Condition *condition, const Table *table, int number, bool may_be_array)
{
	const KeyColumn *column = &table->column[number];
	const char *operator = NULL;
	Text		tail = {0};
	int			kind = random_below(20);

	memset(condition, 0, sizeof(*condition));
	condition->indexable = true;
	if (kind == 0)
		text_add(&tail, " IS NULL");
	else if (kind == 1)
		text_add(&tail, " IS NOT NULL");
	else if (kind <= 4 && may_be_array)
	{
		condition->is_array = true;
		condition->is_empty = add_array(&tail, column) == 0;
	}
	else
	{
		operator = choose_operator(column->type, &condition->indexable);
		condition->operand_type = add_operand(&condition->operand, column, operator);
		text_add(&tail, " %s %s::%s", operator, condition->operand.data, condition->operand_type);
	}
	for (int side = 0; side < 2; side++)
	{
		text_add(&condition->text[side], "%s%s", column->expression[side], tail.data);
		if (operator != NULL)
			text_add(&condition->before[side], "%s %s ", column->expression[side], operator);
	}
	text_free(&tail);
}

static void
condition_free(Condition *condition)
{
	for (int side = 0; side < 2; side++)
	{
		text_free(&condition->text[side]);
		text_free(&condition->before[side]);
	}
	text_free(&condition->operand);
}

/* Of which column a condition is: rather the first. */
static int
choose_column(const Table *table)
{
	return random_chance(50) ? 0 : random_below(table->columns);
}

void
add_random_condition(Text *sql, const Table *table)
{
	Condition	condition;

	condition_create(&condition, table, choose_column(table), true);
	text_add(sql, "%s", condition.text[SIDE_TESTED].data);
	condition_free(&condition);
}

static void
add_order(Text *sql, const Query *query, Side side)
{
	for (int i = 0; i < query->order_columns; i++)
	{
		const KeyColumn *column = &query->table->column[i];
		bool		descending = column->descending != query->backward;
		bool		nulls_first = column->nulls_first != query->backward;

		text_add(sql, "%s%s", i == 0 ? " ORDER BY " : ", ", column->expression[side]);
		if (column->type->using_less[0] != '\0')
			text_add(sql, " USING %s",
					 descending ? column->type->using_greater : column->type->using_less);
		else
			text_add(sql, descending ? " DESC" : " ASC");
		text_add(sql, nulls_first ? " NULLS FIRST" : " NULLS LAST");
	}
}

static void
add_where(Text *sql, const Query *query, Side side, bool begun)
{
	for (int i = 0; i < query->conditions; i++)
	{
		text_add(sql, "%s%s", begun ? " AND " : " WHERE ", query->condition[i].text[side].data);
		begun = true;
	}
	if (query->table->partial)
		text_add(sql, "%s%s >= 5", begun ? " AND " : " WHERE ", part_columns[side]);
}

/* Fields that an index-only scan can give, or all that a row has. */
static void
add_fields(Text *sql, const Query *query, Side side)
{
	const Table *table = query->table;

	for (int i = 0; i < table->columns; i++)
		text_add(sql, "%s%s", i > 0 ? ", " : "", table->column[i].expression[side]);
	if (query->path != PATH_INDEX_ONLY)
		text_add(sql, ", t.ctid, id, hot, part, note");
	else
	{
		if (table->includes_id)
			text_add(sql, ", id");
		if (table->includes_note)
			text_add(sql, ", note");
	}
}

static bool
has_own_order(const Table *table)
{
	for (int i = 0; i < table->columns; i++)
		if (table->column[i].type->using_less[0] != '\0')
			return false;
	return true;
}

static bool
can_be_index_only(const Table *table)
{
	for (int i = 0; i < table->columns; i++)
		if (!table->column[i].type->returnable || table->column[i].is_expression)
			return false;
	return true;
}

/* Not in all versions; and which of equal values is the least is not defined. */
static bool
has_extremes(const Type *type)
{
	return !type->blanks && strcmp(type->value_type, "bytea") != 0 && strcmp(type->value_type, "uuid") != 0 &&
		strcmp(type->value_type, "cidr") != 0;
}

static void
render_plain(Query *query)
{
	for (int side = 0; side < 2; side++)
	{
		Text	   *sql = &query->sql[side];

		text_add(sql, "SELECT ");
		add_fields(sql, query, (Side) side);
		text_add(sql, " FROM %s AS t", query->table->name);
		add_where(sql, query, (Side) side, false);
		add_order(sql, query, (Side) side);
		/* The limit is added where it is run: the reference is the whole. */
		if (query->shape == SHAPE_PREPARED && query->condition[0].before[side].length > 0)
		{
			sql = &query->generic[side];
			text_add(sql, "SELECT ");
			add_fields(sql, query, (Side) side);
			text_add(sql, " FROM %s AS t WHERE %s$1%s", query->table->name,
					 query->condition[0].before[side].data,
					 query->table->partial ? " AND " : "");
			if (query->table->partial)
				text_add(sql, "%s >= 5", part_columns[side]);
		}
	}
}

static void
render_extremes(Query *query)
{
	for (int side = 0; side < 2; side++)
	{
		Text	   *sql = &query->sql[side];
		const char *expression = query->table->column[0].expression[side];

		text_add(sql, "SELECT min(%s), max(%s) FROM %s AS t", expression, expression,
				 query->table->name);
		add_where(sql, query, (Side) side, false);
	}
}

static void
render_join(Query *query)
{
	const Table *table = query->table;
	const KeyColumn *column = &table->column[0];
	bool		indexable;
	const char *operator = choose_operator(column->type, &indexable);
	Text		values = {0};
	int			count = random_between(1, 12);

	query->must_use = indexable;
	for (int i = 0; i < count; i++)
	{
		Text		value = {0};

		random_value(column->type, &value);
		text_add(&values, "%s(%d, ", i > 0 ? ", " : "", i);
		if (random_chance(10))
			text_add(&values, "NULL");
		else
			text_add_quoted(&values, text_of(&value));
		text_add(&values, "::%s)", column->type->value_type);
		text_free(&value);
	}
	for (int side = 0; side < 2; side++)
	{
		Text	   *sql = &query->sql[side];

		text_add(sql, "SELECT n, ");
		add_fields(sql, query, (Side) side);
		text_add(sql, " FROM (VALUES %s) AS q (n, v) JOIN %s AS t ON %s %s q.v", values.data,
				 table->name, column->expression[side], operator);
		add_where(sql, query, (Side) side, true);
	}
	text_free(&values);
}

void
query_create(Query *query, const Table *table, bool for_cursor)
{
	memset(query, 0, sizeof(*query));
	query->table = table;
	query->path = (Path) random_below(for_cursor ? PATH_BITMAP : PATHS);
	query->shape = for_cursor || random_chance(70) ? SHAPE_PLAIN : (Shape) random_below(SHAPES);
	if (query->path == PATH_INDEX_ONLY && !can_be_index_only(table) && random_chance(80))
		query->path = PATH_INDEX;
	if (query->shape == SHAPE_EXTREMES &&
		(!has_own_order(table) || !has_extremes(table->column[0].type)))
		query->shape = SHAPE_PLAIN;

	query->conditions = query->shape == SHAPE_PLAIN ? random_below(QUERY_CONDITIONS) :
		query->shape == SHAPE_PREPARED ? 1 : random_below(2);
	for (int i = 0; i < query->conditions; i++)
	{
		Condition  *condition = &query->condition[i];

		condition_create(condition, table, choose_column(table), query->shape != SHAPE_PREPARED);
		/* One of several; then it is the index's for a bitmap only. */
		if (query->shape == SHAPE_PLAIN && random_chance(8))
		{
			Condition	other;

			condition_create(&other, table, choose_column(table), true);
			for (int side = 0; side < 2; side++)
			{
				Text		both = {0};

				text_add(&both, "(%s OR %s)", condition->text[side].data, other.text[side].data);
				text_free(&condition->text[side]);
				condition->text[side] = both;
			}
			condition->indexable = condition->indexable && other.indexable &&
				query->path == PATH_BITMAP;
			condition->is_array = false;
			condition_free(&other);
		}
		if (condition->indexable)
			query->must_use = true;
	}
	/* The planner knows that there is no answer, and any index will do. */
	for (int i = 0; i < query->conditions; i++)
		if (query->condition[i].is_empty)
			query->must_use = false;
	if (query->shape == SHAPE_PLAIN && random_chance(for_cursor ? 70 : 50))
	{
		query->order_columns = random_between(1, table->columns);
		query->backward = random_chance(50);
		/* The planner does not look at the bitmap of a whole index that has an order. */
		if (query->path == PATH_BITMAP)
			query->must_use = false;
		else
		{
			query->must_use = true;
			query->must_not_sort = true;
			for (int i = 0; i < query->conditions; i++)
				if (query->condition[i].is_array)
					query->must_not_sort = false;
		}
		if (!for_cursor && random_chance(50))
		{
			query->limit = random_between(1, 12);
			query->offset = random_chance(20) ? random_below(6) : 0;
		}
	}
	switch (query->shape)
	{
		case SHAPE_EXTREMES:
			/* From the index's ends, without any condition; not from a bitmap. */
			query->must_use = query->path != PATH_BITMAP;
			render_extremes(query);
			break;
		case SHAPE_JOIN:
			render_join(query);
			break;
		default:
			render_plain(query);
			break;
	}
}

void
query_free(Query *query)
{
	for (int side = 0; side < 2; side++)
	{
		text_free(&query->sql[side]);
		text_free(&query->generic[side]);
	}
	for (int i = 0; i < query->conditions; i++)
		condition_free(&query->condition[i]);
}

/* ---- answers ---------------------------------------------------------------- */

static char *
fields_as_string(const PGresult *result, int row, int first, int count, bool strip)
{
	Text		text = {0};

	for (int i = first; i < first + count; i++)
	{
		if (PQgetisnull(result, row, i))
			text_add(&text, "NULL");
		else
		{
			text_add(&text, "'%s", PQgetvalue(result, row, i));
			while (strip && text.data[text.length - 1] == ' ')
				text.data[--text.length] = '\0';
			text_add(&text, "'");
		}
		text_add(&text, "|");
	}
	if (text.data == NULL)
		text_add_bytes(&text, "", 0);
	return text.data;
}

void
answer_take(Answer *answer, const Query *query, const PGresult *result)
{
	bool		strip = false;

	for (int i = 0; i < query->order_columns; i++)
		if (query->table->column[i].type->blanks)
			strip = true;
	answer->rows = PQntuples(result);
	answer->row = allocate(sizeof(char *) * (size_t) answer->rows);
	answer->key = allocate(sizeof(char *) * (size_t) answer->rows);
	for (int i = 0; i < answer->rows; i++)
	{
		answer->row[i] = fields_as_string(result, i, 0, PQnfields(result), false);
		answer->key[i] = fields_as_string(result, i, 0, query->order_columns, strip);
	}
}

void
answer_free(Answer *answer)
{
	for (int i = 0; i < answer->rows; i++)
	{
		free(answer->row[i]);
		free(answer->key[i]);
	}
	free(answer->row);
	free(answer->key);
	memset(answer, 0, sizeof(*answer));
}

bool
answer_key_equal(const Answer *answer, int i, const Answer *reference, int j)
{
	return strcmp(answer->key[i], reference->key[j]) == 0;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

char **
answer_sorted(const Answer *answer)
{
	char	  **sorted = allocate(sizeof(char *) * (size_t) answer->rows);

	if (answer->rows > 0)
		memcpy(sorted, answer->row, sizeof(char *) * (size_t) answer->rows);
	qsort(sorted, (size_t) answer->rows, sizeof(char *), compare_strings);
	return sorted;
}

/* NULL: all is well; otherwise what is not. */
static const char *
compare(const Query *query, const Answer *expected, const Answer *found, bool limited)
{
	const char *wrong = NULL;
	int			offset = limited ? query->offset : 0;
	int			rows = expected->rows - offset;
	char	  **all;
	char	  **some;

	if (rows < 0)
		rows = 0;
	if (limited && query->limit > 0 && rows > query->limit)
		rows = query->limit;
	if (found->rows != rows)
		return found->rows < rows ? "rows are missing" : "there are rows too many";
	for (int i = 0; i < rows; i++)
		if (!answer_key_equal(found, i, expected, offset + i))
			return "a row stands in the wrong place";

	/* Each row found is one of those expected, which are in order too. */
	all = answer_sorted(expected);
	some = answer_sorted(found);
	for (int i = 0, j = 0; i < rows; i++, j++)
	{
		while (j < expected->rows && strcmp(all[j], some[i]) < 0)
			j++;
		if (j >= expected->rows || strcmp(all[j], some[i]) != 0)
		{
			wrong = "a row is not of the answer";
			break;
		}
	}
	free(all);
	free(some);
	return wrong;
}

static void
print_comment(const char *text)
{
	printf("# ");
	for (const char *at = text; *at != '\0'; at++)
	{
		putchar(*at);
		if (*at == '\n' && at[1] != '\0')
			printf("# ");
	}
	if (text[0] == '\0' || text[strlen(text) - 1] != '\n')
		printf("\n");
}

/* The rows of one answer that the other one lacks. */
static void
print_difference(const char *what, const Answer *answer, const Answer *other)
{
	char	  **rows = answer_sorted(answer);
	char	  **others = answer_sorted(other);
	int			printed = 0;

	for (int i = 0, j = 0; i < answer->rows && printed < 20; i++)
	{
		while (j < other->rows && strcmp(others[j], rows[i]) < 0)
			j++;
		if (j < other->rows && strcmp(others[j], rows[i]) == 0)
			j++;
		else
		{
			printf("# %s: %.300s\n", what, rows[i]);
			printed++;
		}
	}
	free(rows);
	free(others);
}

static void
print_answer(const char *what, const Answer *answer)
{
	printf("# %s, %d rows:\n", what, answer->rows);
	for (int i = 0; i < answer->rows && i < 30; i++)
		printf("#   %.200s\n", answer->row[i]);
}

void
query_wrong(const Query *query, const Session *session, const char *what, const Answer *expected,
			const Answer *found)
{
	printf("not ok 1 - %s\n", what);
	print_comment(query->table->definition.data);
	printf("# path: %s; session %s\n", path_names[query->path], session->name);
	print_comment(path_settings(query->path));
	print_comment(query->sql[SIDE_TESTED].data);
	if (query->limit > 0)
		printf("# LIMIT %d OFFSET %d\n", query->limit, query->offset);
	print_answer("expected", expected);
	print_answer("found", found);
	print_difference("missing or not within the limit", expected, found);
	print_difference("not expected", found, expected);
	give_up("# two answers differ");
}

void
query_check_plan(const Query *query, Session *session, Side side, const PGresult *plan)
{
	const Table *table = query->table;
	const char *index = side == SIDE_TESTED ? table->index : table->twin;
	const char *wanted = path_names[query->path];
	bool		used = false;
	bool		sorts = false;
	bool		nothing = false;

	if (query->path == PATH_INDEX_ONLY && !can_be_index_only(table))
		wanted = "Index";
	for (int i = 0; i < PQntuples(plan); i++)
	{
		const char *line = PQgetvalue(plan, i, 0);
		const char *at = line + strspn(line, " ->");

		/* "Index Scan using", "Index Scan Backward using", "Bitmap Index Scan on" */
		if (strstr(line, wanted) != NULL && strstr(line, index) != NULL)
			used = true;
		if (strncmp(at, "Sort", 4) == 0 || strncmp(at, "Incremental Sort", 16) == 0)
			sorts = true;
		if (strstr(line, "One-Time Filter: false") != NULL)
			nothing = true;
	}
	if (side == SIDE_TWIN)
	{
		query_counts.by_twin += used;
		return;
	}
	if (nothing)
		return;
	if ((query->must_use && !used) || (query->must_not_sort && sorts))
	{
		printf("not ok 1 - the plan does not use the index as it should: %s%s\n",
			   path_names[query->path], query->must_not_sort ? ", and no sort" : "");
		print_comment(table->definition.data);
		print_comment(path_settings(query->path));
		print_comment(query->sql[side].data);
		for (int i = 0; i < PQntuples(plan); i++)
			print_comment(PQgetvalue(plan, i, 0));
		give_up("# session %s", session->name);
	}
	if (used)
	{
		query_counts.by_tested++;
		query_counts.path[query->path]++;
		query_counts.shape[query->shape]++;
		if (query->order_columns > 0 && !sorts && query->path != PATH_BITMAP)
			query_counts.ordered++;
		for (int i = 0; i < query->conditions; i++)
			if (query->condition[i].is_array)
			{
				query_counts.arrays++;
				break;
			}
	}
}

/* Adds the query with EXPLAIN before it, on one side. */
static void
add_run(Text *message, const Query *query, Side side)
{
	if (query->generic[side].length > 0)
	{
		const Condition *condition = &query->condition[0];

		text_add(message, "PREPARE p (%s) AS %s;\n", condition->operand_type,
				 query->generic[side].data);
		text_add(message, "EXPLAIN (COSTS OFF) EXECUTE p(%s);\n", condition->operand.data);
		text_add(message, "EXECUTE p(%s);\nDEALLOCATE p;\n", condition->operand.data);
		return;
	}
	for (int i = 0; i < 2; i++)
	{
		text_add(message, "%s%s", i == 0 ? "EXPLAIN (COSTS OFF) " : "", query->sql[side].data);
		if (query->limit > 0)
			text_add(message, " LIMIT %d OFFSET %d", query->limit, query->offset);
		text_add(message, ";\n");
	}
}

/* regress: all of a plan that can be is run in a parallel worker */
static const char *
parallel_setting(const Session *session)
{
	return PQserverVersion(session->connection) >= 160000 ? "debug_parallel_query" :
		"force_parallel_mode";
}

void
query_check(Query *query, Session *session)
{
	bool		twin = random_chance(25);
	bool		parallel = random_chance(5);
	Text		message = {0};
	PGresult   *results[8];
	int			count;
	Answer		expected;
	Answer		found;
	const char *wrong;

	text_add(&message, "%s%s;\n%s", sequential_settings, query->sql[SIDE_TESTED].data,
			 path_settings(query->path));
	if (parallel)
		text_add(&message, "SET LOCAL %s = regress;\n", parallel_setting(session));
	add_run(&message, query, SIDE_TESTED);
	if (twin)
		add_run(&message, query, SIDE_TWIN);
	if (parallel)
		text_add(&message, "SET LOCAL %s = off;\n", parallel_setting(session));
	count = session_query(session, message.data, results, 8, NULL);
	if (count != (twin ? 5 : 3))
		give_up("not ok 1 - %d results of\n%s", count, message.data);

	answer_take(&expected, query, results[0]);
	query_check_plan(query, session, SIDE_TESTED, results[1]);
	answer_take(&found, query, results[2]);
	wrong = compare(query, &expected, &found, true);
	if (wrong != NULL)
		query_wrong(query, session, wrong, &expected, &found);
	answer_free(&found);
	if (twin)
	{
		query_check_plan(query, session, SIDE_TWIN, results[3]);
		answer_take(&found, query, results[4]);
		wrong = compare(query, &expected, &found, true);
		if (wrong != NULL)
			query_wrong(query, session, "the btree on the twin columns differs", &expected, &found);
		answer_free(&found);
	}
	query_counts.compared++;
	query_counts.rows += expected.rows;
	answer_free(&expected);
	for (int i = 0; i < count; i++)
		PQclear(results[i]);
	text_free(&message);
}
