/*
 * session.c
 *	  Connections to the server: statements that are waited for, and some that are not.
 */
#define _GNU_SOURCE

#include "session.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long		session_vacuumed;

void
give_up(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vfprintf(stdout, format, arguments);
	va_end(arguments);
	printf("\n");
	print_place();
	printf("Bail out!\n");
	fflush(stdout);
	exit(1);
}

/* VACUUM VERBOSE says "tuples: 12 removed, ..." */
static void
notice(void *argument, const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *found;

	(void) argument;
	if (text == NULL)
		text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (text != NULL && (found = strstr(text, "tuples: ")) != NULL)
		session_vacuumed += strtol(found + strlen("tuples: "), NULL, 10);
}

void
session_open(Session *session, const char *name)
{
	Text		conninfo = {0};

	text_add(&conninfo, "application_name='%s'", name);
	session->name = name;
	session->connection = PQconnectdb(conninfo.data);
	if (PQstatus(session->connection) != CONNECTION_OK)
		give_up("not ok 1 - cannot connect: %s", PQerrorMessage(session->connection));
	PQsetNoticeReceiver(session->connection, notice, NULL);
	text_free(&conninfo);
}

void
session_close(Session *session)
{
	PQfinish(session->connection);
	text_free(&session->statement);
}

static void
report_hanging(Session *session)
{
	PGconn	   *other = PQconnectdb("");
	PGresult   *result = PQexec(other, "SELECT pid, application_name, state, wait_event_type, "
								"wait_event, pg_blocking_pids(pid), left(query, 200) "
								"FROM pg_stat_activity WHERE backend_type = 'client backend'");

	printf("not ok 1 - %s: no answer for %.0f s: %s\n", session->name, SESSION_PATIENCE,
		   text_of(&session->statement));
	for (int i = 0; i < PQntuples(result); i++)
	{
		printf("#");
		for (int j = 0; j < PQnfields(result); j++)
			printf(" %s", PQgetvalue(result, i, j));
		printf("\n");
	}
	give_up("# a statement hangs");
}

/* Waits until a result can be read without waiting. */
static void
wait_for_input(Session *session)
{
	double		end = seconds_now() + SESSION_PATIENCE;

	PQflush(session->connection);
	while (PQisBusy(session->connection))
	{
		struct pollfd wait = {PQsocket(session->connection), POLLIN, 0};

		if (poll(&wait, 1, 1000) > 0 && PQconsumeInput(session->connection) == 0)
			give_up("not ok 1 - %s: connection lost: %s# in: %s", session->name,
					PQerrorMessage(session->connection), text_of(&session->statement));
		if (seconds_now() > end)
			report_hanging(session);
	}
}

void
session_send(Session *session, const char *statement)
{
	session_finish(session);
	text_clear(&session->statement);
	text_add(&session->statement, "%s", statement);
	if (PQsendQuery(session->connection, statement) == 0)
		give_up("not ok 1 - %s: cannot send: %s", session->name,
				PQerrorMessage(session->connection));
	PQflush(session->connection);
	session->busy = true;
}

bool
session_is_done(Session *session)
{
	if (!session->busy)
		return true;
	if (PQconsumeInput(session->connection) == 0)
		give_up("not ok 1 - %s: connection lost: %s", session->name,
				PQerrorMessage(session->connection));
	if (PQisBusy(session->connection))
		return false;
	session_finish(session);
	return true;
}

static int
read_results(Session *session, PGresult **results, int room, char **failure)
{
	int			count = 0;
	PGresult   *result;

	if (failure != NULL)
		*failure = NULL;
	for (;;)
	{
		wait_for_input(session);
		result = PQgetResult(session->connection);
		if (result == NULL)
			break;
		switch (PQresultStatus(result))
		{
			case PGRES_TUPLES_OK:
				if (count < room)
				{
					results[count++] = result;
					continue;
				}
				break;
			case PGRES_COMMAND_OK:
			case PGRES_EMPTY_QUERY:
				break;
			default:
				if (failure == NULL)
					give_up("not ok 1 - %s: %s# in: %s", session->name,
							PQresultErrorMessage(result), text_of(&session->statement));
				if (*failure == NULL)
					*failure = strdup(PQresultErrorMessage(result));
				break;
		}
		PQclear(result);
	}
	session->busy = false;
	return count;
}

void
session_finish(Session *session)
{
	if (session->busy)
		read_results(session, NULL, 0, NULL);
}

int
session_query(Session *session, const char *statements, PGresult **results, int room,
			  char **failure)
{
	session_send(session, statements);
	return read_results(session, results, room, failure);
}

void
session_run(Session *session, const char *format,...)
{
	va_list		arguments;
	char	   *statement;

	va_start(arguments, format);
	if (vasprintf(&statement, format, arguments) < 0)
		abort();
	va_end(arguments);
	session_query(session, statement, NULL, 0, NULL);
	free(statement);
}

char *
session_value(Session *session, const char *format,...)
{
	va_list		arguments;
	char	   *statement;
	char	   *value;
	PGresult   *result = NULL;

	va_start(arguments, format);
	if (vasprintf(&statement, format, arguments) < 0)
		abort();
	va_end(arguments);
	if (session_query(session, statement, &result, 1, NULL) != 1 || PQntuples(result) != 1)
		give_up("not ok 1 - %s: not one row: %s", session->name, statement);
	value = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	free(statement);
	return value;
}

void
session_copy(Session *session, const char *statement, const Text *data)
{
	PGresult   *result;

	session_send(session, statement);
	wait_for_input(session);
	result = PQgetResult(session->connection);
	if (PQresultStatus(result) != PGRES_COPY_IN)
		give_up("not ok 1 - %s: %s# in: %s", session->name, PQresultErrorMessage(result), statement);
	PQclear(result);
	if (PQputCopyData(session->connection, data->data, (int) data->length) != 1 ||
		PQputCopyEnd(session->connection, NULL) != 1)
		give_up("not ok 1 - %s: %s", session->name, PQerrorMessage(session->connection));
	read_results(session, NULL, 0, NULL);
}
