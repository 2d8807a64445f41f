/*
 * actor.h
 *	  Sessions that write, read and keep cursors, each a step at a time.
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "query.h"

typedef struct Cursor
{
	bool		open;
	Query		query;
	Answer		reference;		/* by a sequential scan */
	Answer		seen;			/* rows that were fetched, in the order of the scan */
	Text		history;		/* what was fetched, for reports */
	int			position;		/* 0: before the first row; reference.rows + 1: behind the last */
} Cursor;

#define ACTOR_SAVEPOINTS	3

typedef struct Actor
{
	Session		session;
	int			writer;			/* changes rows with id % WRITERS = writer; -1: none */
	bool		in_transaction;
	bool		repeatable;		/* whose snapshot does not change */
	int			savepoints;
	bool		prepared;		/* there is a prepared transaction of this writer */
	Cursor		cursor;
} Actor;

extern void actor_open(Actor *actor, const char *name, int writer);

/* A random step on the table. */
extern void actor_step(Actor *actor, Table *table);

/* Opens a cursor and fetches some rows, at the beginning of a transaction. */
extern void actor_open_cursor(Actor *actor, const Table *table);
extern void actor_use_cursor(Actor *actor);

/* Compares some queries within the transaction, which is begun if there is none. */
extern void actor_check(Actor *actor, const Table *table, int queries);

/* Ends its transaction, a prepared one too. */
extern void actor_end(Actor *actor);

/* What was done so far. */
typedef struct ActorCounts
{
	long		statements;
	long		commits;
	long		rollbacks;
	long		partial_rollbacks;
	long		prepared;
	long		fetches;
	long		backward_fetches;
	long		changes_compared;	/* UPDATE, DELETE by the index, their count compared */
} ActorCounts;

extern ActorCounts actor_counts;

#endif							/* ACTOR_H */
