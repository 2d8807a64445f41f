/*
 * table.c
 *	  A random table with the index that is tested and its twin.
 */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "difftest.h"

const char *const part_columns[2] = {"part", "twin_part"};

/* Only texts have case. */
static bool
is_plain_text(const Type *type)
{
	return strcmp(type->value_type, "text") == 0;
}

static void
choose(Table *table, int number, const Type *single)
{
	Text		definition = table->definition;

	memset(table, 0, sizeof(*table));
	table->definition = definition;
	text_clear(&table->definition);
	snprintf(table->name, sizeof(table->name), "t%d", number);
	snprintf(table->index, sizeof(table->index), "t%d_tested", number);
	snprintf(table->twin, sizeof(table->twin), "t%d_twin", number);
	table->columns = single != NULL ? 1 : random_between(1, TABLE_COLUMNS);
	for (int i = 0; i < table->columns; i++)
	{
		KeyColumn  *column = &table->column[i];

		column->type = single != NULL ? single : &types[random_below(type_count)];
		column->is_expression = single == NULL && is_plain_text(column->type) && random_chance(25);
		snprintf(column->expression[SIDE_TESTED], sizeof(column->expression[0]),
				 column->is_expression ? "lower(k%d)" : "k%d", i);
		snprintf(column->expression[SIDE_TWIN], sizeof(column->expression[0]), "twin%d", i);
		column->descending = random_chance(single != NULL ? 20 : 40);
		column->nulls_first = random_chance(20) ? !column->descending : column->descending;
	}
	table->includes_id = random_chance(40);
	table->wide = single == NULL && random_chance(25);
	table->includes_note = table->wide || random_chance(20);
	table->partial = single == NULL && random_chance(20);
	table->unlogged = single == NULL && random_chance(10);
	table->null_percent = random_chance(60) ? 5 : random_chance(50) ? 0 : 40;
	table->scale = random_chance(12) ? 10 : 1;
	table->next_id = 1;
	table->few = choose_styles((2600 - (table->wide ? 700 : table->includes_note ? 100 : 0)) / table->columns);
}

static void
add_index(Text *sql, const Table *table, Side side)
{
	text_add(sql, "CREATE INDEX %s ON %s USING %s (",
			 side == SIDE_TESTED ? table->index : table->twin, table->name,
			 side == SIDE_TESTED ? method_name : "btree");
	for (int i = 0; i < table->columns; i++)
	{
		const KeyColumn *column = &table->column[i];
		Method		of = side == SIDE_TESTED ? method : METHOD_BTREE;

		text_add(sql, "%s%s %s%s%s", i > 0 ? ", " : "", column->expression[side],
				 column->type->opclass[of], column->descending ? " DESC" : "",
				 column->nulls_first ? " NULLS FIRST" : " NULLS LAST");
	}
	text_add(sql, ")");
	if (table->includes_id || table->includes_note)
		text_add(sql, " INCLUDE (%s%s%s)", table->includes_id ? "id" : "",
				 table->includes_id && table->includes_note ? ", " : "",
				 table->includes_note ? "note" : "");
	/* A btree gives the rows of a posting list in the same order in both directions. */
	if (side == SIDE_TESTED && method == METHOD_BTREE)
		text_add(sql, " WITH (deduplicate_items = off)");
	if (table->partial)
		text_add(sql, " WHERE %s >= 5", part_columns[side]);
	text_add(sql, ";\n");
}

static void
add_table(Text *sql, const Table *table)
{
	text_add(sql, "CREATE %sTABLE %s (id int, hot int DEFAULT 0, part int, "
			 "twin_part int GENERATED ALWAYS AS (part) STORED, note text", table->unlogged ? "UNLOGGED " : "", table->name);
	for (int i = 0; i < table->columns; i++)
		text_add(sql, ", k%d %s, twin%d %s GENERATED ALWAYS AS (%s) STORED", i,
				 table->column[i].type->column, i, table->column[i].type->column,
				 table->column[i].expression[SIDE_TESTED]);
	text_add(sql, ") WITH (fillfactor = 60, autovacuum_enabled = off);\n");
}

static void
add_insert(Text *sql, Table *table, int rows)
{
	text_add(sql, "INSERT INTO %s (id, ", table->name);
	add_column_names(sql, table);
	text_add(sql, ") VALUES ");
	for (int i = 0; i < rows; i++)
	{
		text_add(sql, i > 0 ? ", " : "");
		add_row(sql, table, table->next_id++);
	}
	text_add(sql, ";\n");
}

void
table_create(Table *table, Session *session, int number, const Type *single)
{
	Text		sql = {0};
	bool		rows_first;
	bool		one_transaction;

	choose(table, number, single);
	rows_first = random_chance(60);
	one_transaction = random_chance(30);
	add_table(&table->definition, table);
	add_index(&table->definition, table, SIDE_TESTED);
	add_index(&table->definition, table, SIDE_TWIN);

	/* What is sent in one message is one transaction. */
	text_add(&sql, "DROP TABLE IF EXISTS %s;\n", table->name);
	session_run(session, "%s", sql.data);
	text_clear(&sql);
	if (rows_first)
	{
		add_table(&sql, table);
		add_insert(&sql, table, random_between(1, 400 * table->scale));
		if (!one_transaction)
		{
			session_run(session, "%s", sql.data);
			text_clear(&sql);
		}
		add_index(&sql, table, SIDE_TESTED);
		add_index(&sql, table, SIDE_TWIN);
	}
	else
	{
		text_add(&sql, "%s", table->definition.data);
		if (!one_transaction)
		{
			session_run(session, "%s", sql.data);
			text_clear(&sql);
		}
		else if (random_chance(50))
		{
			add_insert(&sql, table, random_between(1, 50));
			text_add(&sql, "TRUNCATE %s;\n", table->name);
		}
		add_insert(&sql, table, random_between(1, 200));
	}
	session_run(session, "%s", sql.data);
	text_free(&sql);
}

void
table_refill(Table *table, Session *session)
{
	Text		sql = {0};

	text_add(&sql, "TRUNCATE %s;\n", table->name);
	add_insert(&sql, table, random_between(1, 200));
	session_run(session, "%s", sql.data);
	text_free(&sql);
}

void
table_insert(Table *table, Session *session, int rows)
{
	Text		sql = {0};

	add_insert(&sql, table, rows);
	session_run(session, "%s", sql.data);
	text_free(&sql);
}

void
add_constant(Text *sql, const Table *table, int column)
{
	const Type *type = table->column[column].type;
	Text		value = {0};

	if (random_chance(table->null_percent))
	{
		text_add(sql, "NULL");
		return;
	}
	random_value(type, &value);
	text_add_quoted(sql, text_of(&value));
	text_free(&value);
}

void
add_copy_value(Text *data, const Table *table, int column)
{
	Text		value = {0};

	if (random_chance(table->null_percent))
	{
		text_add(data, "\\N");
		return;
	}
	random_value(table->column[column].type, &value);
	for (const char *at = text_of(&value); *at != '\0'; at++)
	{
		if (*at == '\\')
			text_add_byte(data, '\\');
		text_add_byte(data, *at);
	}
	text_free(&value);
}

void
add_column_names(Text *sql, const Table *table)
{
	text_add(sql, "note, part");
	for (int i = 0; i < table->columns; i++)
		text_add(sql, ", k%d", i);
}

void
add_row(Text *sql, Table *table, int id)
{
	text_add(sql, "(%d, ", id);
	if (random_chance(30))
		text_add(sql, "NULL");
	else
	{
		text_add(sql, "'note %d", random_below(50));
		for (int i = table->wide ? random_between(20, 60) : 0; i > 0; i--)
			text_add(sql, "%09d ", i);
		text_add(sql, "'");
	}
	text_add(sql, ", %d", random_below(10));
	for (int i = 0; i < table->columns; i++)
	{
		text_add(sql, ", ");
		add_constant(sql, table, i);
	}
	text_add(sql, ")");
}
