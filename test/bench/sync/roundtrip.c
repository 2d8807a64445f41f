/*
 * roundtrip.c
 *	  A message from one session to another and back: futexes against LISTEN/NOTIFY.
 *
 *		roundtrip notify|futex rounds		(connection from PG... of the environment)
 *
 * Two clients, each a process with a connection.  One round: the first tells the second,
 * which has waited for that, and waits until the second has told it in return.  Prints
 * microseconds a round, the median of its rounds.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

static void
fail(PGconn *connection, const char *what)
{
	fprintf(stderr, "roundtrip: %s: %s", what, PQerrorMessage(connection));
	exit(1);
}

static void
execute(PGconn *connection, const char *query)
{
	PGresult   *result = PQexec(connection, query);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail(connection, query);
	PQclear(result);
}

static PGconn *
connect_to_server(void)
{
	PGconn	   *connection = PQconnectdb("");

	if (PQstatus(connection) != CONNECTION_OK)
		fail(connection, "connect");
	return connection;
}

static void
await_notification(PGconn *connection)
{
	PGnotify   *notification;

	while ((notification = PQnotifies(connection)) == NULL)
	{
		struct pollfd ready = {PQsocket(connection), POLLIN, 0};

		if (poll(&ready, 1, 60000) <= 0 || !PQconsumeInput(connection))
			fail(connection, "wait for a notification");
	}
	PQfreemem(notification);
}

static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	int			rounds = argc == 3 ? atoi(argv[2]) : 0;
	int			notify = rounds > 0 && strcmp(argv[1], "notify") == 0;
	int			ready[2];
	double	   *took;
	PGconn	   *connection;
	pid_t		other;
	char		byte = 0;

	if (rounds <= 0 || (!notify && strcmp(argv[1], "futex") != 0))
	{
		fprintf(stderr, "usage: roundtrip notify|futex rounds\n");
		return 2;
	}
	if (pipe(ready) != 0)
		return 1;
	connection = connect_to_server();
	execute(connection, notify ? "LISTEN first" : "SELECT zipora_futex_store('ball', 0)");
	other = fork();
	if (other < 0)
		return 1;
	if (other == 0)
	{
		connection = connect_to_server();
		if (notify)
			execute(connection, "LISTEN second");
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (int i = 0; i < rounds; i++)
		{
			if (notify)
			{
				await_notification(connection);
				execute(connection, "NOTIFY first");
			}
			else
				execute(connection, "SELECT zipora_futex_wait('ball', 0, '1 min'),"
						" zipora_futex_store('ball', 0), zipora_futex_wake('ball')");
		}
		PQfinish(connection);
		_exit(0);
	}

	took = malloc((size_t) rounds * sizeof(double));
	if (took == NULL || read(ready[0], &byte, 1) != 1)
		return 1;
	for (int i = 0; i < rounds; i++)
	{
		double		begin = now_us();

		if (notify)
		{
			execute(connection, "NOTIFY second");
			await_notification(connection);
		}
		else
			execute(connection, "SELECT zipora_futex_store('ball', 1), zipora_futex_wake('ball'),"
					" zipora_futex_wait('ball', 1, '1 min')");
		took[i] = now_us() - begin;
	}
	waitpid(other, NULL, 0);
	qsort(took, (size_t) rounds, sizeof(double), compare);
	printf("%.1f\n", took[rounds / 2]);
	PQfinish(connection);
	return 0;
}
