# A streaming standby with wal_consistency_checking: after every round of changes and VACUUM, in a
# session that lives long and in fresh ones, under load and at rest, an index answers as a
# sequential scan does; and so it does after promotion.
#
# Environment: INDEX_ROUNDS (12), INDEX_METHOD.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{INDEX_ROUNDS} || 12;
my $seed = $ENV{INDEX_SEED} || time;
srand($seed);
note("INDEX_SEED=$seed");

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', qq{
wal_consistency_checking = '@{[ $is_zipora ? 'generic' : 'btree' ]}'
autovacuum = off
log_statement = none
max_wal_size = 256MB
});
$primary->start;
install_helpers($primary);
my $class = text_class();
$primary->safe_psql('postgres', qq{
	CREATE TABLE t (id int, k text, n int DEFAULT 0) WITH (fillfactor = 70);
	CREATE INDEX t_k ON t USING $method (k $class);
	CREATE INDEX t_id ON t USING $method (id DESC, n) INCLUDE (k);
	CREATE INDEX t_some ON t USING $method (lower(k) $class) WHERE id % 3 = 0;
	CREATE SEQUENCE ids;

	CREATE FUNCTION random_key() RETURNS text LANGUAGE sql VOLATILE AS \$\$
		SELECT CASE (random() * 4)::int
			WHEN 0 THEN 'k' || (random() * 50)::int
			WHEN 1 THEN '/usr/share/doc/' || (random() * 100000)::int
			WHEN 2 THEN repeat('a', (random() * 100)::int)
			WHEN 3 THEN repeat(md5(random()::text), (random() * 20)::int)
			ELSE md5(random()::text) END \$\$;

	-- Changes in transactions of a few rows each, one in five rolled back.
	CREATE PROCEDURE work(times int) LANGUAGE plpgsql AS \$\$
	BEGIN
		FOR i IN 1 .. times LOOP
			INSERT INTO t (id, k) SELECT nextval('ids'), random_key()
				FROM generate_series(1, 1 + (random() * 10)::int);
			UPDATE t SET k = random_key() WHERE id = (random() * currval('ids'))::int;
			UPDATE t SET n = n + 1 WHERE id = (random() * currval('ids'))::int;
			DELETE FROM t WHERE id = (random() * currval('ids'))::int;
			IF random() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
		END LOOP;
	END \$\$;
	INSERT INTO t (id, k) SELECT nextval('ids'), random_key() FROM generate_series(1, 500);
});
$primary->backup('backup');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
hot_standby_feedback = on
wal_receiver_status_interval = 1s
max_standby_streaming_delay = 60s
});
$standby->start;

# Index-only scans are for the primary only.
sub comparisons
{
	my ($also) = @_;

	return qq{
SELECT compare('t_k', 'SELECT k, ctid FROM t ORDER BY k USING ~<~', false, 'i');
SELECT compare('t_k', 'SELECT k FROM t ORDER BY k USING ~>~', true, 'i$also');
SELECT compare('t_k', format('SELECT * FROM t WHERE k = %L', k), false, 'ib')
FROM (SELECT k FROM t ORDER BY md5(k) LIMIT 30) AS picked;
SELECT compare('t_k', 'SELECT * FROM t WHERE k ~>=~ ''b'' AND k ~<~ ''f''', false, 'ib');
SELECT compare('t_id', 'SELECT id, k, n FROM t WHERE id > 100 ORDER BY id DESC', true, 'i$also');
SELECT compare('t_id', format('SELECT * FROM t WHERE id = %s', id), false, 'ib')
FROM (SELECT id FROM t ORDER BY md5(k) LIMIT 30) AS picked;
SELECT compare('t_some', 'SELECT * FROM t WHERE lower(k) ~>=~ ''a'' AND id % 3 = 0', false, 'ib')
};
}

sub compare_in_session
{
	my ($session, $statements, $name) = @_;

	$session->{stderr} = '';
	$session->query("BEGIN ISOLATION LEVEL REPEATABLE READ; $statements; COMMIT");
	is($session->{stderr}, '', $name);
	$session->{stderr} = '';
}

my $long_lived = $standby->background_psql('postgres', on_error_stop => 0);
my $holder = $standby->background_psql('postgres', on_error_stop => 0);
my ($held, $expected) = (0);

foreach my $round (1 .. $rounds)
{
	# A snapshot on the standby is held over a round, and its answers must stay as they were.
	if ($round % 3 == 1)
	{
		# Nothing is fetched yet: a scan pins a page of the table, and redo would wait for that.
		$expected = $holder->query_safe(q{
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SET LOCAL enable_indexscan = off;
			SELECT k, ctid FROM t ORDER BY k USING ~<~, ctid});
		$holder->query_safe(q{
			SET LOCAL enable_indexscan = on;
			SET LOCAL enable_seqscan = off;
			SET LOCAL enable_sort = off;
			DECLARE found CURSOR FOR SELECT k, ctid FROM t ORDER BY k USING ~<~});
		$primary->poll_query_until('postgres',
			'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication') or die 'no feedback';
		$held = 1;
	}

	my $load = $primary->background_psql('postgres');
	$load->query_until(qr/begun/, "\\echo begun\nCALL work(@{[ 100 + int(rand(200)) ]});\n");
	foreach my $time (1 .. 3)
	{
		compare_in_session($long_lived, comparisons(''), "round $round: under load, $time");
		compare_ok($standby, comparisons(''), "round $round: under load, fresh session, $time");
	}
	$load->query_safe('SELECT 1');
	$load->quit;

	my @upkeep = (
		'DELETE FROM t WHERE id % 4 = 0; VACUUM (INDEX_CLEANUP ON) t',
		'DELETE FROM t WHERE id < (SELECT max(id) - 500 FROM t); VACUUM (INDEX_CLEANUP ON) t',
		'REINDEX INDEX CONCURRENTLY t_k',
		'VACUUM FULL t',
		q{BEGIN; TRUNCATE t; INSERT INTO t (id, k) SELECT nextval('ids'), random_key() FROM generate_series(1, 500); COMMIT},
		'BEGIN; TRUNCATE t; ROLLBACK',
		'VACUUM (INDEX_CLEANUP ON, FREEZE) t');
	my $what = $upkeep[ $round <= @upkeep ? $round - 1 : rand(@upkeep) ];
	# Changes of the table's storage would wait for who looks at it.
	if ($held && $what =~ /VACUUM FULL|TRUNCATE|REINDEX/)
	{
		$holder->query('ROLLBACK');
		$held = 0;
	}
	$primary->safe_psql('postgres', "ALTER TABLE t SET (vacuum_truncate = @{[ $held ? 'off' : 'on' ]})");
	$primary->safe_psql('postgres', $_) foreach split /; (?=VACUUM)/, $what;
	if ($held && $round % 3 == 2)
	{
		# It sees what it saw when it was opened.
		my $found = $holder->query_safe('FETCH ALL FROM found');
		is(join("\n", sort split /\n/, $found), join("\n", sort split /\n/, $expected),
			"round $round: a snapshot that was held answers as before");
		$holder->query('ROLLBACK');
		$held = 0;
	}
	$standby->safe_psql('postgres', q{SELECT zipora_evict('t_k')}) if $is_zipora && $round % 4 == 0;

	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	compare_in_session($long_lived, comparisons(''), "round $round, $what: long-lived session");
	compare_ok($standby, comparisons(''), "round $round: fresh session");
	compare_ok($primary, comparisons('o'), "round $round: primary");
	ok(check_index($standby, $_), "round $round: $_ is sound on the standby") foreach qw(t_k t_id t_some);
	is($standby->safe_psql('postgres', 'SELECT md5(string_agg(t::text, E\'\n\' ORDER BY t::text)) FROM t'),
		$primary->safe_psql('postgres', 'SELECT md5(string_agg(t::text, E\'\n\' ORDER BY t::text)) FROM t'),
		"round $round: the same rows on both");
}

# A scan in the middle, while what it has not reached yet is removed, and the log of the index is
# written anew.  The rows that it has read are on a page that does not change.  The table keeps its
# length: to cut it off, redo would end the sessions that have locked it.
$primary->safe_psql('postgres', qq{
	CREATE TABLE c (k text) WITH (vacuum_truncate = off);
	INSERT INTO c SELECT 'k' || lpad(i::text, 6, '0') FROM generate_series(1, 20000) AS i;
	CREATE INDEX c_k ON c USING $method (k $class);
	DELETE FROM c WHERE k > 'k001000' AND right(k, 1) <> '7';
});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
foreach my $evict (0 .. $is_zipora)
{
	$holder->query_safe(q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		DECLARE c CURSOR FOR SELECT k FROM c ORDER BY k USING ~<~});
	my @found = split /\n/, $holder->query_safe('FETCH 50 FROM c');
	$primary->poll_query_until('postgres',
		'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication') or die 'no feedback';
	$primary->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) c');
	# Entries that this snapshot must not see, where there were others.
	$primary->safe_psql('postgres', q{
		INSERT INTO c SELECT 'k' || lpad(i::text, 6, '0') FROM generate_series(1, 20000) AS i WHERE i % 10 = 3});
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	$standby->safe_psql('postgres', q{SELECT zipora_evict('c_k')}) if $evict;
	push @found, split /\n/, $holder->query_safe('FETCH ALL FROM c');
	$holder->query_safe('COMMIT');
	my @rows = map { sprintf('k%06d', $_) } grep { $_ <= 1000 || $_ % 10 == 7 } 1 .. 20000;
	is("@found", "@rows", 'a scan in the middle of what VACUUM removes' . ($evict ? ', without its image' : ''));
	$primary->safe_psql('postgres', q{DELETE FROM c WHERE right(k, 1) = '3' AND k > 'k001000'});
	$primary->safe_psql('postgres',
		q{DELETE FROM c WHERE ctid IN (SELECT max(ctid) FROM c GROUP BY k HAVING count(*) > 1)});
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
}
compare_ok($standby, q{SELECT compare('c_k', 'SELECT k, ctid FROM c ORDER BY k USING ~<~', false, 'i')},
	'a fresh one');
$holder->quit;

unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'every page is replayed as it was');
like(slurp_file($primary->logfile) . $primary->safe_psql('postgres', 'SHOW wal_consistency_checking'),
	qr/generic|btree/, 'which was looked at');

# The standby takes over; its sessions stay.
my $images = $is_zipora ? 'SELECT zipora_prewarm(\'t_k\')' : 'SELECT 1';
$standby->safe_psql('postgres', $images);
$primary->stop('immediate');
$standby->promote;
compare_in_session($long_lived, comparisons('o'), 'after promotion: long-lived session');
compare_ok($standby, comparisons('o'), 'after promotion: fresh session');
$long_lived->query_safe('CALL work(200)');
compare_in_session($long_lived, comparisons('o'), 'after promotion and changes: long-lived session');
$standby->safe_psql('postgres', 'DELETE FROM t WHERE id % 3 = 0');
$standby->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) t');
compare_in_session($long_lived, comparisons('o'), 'after promotion and VACUUM: long-lived session');
compare_ok($standby, comparisons('o'), 'after promotion and VACUUM: fresh session');
ok(check_index($standby, $_), "after promotion $_ is sound") foreach qw(t_k t_id t_some);
$long_lived->quit;

$standby->stop;
done_testing();
