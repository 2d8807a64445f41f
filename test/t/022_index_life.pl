# The whole life of an index: built and rebuilt while others write, rolled back, moved, copied with its
# database, truncated, of temporary and partitioned tables, behind constraints, dumped and restored.
# After each event it is sound, and answers as a sequential scan does.
#
# Environment: INDEX_METHOD.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('life');
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nmax_prepared_transactions = 5");
$node->start;
install_helpers($node);
my $class = text_class();

$node->safe_psql('postgres', q{
	CREATE FUNCTION key(i int) RETURNS text IMMUTABLE LANGUAGE sql AS
		$$ SELECT CASE WHEN i % 50 = 0 THEN NULL ELSE md5((i % 700)::text) END $$});

# Sound, and right: two tests.
sub good_ok
{
	my ($index, $what, %options) = @_;
	my $table = $options{table} // 't';
	my $database = $options{database} // 'postgres';

	ok(check_index($node, $index, $database), "$what: it is sound");
	my ($rc, $out, $err) = $node->psql($database, qq{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT compare('$index', 'SELECT k, ctid FROM $table ORDER BY k USING ~<~', false, 'i');
		SELECT compare('$index', 'SELECT k FROM $table ORDER BY k USING ~>~ NULLS FIRST', true, 'io');
		SELECT compare('$index', format('SELECT ctid, * FROM $table WHERE k = %L', key(i)), false, 'ib')
		FROM generate_series(1, 30) AS i WHERE i % 50 <> 0;
		SELECT compare('$index', 'SELECT ctid, * FROM $table WHERE k IS NULL', false, 'ib');
		COMMIT});
	is($err, '', "$what: it is right");
}

sub new_table
{
	my ($rows) = @_;

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS t;
		CREATE TABLE t (id int, k text);
		INSERT INTO t SELECT i, key(i) FROM generate_series(1, @{[ $rows // 2000 ]}) AS i});
}

# ---- built and rebuilt while others write -------------------------------------------

new_table();
$node->safe_psql('postgres', q{
	CREATE PROCEDURE work(worker int) LANGUAGE plpgsql AS $$
	DECLARE
		i int := 100000 * worker;
	BEGIN
		WHILE NOT EXISTS (SELECT FROM stop) LOOP
			i := i + 1;
			INSERT INTO t VALUES (i, key(i));
			COMMIT;
			UPDATE t SET k = key(i + 3) WHERE id = i - 5;
			DELETE FROM t WHERE id = i - 20;
			IF i % 5 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
		END LOOP;
	END $$;
	CREATE TABLE stop (i int)});
my @writers = map { $node->background_psql('postgres') } 1 .. 2;
$writers[$_]->query_until(qr/begun/, "\\echo begun\nCALL work(@{[ $_ + 1 ]});\n") foreach 0, 1;
foreach my $round (1 .. 3)
{
	$node->safe_psql('postgres', "CREATE INDEX CONCURRENTLY t_k ON t USING $method (k $class)");
	is($node->safe_psql('postgres', q{SELECT indisvalid FROM pg_index WHERE indexrelid = 't_k'::regclass}), 't',
		'CREATE INDEX CONCURRENTLY while others write: it is valid');
	good_ok('t_k', 'CREATE INDEX CONCURRENTLY while others write');
	$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY t_k');
	good_ok('t_k', 'REINDEX CONCURRENTLY while others write');
	$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
	good_ok('t_k', 'VACUUM while others write');
	$node->safe_psql('postgres', 'REINDEX INDEX t_k');
	good_ok('t_k', 'REINDEX while others write');
	$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY t_k');
	$node->safe_psql('postgres', "CREATE INDEX t_k ON t USING $method (k $class)");
	good_ok('t_k', 'CREATE INDEX while others write');
	$node->safe_psql('postgres', 'DROP INDEX t_k') if $round < 3;
}
$node->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
$_->quit foreach @writers;
good_ok('t_k', 'the writers have ended');

# A failed CREATE INDEX CONCURRENTLY leaves an index that is not valid, and can be rebuilt or dropped.
# (Division by zero in its second row.)
$node->psql('postgres', "CREATE INDEX CONCURRENTLY t_bad ON t USING $method ((1 / (id % 100000 - 1)))");
is($node->safe_psql('postgres', q{SELECT indisvalid FROM pg_index WHERE indexrelid = 't_bad'::regclass}), 'f',
	'a failed CREATE INDEX CONCURRENTLY');
$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY t_bad');

# ---- rolled back ---------------------------------------------------------------------

new_table();
$node->safe_psql('postgres', "BEGIN; CREATE INDEX t_k ON t USING $method (k $class); INSERT INTO t VALUES (0, 'x'); ROLLBACK");
is($node->safe_psql('postgres', q{SELECT to_regclass('t_k') IS NULL}), 't', 'CREATE INDEX was rolled back');
$node->safe_psql('postgres', "CREATE INDEX t_k ON t USING $method (k $class)");
good_ok('t_k', 'created again');
foreach my $undone ('DROP INDEX t_k', 'DROP TABLE t', 'TRUNCATE t', 'REINDEX INDEX t_k',
	"TRUNCATE t; INSERT INTO t SELECT i, key(i) FROM generate_series(1, 100) i",
	'DELETE FROM t', "INSERT INTO t SELECT i, key(i) FROM generate_series(1, 5000) i",
	'ALTER TABLE t ALTER k TYPE varchar', 'ALTER TABLE t SET UNLOGGED',
	"SAVEPOINT a; TRUNCATE t; SAVEPOINT b; INSERT INTO t VALUES (1, 'x'); ROLLBACK TO a; INSERT INTO t VALUES (2, 'y')")
{
	$node->safe_psql('postgres', "BEGIN; $undone; ROLLBACK");
	good_ok('t_k', "$undone, rolled back");
}
$node->safe_psql('postgres', q{
	BEGIN; INSERT INTO t SELECT i, key(i) FROM generate_series(1, 500) i; SAVEPOINT a;
	DELETE FROM t WHERE id % 2 = 0; ROLLBACK TO a; DELETE FROM t WHERE id % 3 = 0; COMMIT});
good_ok('t_k', 'a part was rolled back');
$node->safe_psql('postgres', q{
	BEGIN; INSERT INTO t SELECT i, key(i) FROM generate_series(1, 500) i; PREPARE TRANSACTION 'one'});
good_ok('t_k', 'with a prepared transaction');
$node->restart;
good_ok('t_k', 'and after a restart');
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
good_ok('t_k', 'and after its commit');

# ---- the same file begins anew -------------------------------------------------------

$node->safe_psql('postgres', qq{
	BEGIN;
	CREATE TABLE n (id int, k text);
	CREATE INDEX n_k ON n USING $method (k $class);
	INSERT INTO n SELECT i, key(i) FROM generate_series(1, 3000) AS i;
	SELECT count(*) FROM n WHERE k = key(1);
	TRUNCATE n;
	INSERT INTO n SELECT i, key(i + 1) FROM generate_series(1, 1000) AS i;
	SELECT count(*) FROM n WHERE k = key(1);
	COMMIT});
good_ok('n_k', 'TRUNCATE in the transaction that made the table', table => 'n');
$node->safe_psql('postgres', 'TRUNCATE n');
good_ok('n_k', 'TRUNCATE', table => 'n');

my $session = $node->background_psql('postgres', on_error_stop => 0);
my $other = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(qq{
	CREATE TEMP TABLE temporary (k text) ON COMMIT DELETE ROWS;
	CREATE INDEX ON temporary USING $method (k $class);
	SET enable_seqscan = off});
$other->query_safe(qq{
	CREATE TEMP TABLE temporary (k text);
	CREATE INDEX ON temporary USING $method (k $class);
	SET enable_seqscan = off;
	INSERT INTO temporary SELECT key(i) FROM generate_series(1, 1000) AS i});
foreach my $round (1 .. 3)
{
	like($session->query_safe(q{
			BEGIN;
			INSERT INTO temporary SELECT key(i) FROM generate_series(1, 1400) AS i;
			SELECT count(*) FROM temporary WHERE k = key(1);
			COMMIT;
			SELECT count(*) FROM temporary WHERE k = key(1)}),
		qr/^2\n0$/m, "ON COMMIT DELETE ROWS, $round");
	is($other->query_safe(q{SELECT count(*) FROM temporary WHERE k = key(1)}), 2, 'another one of that name');
	$other->query_safe(q{DELETE FROM temporary WHERE k = key(2); INSERT INTO temporary VALUES (key(2))});
	is($other->query_safe(q{SELECT count(*) FROM temporary WHERE k = key(2)}), 1, 'and it changes');
}
$session->quit;
$other->quit;

# ---- moved, rewritten ------------------------------------------------------------------

my $folder = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', "CREATE TABLESPACE place LOCATION '$folder'");
new_table();
$node->safe_psql('postgres', "CREATE INDEX t_k ON t USING $method (k $class)");
foreach my $event ('ALTER INDEX t_k SET TABLESPACE place', 'ALTER INDEX t_k SET TABLESPACE pg_default',
	'ALTER TABLE t SET TABLESPACE place', 'VACUUM FULL t', 'ALTER TABLE t SET UNLOGGED',
	'ALTER TABLE t SET LOGGED', 'ALTER TABLE t ALTER k TYPE varchar', 'ALTER TABLE t ALTER k TYPE text',
	'ALTER TABLE t ADD c int DEFAULT random() * 10', 'ALTER TABLE t DROP COLUMN id',
	'ALTER TABLE t ADD id int', 'CLUSTER t USING t_k', 'ALTER INDEX t_k RENAME TO t_k2',
	'ALTER INDEX t_k2 RENAME TO t_k', 'ALTER INDEX t_k SET (fillfactor = 50)', 'REINDEX TABLE t',
	'ALTER TABLE t RENAME TO t2', 'ALTER TABLE t2 RENAME TO t', 'CREATE SCHEMA s',
	'ALTER TABLE t SET SCHEMA s', 'ALTER TABLE s.t SET SCHEMA public')
{
	# By the index before and after.
	$node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM t WHERE k = key(1)})
	  unless $event =~ /s\.t|t2 /;
	my ($rc, $out, $err) = $node->psql('postgres', $event);
	is($err, '', $event);
	next if $event =~ /RENAME TO t2|RENAME TO t_k2|SCHEMA s$/;
	good_ok('t_k', $event);
	$node->safe_psql('postgres', q{INSERT INTO t (k) SELECT key(i) FROM generate_series(1, 300) AS i; DELETE FROM t WHERE k = key(17)});
	good_ok('t_k', "$event, and changes");
}

# ---- databases ---------------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE one');
install_helpers($node, 'one');
$node->safe_psql('one', qq{
	CREATE FUNCTION key(i int) RETURNS text IMMUTABLE LANGUAGE sql AS
		\$\$ SELECT CASE WHEN i % 50 = 0 THEN NULL ELSE md5((i % 700)::text) END \$\$;
	CREATE TABLE t (id int, k text);
	INSERT INTO t SELECT i, key(i) FROM generate_series(1, 2000) AS i;
	CREATE INDEX t_k ON t USING $method (k $class);
	INSERT INTO t SELECT i, key(i) FROM generate_series(2000, 3000) AS i});
good_ok('t_k', 'another database', database => 'one');
foreach my $strategy ('wal_log', 'file_copy')
{
	$node->safe_psql('postgres', "CREATE DATABASE two TEMPLATE one STRATEGY $strategy");
	good_ok('t_k', "a copy ($strategy)", database => 'two');
	$node->safe_psql('two', q{DELETE FROM t WHERE id % 2 = 0});
	$node->safe_psql('two', q{VACUUM (INDEX_CLEANUP ON) t});
	$node->safe_psql('one', q{INSERT INTO t SELECT i, key(i + 7) FROM generate_series(1, 500) AS i});
	good_ok('t_k', "the copy, changed ($strategy)", database => 'two');
	good_ok('t_k', "the original, changed ($strategy)", database => 'one');
	$node->safe_psql('postgres', 'DROP DATABASE two');
}
$node->safe_psql('postgres', 'ALTER DATABASE one SET TABLESPACE place');
good_ok('t_k', 'a database in another tablespace', database => 'one');
$node->safe_psql('postgres', 'DROP DATABASE one');

# ---- partitions and inheritance -----------------------------------------------------------

$node->safe_psql('postgres', qq{
	CREATE TABLE p (id int, k text) PARTITION BY RANGE (id);
	CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
	CREATE INDEX p_k ON p USING $method (k $class);
	CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (2000);
	CREATE TABLE p3 (id int, k text);
	INSERT INTO p3 SELECT i, key(i) FROM generate_series(2000, 2999) AS i;
	ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (2000) TO (3000);
	INSERT INTO p SELECT i, key(i) FROM generate_series(0, 1999) AS i;
	UPDATE p SET id = id + 1000 WHERE id < 100});
good_ok("p${_}_k_idx", "partition $_", table => "p$_") foreach 1 .. 3;
compare_ok($node, q{
	SELECT compare('p\d_k_idx', 'SELECT tableoid, ctid, * FROM p WHERE k = key(7)', false, 'ib');
	SELECT compare('p\d_k_idx', 'SELECT k FROM p ORDER BY k USING ~<~', true, 'io');
	SELECT compare('p\d_k_idx', 'SELECT k FROM p ORDER BY k USING ~>~ LIMIT 10', true, 'io')},
	'all partitions, in order too');
$node->safe_psql('postgres', 'ALTER TABLE p DETACH PARTITION p2; DROP TABLE p1');
good_ok('p2_k_idx', 'a detached partition', table => 'p2');

# ---- constraints ---------------------------------------------------------------------------

$node->safe_psql('postgres', "CREATE TABLE e (id int PRIMARY KEY, k text, EXCLUDE USING $method (k $class WITH =))");
$node->safe_psql('postgres', q{INSERT INTO e SELECT i, 'k' || i FROM generate_series(1, 1000) AS i});
my ($rc, $out, $err) = $node->psql('postgres', q{INSERT INTO e VALUES (1001, 'k500')});
like($err, qr/conflicting key value violates exclusion constraint/, 'EXCLUDE: a conflict');
is($node->safe_psql('postgres', q{
		INSERT INTO e SELECT i + 50000, 'k' || i FROM generate_series(990, 1010) AS i
		ON CONFLICT DO NOTHING RETURNING 1}) =~ tr/1//, 10, 'ON CONFLICT DO NOTHING: only the new ones');
is($node->safe_psql('postgres', q{
		INSERT INTO e VALUES (1, 'other') ON CONFLICT DO NOTHING RETURNING 1}), '', 'a conflict of the primary key');
$node->safe_psql('postgres', q{INSERT INTO e VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET k = 'k1 again'});
is($node->safe_psql('postgres', q{SELECT k FROM e WHERE id = 1}), 'k1 again', 'ON CONFLICT DO UPDATE by another index');
$node->safe_psql('postgres', q{DELETE FROM e WHERE k = 'k500'; INSERT INTO e VALUES (6000, 'k500')});
$node->safe_psql('postgres', q{UPDATE e SET k = 'moved' WHERE k = 'k501'; INSERT INTO e VALUES (6001, 'k501')});
($rc, $out, $err) = $node->psql('postgres', q{UPDATE e SET k = 'k2' WHERE k = 'k3'});
like($err, qr/conflicting key value violates exclusion constraint/, 'EXCLUDE: an UPDATE conflicts');
$node->safe_psql('postgres', q{INSERT INTO e VALUES (7000, NULL), (7001, NULL)});
$node->safe_psql('postgres', q{VACUUM (INDEX_CLEANUP ON) e});
($rc, $out, $err) = $node->psql('postgres', q{INSERT INTO e VALUES (6002, 'k501')});
like($err, qr/conflicting key value violates exclusion constraint/, 'EXCLUDE: after VACUUM');

# One who conflicts with what is not committed yet waits for it.
my ($first, $second) = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
foreach my $end ('COMMIT', 'ROLLBACK')
{
	$first->query_safe("BEGIN; INSERT INTO e VALUES (8000, 'waited for $end')");
	$second->query_until(qr/begun/, "\\echo begun\nINSERT INTO e VALUES (8001, 'waited for $end');\n");
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO e%'})
	  or die 'it does not wait';
	$first->query_safe($end);
	$second->query('SELECT 1');
	if ($end eq 'COMMIT')
	{
		like($second->{stderr}, qr/violates exclusion constraint/, 'a conflict with what was committed meanwhile');
	}
	else
	{
		is($second->{stderr}, '', 'no conflict with what was rolled back');
	}
	$second->{stderr} = '';
	$first->query_safe('DELETE FROM e WHERE id >= 8000');
}
$_->quit foreach $first, $second;
$node->safe_psql('postgres', qq{
	CREATE TABLE d (k int, EXCLUDE USING $method (k WITH =) DEFERRABLE INITIALLY DEFERRED);
	INSERT INTO d SELECT generate_series(1, 100);
	UPDATE d SET k = k + 1});
is($node->safe_psql('postgres', 'SELECT sum(k) FROM d'), '5150', 'a deferred constraint is looked at in the end');
($rc, $out, $err) = $node->psql('postgres', 'BEGIN; INSERT INTO d VALUES (2); SELECT 1; COMMIT');
like($err, qr/violates exclusion constraint/, 'and is violated in the end');

# Many at once: each key is there once.
$node->safe_psql('postgres', "CREATE TABLE once (k int, EXCLUDE USING $method (k WITH =))");
PostgreSQL::Test::Utils::append_to_file($node->basedir . '/once.sql',
	"\\set k random(1, 300)\nINSERT INTO once VALUES (:k) ON CONFLICT DO NOTHING;\n");
$node->command_ok([ 'pgbench', '-n', '-c', '4', '-t', '500', '-f', $node->basedir . '/once.sql', $node->connstr('postgres') ],
	'ON CONFLICT DO NOTHING from four sessions at once');
is($node->safe_psql('postgres', 'SELECT count(*) > 200 AND count(*) = count(DISTINCT k) FROM once'), 't',
	'each key is there once');

if ($is_zipora)
{
	($rc, $out, $err) = $node->psql('postgres', 'CREATE UNIQUE INDEX ON t USING zipora (k)');
	like($err, qr/does not support unique indexes/, 'no unique indexes');
}

# ---- prepared statements, plans -------------------------------------------------------------

new_table();
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{
	SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;
	PREPARE one (text) AS SELECT count(*) FROM t WHERE k = $1;
	PREPARE null_first AS SELECT k IS NULL FROM t ORDER BY k USING ~<~ NULLS FIRST LIMIT 1});
my $count = $session->query_safe('EXECUTE one(key(5))');
foreach my $event ("CREATE INDEX t_k ON t USING $method (k $class)", 'REINDEX INDEX t_k', 'VACUUM FULL t',
	'REINDEX INDEX CONCURRENTLY t_k', 'TRUNCATE t; INSERT INTO t SELECT i, key(i) FROM generate_series(1, 2000) AS i',
	'DROP INDEX t_k')
{
	$node->safe_psql('postgres', $event);
	is($session->query_safe('EXECUTE one(key(5))'), $count, "a prepared statement after $event");
	is($session->query_safe('EXECUTE null_first'), 't', 'and another');
	is($session->query_safe('EXECUTE one(NULL)'), 0, 'with NULL');
}
$session->quit;

# ---- dropped ----------------------------------------------------------------------------------

if ($is_zipora)
{
	new_table(200000);
	$node->safe_psql('postgres', 'CREATE INDEX t_k ON t USING zipora (k)');
	my $user = $node->background_psql('postgres');
	my $before = $user->query_safe('SELECT used_bytes FROM zipora_memory');
	$user->query_safe(q{SELECT zipora_prewarm('t_k')});
	cmp_ok($user->query_safe('SELECT used_bytes FROM zipora_memory'), '>', $before + 4000000, 'an image takes memory');
	$node->safe_psql('postgres', 'DROP TABLE t');
	# Who has used it drops the image at the end of a transaction.
	$user->query_safe('SELECT 1');
	cmp_ok($user->query_safe('SELECT used_bytes FROM zipora_memory'), '<', $before + 1000000,
		'the memory of a dropped index is given back');
	$user->quit;
}

# ---- dump and restore ---------------------------------------------------------------------------

new_table();
$node->safe_psql('postgres', "CREATE INDEX t_k ON t USING $method (k $class) INCLUDE (id) WITH (fillfactor = 80)");
$node->command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/dump', '-d', $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $node->basedir . '/dump' ],
	'pg_restore');
good_ok('t_k', 'restored', database => 'restored');
like($node->safe_psql('restored', q{SELECT pg_get_indexdef('t_k'::regclass)}), qr/INCLUDE \(id\) WITH \(fillfactor='80'\)/,
	'with its options');
is($node->safe_psql('restored', q{SELECT count(*) FROM pg_constraint WHERE contype = 'x'}), 3, 'and the constraints');

# ---- rights by row ---------------------------------------------------------------------------------

$node->safe_psql('postgres', q{
	CREATE ROLE reader;
	GRANT SELECT ON t TO reader;
	ALTER TABLE t ENABLE ROW LEVEL SECURITY;
	CREATE POLICY even ON t TO reader USING (id % 2 = 0)});
is($node->safe_psql('postgres', q{
		SET ROLE reader; SET enable_seqscan = off;
		SELECT count(*) FROM t WHERE k = key(1);
		SELECT count(*) FROM t WHERE k = key(2)}),
	$node->safe_psql('postgres', q{
		SELECT count(*) FROM t WHERE id % 2 = 0 AND k = key(1);
		SELECT count(*) FROM t WHERE id % 2 = 0 AND k = key(2)}),
	'row level security');

$node->stop;
done_testing();
