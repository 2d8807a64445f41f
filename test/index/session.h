/*
 * session.h
 *	  Connections to the server: statements that are waited for, and some that are not.
 */
#ifndef SESSION_H
#define SESSION_H

#include <libpq-fe.h>

#include "support.h"

typedef struct Session
{
	PGconn	   *connection;
	const char *name;
	bool		busy;			/* a statement was sent whose end was not seen */
	Text		statement;		/* the last one */
} Session;

/* The time after which a statement is taken to hang. */
#define SESSION_PATIENCE	120.0

extern void session_open(Session *session, const char *name);
extern void session_close(Session *session);

/* Sends statements and does not wait for their end. */
extern void session_send(Session *session, const char *statement);

/* Whether it is done; looks only. */
extern bool session_is_done(Session *session);

/* Waits for the end of what was sent; it must not have failed.  Does nothing if none was. */
extern void session_finish(Session *session);

/*
 * Runs statements in one message, and returns the results of those that return rows, at most
 * `room` of them.  An error ends the program with a report.  (*failure, if not NULL: gets the
 * error's text instead, to be freed, or NULL.)
 */
extern int	session_query(Session *session, const char *statements, PGresult **results, int room,
						  char **failure);

extern void session_run(Session *session, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* The one value of a query as a string, to be freed. */
extern char *session_value(Session *session, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* COPY statement with its data */
extern void session_copy(Session *session, const char *statement, const Text *data);

/* How many rows VACUUM removed, from what VACUUM VERBOSE said, of all sessions so far. */
extern long session_vacuumed;

/* Prints what is going on as TAP comments, and ends the program. */
extern void give_up(const char *format,...) __attribute__((format(printf, 1, 2), noreturn));

/* Set by the main program: says where in the run we are. */
extern void print_place(void);

#endif							/* SESSION_H */
