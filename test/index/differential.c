/*
 * differential.c
 *	  The differential test of the index access method: random tables, random changes by several
 *	  sessions at once, and every answer of the index compared with a sequential scan's.
 *
 * A phase makes one table (the first phases each type as the only key column, later ones any
 * combination), and takes steps on it: writers change rows in transactions of all kinds and do
 * not wait for each other, readers compare queries and keep cursors open, VACUUM runs, the
 * image of the index is evicted, and the limit of memory changes.  See README.md.
 *
 * Environment:
 *	INDEX_METHOD	the access method that is tested: zipora (the default), or btree, which
 *					tests this test
 *	INDEX_SECONDS	begins no new phase after that time (120), but does the first sweep of types
 *	INDEX_SEED		of the run (default: the time); printed
 *	INDEX_PHASE		only this one, or "first-last"
 *	INDEX_STEPS		in a phase (default: random, about 120)
 *	INDEX_SERIAL	1: wait for each statement before the next, for a run that repeats exactly
 *	INDEX_SCROLL	0: cursors are read forward only
 *
 * Prints TAP: a line for each phase.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"
#include "difftest.h"

Method		method = METHOD_ZIPORA;
const char *method_name = "zipora";
bool		has_prefix_of;
bool		serial;
bool		scroll;
int			prepared_transactions;

#define READERS		2
#define ACTORS		(WRITERS + READERS)
#define TABLES_KEPT	6			/* of earlier phases, for the memory limit to choose among */

static Actor actors[ACTORS];
static Session maintenance;
static Table tables[TABLES_KEPT];
static bool has_evict;
static bool has_index_check;
static bool has_memory_limit;
static bool evict_always;

static uint64_t seed;
static int	phase = -1;
static int	step = -1;
static long evictions;
static long vacuums;
static long limits;
static long rebuilds;

/* Of zipora_index_stats, summed over the indexes. */
#define STATISTICS	6
static long statistics[STATISTICS];
static const char *const statistic_names[STATISTICS] = {
	"scans", "scans of the log", "loads of images", "dead entries taken out by scans",
	"compactions", "evictions of images"
};

void
print_place(void)
{
	printf("# seed %llu, phase %d, step %d: to see it again, INDEX_SEED=%llu INDEX_PHASE=%d\n",
		   (unsigned long long) seed, phase, step, (unsigned long long) seed, phase);
}

static const char *
setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : otherwise;
}

static bool
sql_is_true(const char *condition)
{
	char	   *value = session_value(&maintenance, "SELECT %s", condition);
	bool		result = strcmp(value, "t") == 0;

	free(value);
	return result;
}

/* Prepared transactions that an earlier run has left would keep its database. */
static void
end_prepared_transactions(void)
{
	PGresult   *result = NULL;

	session_query(&maintenance,
				  "SELECT gid FROM pg_prepared_xacts WHERE database = 'zipora_index'", &result, 1, NULL);
	if (PQntuples(result) > 0)
	{
		Session		other = {0};

		setenv("PGDATABASE", "zipora_index", 1);
		session_open(&other, "setup");
		for (int i = 0; i < PQntuples(result); i++)
			session_run(&other, "ROLLBACK PREPARED '%s'", PQgetvalue(result, i, 0));
		session_close(&other);
	}
	PQclear(result);
}

/* A database of our own, with what the server has to offer. */
static void
prepare(void)
{
	static char names[ACTORS][16];
	char	   *value;

	session_open(&maintenance, "setup");
	end_prepared_transactions();
	session_run(&maintenance, "DROP DATABASE IF EXISTS zipora_index WITH (FORCE)");
	session_run(&maintenance, "CREATE DATABASE zipora_index");
	session_close(&maintenance);
	memset(&maintenance, 0, sizeof(maintenance));
	setenv("PGDATABASE", "zipora_index", 1);

	session_open(&maintenance, "maintenance");
	session_run(&maintenance, "CREATE EXTENSION zipora");
	session_run(&maintenance, "SET client_min_messages = warning");
	if (method == METHOD_ZIPORA)
	{
		has_evict = sql_is_true("to_regproc('zipora_evict') IS NOT NULL");
		has_index_check = sql_is_true("to_regproc('zipora_index_check') IS NOT NULL");
		session_run(&maintenance, "LOAD 'zipora'");
		has_memory_limit =
			sql_is_true("current_setting('zipora.memory_limit', true) IS NOT NULL");
		if (!has_evict || !has_index_check || !has_memory_limit)
			give_up("not ok 1 - the functions that this test needs are not there");
	}
	has_prefix_of = sql_is_true("to_regoperator('@^(text,text)') IS NOT NULL");
	value = session_value(&maintenance, "SHOW max_prepared_transactions");
	prepared_transactions = atoi(value);
	free(value);
	if (prepared_transactions < WRITERS)
	{
		printf("# max_prepared_transactions is %d: no two-phase commits\n", prepared_transactions);
		prepared_transactions = 0;
	}
	for (int i = 0; i < ACTORS; i++)
	{
		snprintf(names[i], sizeof(names[i]), i < WRITERS ? "writer %d" : "reader %d", i);
		actor_open(&actors[i], names[i], i < WRITERS ? i : -1);
	}
}

/* Ends all transactions; nothing runs any more then. */
static void
quiesce(void)
{
	for (int i = 0; i < ACTORS; i++)
		actor_end(&actors[i]);
	session_finish(&maintenance);
}

static void
evict(const Table *table)
{
	if (has_evict)
	{
		session_run(&maintenance, "SELECT zipora_evict('%s')", table->index);
		evictions++;
	}
}

/* A scan that brings the image up to date. */
static void
look_once(const Table *table)
{
	Actor	   *actor = &actors[0];

	session_finish(&actor->session);
	if (!actor->prepared && (!actor->in_transaction || actor->repeatable))
		actor_check(actor, table, 1);
}

/* Cursors that lose their image again and again, in the middle of equal keys too. */
static void
evict_under_cursors(const Table *table)
{
	for (int i = random_between(1, 6); i > 0; i--)
	{
		evict(table);
		for (int j = WRITERS; j < ACTORS; j++)
			if (actors[j].cursor.open && random_chance(60))
				actor_use_cursor(&actors[j]);
		if (random_chance(30))
			look_once(table);
	}
}

static void
change_memory_limit(void)
{
	/* Without limit; none fits; few do. */
	static const char *const values[] = {"0", "0", "1kB", "1kB", "200kB", "500kB", "1MB", "8MB"};

	if (!has_memory_limit)
		return;
	session_run(&maintenance, "ALTER SYSTEM SET zipora.memory_limit = '%s'",
				values[random_below(8)]);
	session_run(&maintenance, "SELECT pg_reload_conf()");
	limits++;
}

/* The server's own setting again, for sessions that begin after this program's end as well. */
static void
reset_memory_limit(void)
{
	char	   *loaded;

	if (!has_memory_limit)
		return;
	session_run(&maintenance, "ALTER SYSTEM RESET zipora.memory_limit");
	loaded = session_value(&maintenance, "SELECT pg_conf_load_time()");
	session_run(&maintenance, "SELECT pg_reload_conf()");
	/* The server has read its settings before its sessions do. */
	for (int i = 0; i < 1000; i++)
	{
		char	   *now = session_value(&maintenance, "SELECT pg_conf_load_time()");
		bool		same = strcmp(now, loaded) == 0;

		free(now);
		if (!same)
			break;
		usleep(10000);
	}
	free(loaded);
}

/*
 * VACUUM, most often with no snapshot that holds it back, and with readers that have just
 * begun to read what it removes.  It may have to wait for them; so nobody waits for it.
 */
static void
vacuum(Table *table)
{
	static const char *const options[] = {
		"INDEX_CLEANUP ON", "INDEX_CLEANUP ON", "INDEX_CLEANUP ON, FREEZE", "INDEX_CLEANUP AUTO",
		"INDEX_CLEANUP ON, DISABLE_PAGE_SKIPPING"
	};
	bool		hold_nothing = random_chance(70);
	bool		begin_cursor = random_chance(70);
	const char *chosen = options[random_below(5)];
	char		sql[160];

	if (!session_is_done(&maintenance))
		return;
	if (hold_nothing)
		for (int i = 0; i < ACTORS; i++)
			actor_end(&actors[i]);
	if (hold_nothing && random_chance(50))
		session_run(&maintenance, "DELETE FROM %s WHERE id %% %d = %d", table->name,
					random_between(2, 9), random_below(2));
	if (begin_cursor)
		for (int i = WRITERS; i < ACTORS; i++)
			if (!actors[i].in_transaction)
			{
				session_run(&actors[i].session, "BEGIN ISOLATION LEVEL REPEATABLE READ");
				actors[i].in_transaction = true;
				actors[i].repeatable = true;
				actor_open_cursor(&actors[i], table);
				actor_use_cursor(&actors[i]);
			}
	snprintf(sql, sizeof(sql), "VACUUM (VERBOSE, %s) %s", chosen, table->name);
	session_send(&maintenance, sql);
	vacuums++;

	/* Without cursors it waits for nobody. */
	if (serial)
	{
		for (int i = 0; i < ACTORS; i++)
			if (actors[i].cursor.open)
				return;
		session_finish(&maintenance);
		return;
	}

	/* Readers alone, who go on while it works: nobody else brings the image up to date. */
	for (int i = random_below(8); i > 0; i--)
	{
		Actor	   *actor = &actors[WRITERS + random_below(READERS)];

		usleep((useconds_t) random_below(3000));
		if (actor->cursor.open)
			actor_use_cursor(actor);
	}

	/* Rows where others were, perhaps with their keys, before a cursor that saw those ends. */
	if (random_chance(60) && session_is_done(&maintenance))
	{
		table_insert(table, &maintenance, random_between(1, 100));
		look_once(table);
		for (int i = WRITERS; i < ACTORS; i++)
			if (actors[i].cursor.open && random_chance(70))
				actor_end(&actors[i]);
	}
}

static void
maintenance_step(Table *table)
{
	int			choice = random_below(100);

	if (choice < 55)
		vacuum(table);
	else if (!session_is_done(&maintenance))
		return;
	else if (choice < 75)
		evict(table);
	else if (choice < 85)
		evict_under_cursors(table);
	else if (choice < 93)
		change_memory_limit();
	else
		session_run(&maintenance, "ANALYZE %s", table->name);
}

static void
check_index(const Table *table)
{
	if (has_index_check)
		session_run(&maintenance, "SELECT zipora_index_check('%s', true)", table->index);
}

/* While nothing else runs: the index gets new storage, or the old one anew. */
static void
rebuild(Table *table)
{
	int			choice = random_below(7);

	rebuilds++;
	switch (choice)
	{
		case 0:
			session_run(&maintenance, "REINDEX INDEX %s", table->index);
			break;
		case 1:
			session_run(&maintenance, "REINDEX INDEX CONCURRENTLY %s", table->index);
			break;
		case 2:
			session_run(&maintenance, "VACUUM FULL %s", table->name);
			break;
		case 3:
			session_run(&maintenance, "BEGIN; REINDEX INDEX %s; ROLLBACK", table->index);
			break;
		case 4:
			session_run(&maintenance, "ALTER TABLE %s SET %s", table->name,
						table->unlogged ? "LOGGED" : "UNLOGGED");
			table->unlogged = !table->unlogged;
			break;
		case 5:
			session_run(&maintenance, "BEGIN; TRUNCATE %s; INSERT INTO %s (id) VALUES (0); ROLLBACK",
						table->name, table->name);
			break;
		default:
			table_refill(table, &maintenance);
			break;
	}
}

/* What an index says of itself is counted before it goes. */
static void
count_statistics(const Table *table)
{
	PGresult   *result = NULL;

	if (method != METHOD_ZIPORA)
		return;
	session_query(&maintenance, "SELECT scans, log_scans, loads, killed, generation - 1, evictions, index::text "
				  "FROM zipora_index_stats", &result, 1, NULL);
	for (int i = 0; i < PQntuples(result); i++)
		if (strcmp(PQgetvalue(result, i, 6), table->index) == 0)
			for (int j = 0; j < STATISTICS; j++)
				statistics[j] += atol(PQgetvalue(result, i, j));
	PQclear(result);
}

static void
check_all(const Table *table, int queries)
{
	for (int i = 0; i < ACTORS; i++)
		actor_check(&actors[i], table, queries / ACTORS + 1);
}

static void
run_phase(int steps)
{
	Table	   *table = &tables[phase % TABLES_KEPT];
	const Table *other;
	long		compared = query_counts.compared;
	long		used = query_counts.by_tested;
	double		begun = seconds_now();

	random_seed(seed, (uint64_t) phase << 32);
	if (table->name[0] != '\0')
		session_run(&maintenance, "DROP TABLE %s", table->name);
	table_create(table, &maintenance, phase, phase < type_count ? &types[phase] : NULL);
	evict_always = random_chance(10);
	if (method == METHOD_ZIPORA)
		for (int i = 0; i < WRITERS; i++)
			session_run(&actors[i].session, "SET zipora.fast_wal = %s",
						random_chance(70) ? "on" : "off");
	if (steps == 0)
		steps = random_between(60, 180);
	for (step = 0; step < steps; step++)
	{
		int			choice;

		random_seed(seed, ((uint64_t) phase << 32) + (uint64_t) step + 1);
		choice = random_below(100);
		if (choice < 10)
			maintenance_step(table);
		else if (choice < 70)
			actor_step(&actors[random_below(WRITERS)], table);
		else
			actor_step(&actors[WRITERS + random_below(READERS)], table);
		if (evict_always && session_is_done(&maintenance))
			evict(table);
	}
	random_seed(seed, ((uint64_t) phase << 32) + (uint64_t) step + 1);
	quiesce();
	check_all(table, 20);
	check_index(table);
	session_run(&maintenance, "VACUUM (VERBOSE, INDEX_CLEANUP ON) %s", table->name);
	check_all(table, 20);
	check_index(table);
	count_statistics(table);
	if (random_chance(50))
	{
		rebuild(table);
		check_all(table, 20);
		check_index(table);
	}
	other = &tables[random_below(TABLES_KEPT)];
	if (other->name[0] != '\0')
	{
		actor_check(&actors[WRITERS], other, 5);
		check_index(other);
	}
	printf("ok - phase %d, ", phase);
	for (int i = 0; i < table->columns; i++)
		printf("%s%s%s%s", i > 0 ? ", " : "", table->column[i].is_expression ? "lower of " : "",
			   table->column[i].type->name, table->column[i].descending ? " DESC" : "");
	printf("%s%s%s%s%s%s: %ld compared, %ld by the index, %d steps, %.1f s\n",
		   table->includes_id ? ", id" : "", table->includes_note ? ", note" : "",
		   table->partial ? ", partial" : "", table->wide ? ", wide" : "", table->few ? ", few values" : "", table->scale > 1 ? ", large" : "",
		   query_counts.compared - compared,
		   query_counts.by_tested - used, steps, seconds_now() - begun);
	fflush(stdout);
}

static int	failures;

/* Each thing that the run is to have had, once. */
static void
expect(long count, const char *what)
{
	printf("%s - %s: %ld\n", count > 0 ? "ok" : "not ok", what, count);
	failures += count <= 0;
}

static void
judge_run(void)
{
	expect(query_counts.by_tested * 100 / (query_counts.compared + 1) >= 55 ?
		   query_counts.by_tested : 0, "more than half of the queries by the index");
	expect(query_counts.by_twin, "queries by the btree on the twins");
	expect(query_counts.path[PATH_INDEX], "index scans");
	expect(query_counts.path[PATH_INDEX_ONLY], "index-only scans");
	expect(query_counts.path[PATH_BITMAP], "bitmap index scans");
	expect(query_counts.shape[SHAPE_PREPARED], "generic plans");
	expect(query_counts.shape[SHAPE_JOIN], "nested loops");
	expect(query_counts.shape[SHAPE_EXTREMES], "min, max");
	expect(query_counts.ordered, "in the index's order without a sort");
	expect(query_counts.arrays, "with = ANY");
	expect(query_counts.rows, "rows");
	expect(actor_counts.fetches, "fetches from cursors");
	if (scroll)
		expect(actor_counts.backward_fetches, "backward");
	expect(actor_counts.changes_compared, "changes whose number of rows was compared");
	expect(actor_counts.commits, "commits");
	expect(actor_counts.rollbacks, "rollbacks");
	expect(actor_counts.partial_rollbacks, "rollbacks to a savepoint");
	if (prepared_transactions > 0)
		expect(actor_counts.prepared, "prepared transactions");
	expect(vacuums, "VACUUM while others work");
	expect(session_vacuumed, "rows that VACUUM removed");
	if (method == METHOD_ZIPORA)
	{
		expect(evictions, "evictions");
		expect(limits, "changes of the memory limit");
		for (int i = 0; i < STATISTICS; i++)
			expect(statistics[i], statistic_names[i]);
	}
	expect(rebuilds, "rebuilds");
}

int
main(void)
{
	double		begun = seconds_now();
	double		seconds = atof(setting("INDEX_SECONDS", "120"));
	const char *phases = setting("INDEX_PHASE", "");
	int			steps = atoi(setting("INDEX_STEPS", "0"));
	int			last = -1;

	method_name = setting("INDEX_METHOD", "zipora");
	if (strcmp(method_name, "btree") == 0)
		method = METHOD_BTREE;
	else if (strcmp(method_name, "zipora") != 0)
		give_up("not ok 1 - INDEX_METHOD is zipora or btree");
	serial = atoi(setting("INDEX_SERIAL", "0")) != 0;
	scroll = atoi(setting("INDEX_SCROLL", "1")) != 0;
	seed = strtoull(setting("INDEX_SEED", "0"), NULL, 10);
	if (seed == 0)
		seed = (uint64_t) time(NULL) * 1000 + (uint64_t) getpid() % 1000;
	printf("# method %s, INDEX_SEED=%llu\n", method_name, (unsigned long long) seed);
	fflush(stdout);
	prepare();

	phase = 0;
	if (phases[0] != '\0')
	{
		const char *dash = strchr(phases, '-');

		phase = atoi(phases);
		last = dash != NULL ? atoi(dash + 1) : phase;
	}
	for (;; phase++)
	{
		if (last >= 0 ? phase > last : phase >= type_count && seconds_now() - begun >= seconds)
			break;
		run_phase(steps);
	}
	if (last < 0)
		judge_run();
	printf("# %ld queries compared, %ld of them by the index, with %ld rows; %ld changes; "
		   "VACUUM removed %ld rows\n", query_counts.compared, query_counts.by_tested,
		   query_counts.rows, actor_counts.statements, session_vacuumed);
	reset_memory_limit();
	for (int i = 0; i < ACTORS; i++)
		session_close(&actors[i].session);
	session_close(&maintenance);
	return failures == 0 ? 0 : 1;
}
