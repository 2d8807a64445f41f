/*
 * actor.c
 *	  Sessions that write, read and keep cursors, each a step at a time.
 *
 * A writer changes only rows whose id is its own modulo WRITERS, so writers never wait for
 * each other, and in a transaction with one snapshot it can compare even what it has changed
 * itself.
 */
#include "actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ActorCounts actor_counts;

void
actor_open(Actor *actor, const char *name, int writer)
{
	memset(actor, 0, sizeof(*actor));
	session_open(&actor->session, name);
	actor->writer = writer;
	session_run(&actor->session, "SET plan_cache_mode = force_generic_plan; SET timezone = 'UTC'; "
				"SET client_min_messages = warning; SET jit = off");
}

/* Sends; waits for the end only if the run is to be the same each time. */
static void
act(Actor *actor, const char *statement)
{
	session_send(&actor->session, statement);
	actor_counts.statements++;
	if (serial)
		session_finish(&actor->session);
}

/* ---- transactions ------------------------------------------------------------ */

static void
begin(Actor *actor, bool repeatable)
{
	session_run(&actor->session, repeatable ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN");
	actor->in_transaction = true;
	actor->repeatable = repeatable;
	actor->savepoints = 0;
}

static void
close_cursor(Actor *actor)
{
	if (actor->cursor.open)
	{
		query_free(&actor->cursor.query);
		answer_free(&actor->cursor.reference);
		answer_free(&actor->cursor.seen);
		text_free(&actor->cursor.history);
		actor->cursor.open = false;
	}
}

static void
end_transaction(Actor *actor)
{
	int			choice = random_below(10);

	close_cursor(actor);
	actor->in_transaction = false;
	if (actor->writer >= 0 && prepared_transactions > 0 && choice < 2)
	{
		session_run(&actor->session, "PREPARE TRANSACTION 'writer %d'", actor->writer);
		actor->prepared = true;
		actor_counts.prepared++;
	}
	else if (choice < 7)
	{
		session_run(&actor->session, "COMMIT");
		actor_counts.commits++;
	}
	else
	{
		session_run(&actor->session, "ROLLBACK");
		actor_counts.rollbacks++;
	}
}

static void
end_prepared(Actor *actor)
{
	session_run(&actor->session, "%s PREPARED 'writer %d'",
				random_chance(60) ? "COMMIT" : "ROLLBACK", actor->writer);
	actor->prepared = false;
}

void
actor_end(Actor *actor)
{
	session_finish(&actor->session);
	if (actor->in_transaction)
		end_transaction(actor);
	if (actor->prepared)
		end_prepared(actor);
}

static void
savepoint_step(Actor *actor)
{
	if (actor->savepoints == 0 || (actor->savepoints < ACTOR_SAVEPOINTS && random_chance(50)))
	{
		actor->savepoints++;
		session_run(&actor->session, "SAVEPOINT s%d", actor->savepoints);
	}
	else
	{
		int			to = random_between(1, actor->savepoints);

		/* What began after a savepoint goes with it, a cursor too. */
		close_cursor(actor);
		if (random_chance(70))
		{
			session_run(&actor->session, "ROLLBACK TO s%d", to);
			actor->savepoints = to;
			actor_counts.partial_rollbacks++;
		}
		else
		{
			session_run(&actor->session, "RELEASE s%d", to);
			actor->savepoints = to - 1;
		}
	}
}

/* ---- changes ------------------------------------------------------------------ */

/* An id of its own rows. */
static int
own_id(const Actor *actor, Table *table)
{
	int			id = table->next_id;

	while (id % WRITERS != actor->writer)
		id++;
	table->next_id = id + 1;
	return id;
}

static void
insert(Actor *actor, Table *table)
{
	Text		sql = {0};
	int			rows = random_chance(50) ? 1 : random_between(2, 60 * table->scale);

	text_add(&sql, "INSERT INTO %s (id, ", table->name);
	add_column_names(&sql, table);
	text_add(&sql, ") VALUES ");
	for (int i = 0; i < rows; i++)
	{
		text_add(&sql, i > 0 ? ", " : "");
		add_row(&sql, table, own_id(actor, table));
	}
	act(actor, sql.data);
	text_free(&sql);
}

/* The same key a hundred times. */
static void
insert_duplicates(Actor *actor, Table *table)
{
	Text		sql = {0};
	int			rows = random_between(20, 150 * table->scale);

	text_add(&sql, "INSERT INTO %s (id", table->name);
	for (int i = 0; i < table->columns; i++)
		text_add(&sql, ", k%d", i);
	text_add(&sql, ", part) SELECT %d + i * %d", own_id(actor, table), WRITERS);
	for (int i = 0; i < table->columns; i++)
	{
		text_add(&sql, ", ");
		add_constant(&sql, table, i);
		text_add(&sql, "::%s", table->column[i].type->value_type);
	}
	text_add(&sql, ", i %% 10 FROM generate_series(0, %d) AS i", rows - 1);
	table->next_id += rows * WRITERS;
	act(actor, sql.data);
	text_free(&sql);
}

static void
copy(Actor *actor, Table *table)
{
	Text		sql = {0};
	Text		data = {0};
	int			rows = random_between(1, 150 * table->scale);

	text_add(&sql, "COPY %s (id, ", table->name);
	add_column_names(&sql, table);
	text_add(&sql, ") FROM STDIN");
	for (int i = 0; i < rows; i++)
	{
		text_add(&data, "%d\tcopied %d\t%d", own_id(actor, table), random_below(20),
				 random_below(10));
		for (int j = 0; j < table->columns; j++)
		{
			text_add(&data, "\t");
			add_copy_value(&data, table, j);
		}
		text_add(&data, "\n");
	}
	session_copy(&actor->session, sql.data, &data);
	actor_counts.statements++;
	text_free(&sql);
	text_free(&data);
}

/* Which rows a change is for. */
static void
add_own_rows(Text *sql, const Actor *actor, const Table *table)
{
	text_add(sql, " WHERE id %% %d = %d", WRITERS, actor->writer);
	switch (random_below(4))
	{
		case 0:
			text_add(sql, " AND id %% %d = %d", random_between(5, 40), random_below(5));
			break;
		case 1:
			{
				int			first = random_below(table->next_id);

				text_add(sql, " AND id BETWEEN %d AND %d", first, first + random_below(60 * table->scale));
				break;
			}
		default:
			text_add(sql, " AND ");
			add_random_condition(sql, table);
			if (table->partial)
				text_add(sql, " AND part >= 5");
			break;
	}
}

/*
 * UPDATE or DELETE of own rows.  In a transaction with one snapshot at random by an index, whose
 * count of rows must be that of a sequential scan.
 */
static void
change(Actor *actor, const Table *table, bool is_delete)
{
	Text		sql = {0};
	Text		rows = {0};
	Text		message = {0};

	if (is_delete)
		text_add(&sql, "DELETE FROM %s", table->name);
	else
	{
		text_add(&sql, "UPDATE %s SET ", table->name);
		switch (random_below(6))
		{
			case 0:
			case 1:
				/* no index has it: HOT, if there is room on the page */
				text_add(&sql, "hot = hot + 1");
				break;
			case 2:
				text_add(&sql, "part = %d", random_below(10));
				break;
			case 3:
				text_add(&sql, "note = 'changed %d'", random_below(10));
				break;
			default:
				{
					int			column = random_below(table->columns);

					text_add(&sql, "k%d = ", column);
					add_constant(&sql, table, column);
					break;
				}
		}
	}
	add_own_rows(&rows, actor, table);
	if (actor->in_transaction && actor->repeatable && random_chance(50))
	{
		PGresult   *results[2] = {NULL, NULL};
		int			count;

		text_add(&message, "%sSELECT count(*) FROM %s%s;\n%s"
				 "WITH changed AS (%s%s RETURNING 1) SELECT count(*) FROM changed",
				 sequential_settings, table->name, rows.data,
				 path_settings(random_chance(50) ? PATH_INDEX : PATH_BITMAP), sql.data, rows.data);
		count = session_query(&actor->session, message.data, results, 2, NULL);
		if (count != 2 ||
			strcmp(PQgetvalue(results[0], 0, 0), PQgetvalue(results[1], 0, 0)) != 0)
			give_up("not ok 1 - %s rows expected, %s changed by: %s\n%s",
					PQgetvalue(results[0], 0, 0), PQgetvalue(results[1], 0, 0), message.data,
					table->definition.data);
		PQclear(results[0]);
		PQclear(results[1]);
		actor_counts.statements++;
		actor_counts.changes_compared++;
	}
	else
	{
		text_add(&sql, "%s", rows.data);
		act(actor, sql.data);
	}
	text_free(&sql);
	text_free(&rows);
	text_free(&message);
}

/* ---- reading -------------------------------------------------------------------- */

void
actor_check(Actor *actor, const Table *table, int queries)
{
	bool		own = !actor->in_transaction;

	session_finish(&actor->session);
	if (own)
		begin(actor, true);
	for (int i = 0; i < queries; i++)
	{
		Query		query;

		query_create(&query, table, false);
		query_check(&query, &actor->session);
		query_free(&query);
	}
	if (own)
	{
		session_run(&actor->session, "COMMIT");
		actor->in_transaction = false;
	}
}

void
actor_open_cursor(Actor *actor, const Table *table)
{
	Cursor	   *cursor = &actor->cursor;
	Query	   *query = &cursor->query;
	Text		message = {0};
	PGresult   *results[2] = {NULL, NULL};

	query_create(query, table, true);
	text_add(&message, "%s%s;\n%sEXPLAIN (COSTS OFF) %s;\nDECLARE c SCROLL CURSOR FOR %s",
			 sequential_settings, query->sql[SIDE_TESTED].data, path_settings(query->path),
			 query->sql[SIDE_TESTED].data, query->sql[SIDE_TESTED].data);
	if (session_query(&actor->session, message.data, results, 2, NULL) != 2)
		give_up("not ok 1 - no results of\n%s", message.data);
	answer_take(&cursor->reference, query, results[0]);
	query_check_plan(query, &actor->session, SIDE_TESTED, results[1]);
	PQclear(results[0]);
	PQclear(results[1]);
	query_counts.compared++;
	memset(&cursor->seen, 0, sizeof(cursor->seen));
	cursor->seen.row = allocate(sizeof(char *) * (size_t) cursor->reference.rows);
	cursor->seen.key = allocate(sizeof(char *) * (size_t) cursor->reference.rows);
	cursor->position = 0;
	cursor->open = true;
	text_free(&message);
}

/* Whether all that was seen is of the reference, no row more often than there. */
static bool
seen_is_expected(const Cursor *cursor)
{
	char	  **all = answer_sorted(&cursor->reference);
	char	  **seen = answer_sorted(&cursor->seen);
	bool		good = true;

	for (int i = 0, j = 0; i < cursor->seen.rows; i++, j++)
	{
		while (j < cursor->reference.rows && strcmp(all[j], seen[i]) < 0)
			j++;
		if (j >= cursor->reference.rows || strcmp(all[j], seen[i]) != 0)
		{
			good = false;
			break;
		}
	}
	free(all);
	free(seen);
	return good;
}

static void
cursor_wrong(const Actor *actor, const char *what, const Answer *expected, const Answer *found)
{
	const Cursor *cursor = &actor->cursor;

	printf("# cursor with %d rows; fetched, with the position after it:%s\n",
		   cursor->reference.rows, text_of(&cursor->history));
	query_wrong(&cursor->query, &actor->session, what, expected, found);
}

/* One FETCH: in the same order forward and backward, and what a sequential scan gave. */
void
actor_use_cursor(Actor *actor)
{
	Cursor	   *cursor = &actor->cursor;
	int			total = cursor->reference.rows;
	bool		backward = random_chance(40) && scroll;
	bool		all = random_chance(10);
	int			count = random_chance(60) ? random_between(1, 5) : random_between(1, 200);
	int			before = cursor->position;
	int			expected;
	Text		sql = {0};
	PGresult   *result = NULL;
	Answer		found;

	text_add(&sql, "FETCH %s ", backward ? "BACKWARD" : "FORWARD");
	text_add(&sql, all ? "ALL FROM c" : "%d FROM c", count);
	if (session_query(&actor->session, sql.data, &result, 1, NULL) != 1)
		give_up("not ok 1 - no result of %s", sql.data);
	answer_take(&found, &cursor->query, result);
	PQclear(result);
	actor_counts.fetches++;
	actor_counts.backward_fetches += backward;

	expected = backward ? before - 1 : total - before;
	if (expected < 0)
		expected = 0;
	if (!all && expected >= count)
	{
		expected = count;
		cursor->position = backward ? before - count : before + count;
	}
	else
		cursor->position = backward ? 0 : total + 1;
	text_add(&cursor->history, " %s %d;", sql.data + strlen("FETCH "), cursor->position);
	if (found.rows != expected)
		cursor_wrong(actor, "a cursor gave another number of rows", &cursor->reference, &found);
	for (int i = 0; i < found.rows; i++)
	{
		int			place = backward ? before - 2 - i : before + i;	/* counted from 0 */

		if (place < cursor->seen.rows)
		{
			if (strcmp(found.row[i], cursor->seen.row[place]) != 0)
			{
				printf("# row %d was: %s\n# and is: %s\n", place + 1, cursor->seen.row[place],
					   found.row[i]);
				cursor_wrong(actor, "a cursor gave another row than before", &cursor->seen,
							 &found);
			}
		}
		else
		{
			if (!answer_key_equal(&found, i, &cursor->reference, place))
				cursor_wrong(actor, "a cursor gave a row in the wrong place", &cursor->reference,
							 &found);
			cursor->seen.row[place] = strdup(found.row[i]);
			cursor->seen.key[place] = strdup(found.key[i]);
			cursor->seen.rows = place + 1;
		}
	}
	if (!seen_is_expected(cursor))
		cursor_wrong(actor, "a cursor gave a row that is not of the answer", &cursor->reference,
					 &cursor->seen);
	answer_free(&found);
	text_free(&sql);
}

/* ---- a step ----------------------------------------------------------------------- */

static void
writer_step(Actor *actor, Table *table)
{
	int			choice = random_below(100);

	if (!actor->in_transaction && random_chance(50))
	{
		begin(actor, random_chance(60));
		return;
	}
	if (actor->in_transaction && choice < 15)
		end_transaction(actor);
	else if (actor->in_transaction && choice < 30)
		savepoint_step(actor);
	else if (actor->in_transaction && actor->repeatable && choice < 40)
		actor_check(actor, table, random_between(1, 4));
	else if (choice < 55)
		insert(actor, table);
	else if (choice < 58)
		insert_duplicates(actor, table);
	else if (choice < 64)
		copy(actor, table);
	else
		change(actor, table, choice >= 84);
}

static void
reader_step(Actor *actor, Table *table)
{
	int			choice = random_below(100);

	if (!actor->in_transaction)
	{
		if (random_chance(40))
		{
			begin(actor, true);
			if (random_chance(70))
				actor_open_cursor(actor, table);
		}
		else
			actor_check(actor, table, random_between(1, 6));
	}
	else if (choice < 15)
	{
		close_cursor(actor);
		session_run(&actor->session, "COMMIT");
		actor->in_transaction = false;
	}
	else if (actor->cursor.open && choice < 70)
		actor_use_cursor(actor);
	else
		actor_check(actor, table, random_between(1, 6));
}

void
actor_step(Actor *actor, Table *table)
{
	session_finish(&actor->session);
	if (actor->prepared)
	{
		/* Its rows are locked until this is decided, by whomever. */
		if (random_chance(50))
			end_prepared(actor);
	}
	else if (actor->writer >= 0)
		writer_step(actor, table);
	else
		reader_step(actor, table);
}
