# Too little memory for an index's image: a limit below it, 64 MB of /dev/shm as containers have it, no slot
# for a segment.  No statement fails, answers are right, and a view says why they are slower; when there is memory
# again, the image comes back.  Besides: cancel, terminate and timeouts while an image is loaded.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

if (!$is_zipora)
{
	plan skip_all => 'other methods have no image';
}

# Runs a command where /dev/shm has 64 MB.
my @small = ('unshare', '--user', '--map-current-user', '--mount', '--keep-caps', 'perl', '-e', q{
	my ($what, $where, $options) = ('tmpfs', '/dev/shm', 'size=64m');
	my %mount = (x86_64 => 165, aarch64 => 40);
	chomp(my $machine = `uname -m`);
	syscall($mount{$machine}, $what, $where, $what, 0, $options) == 0 or die "mount: $!";
	exec @ARGV or die "exec: $!";
});

my $comparisons = q{
SELECT compare('t_k', 'SELECT k FROM t ORDER BY k USING ~<~ LIMIT 2000', true, 'io');
SELECT compare('t_k', format('SELECT ctid, * FROM t WHERE k = %L', key(i)), false, 'ib')
FROM generate_series(1, 10) AS i;
SELECT compare('t_k', 'SELECT ctid, * FROM t WHERE k ~>=~ ''/b'' AND k ~<~ ''/b3''', false, 'ib');
SELECT compare('t_k', 'SELECT count(*) FROM t WHERE k ^@ ''/c''', false, 'ib')};

sub state_of
{
	my ($node, $index) = @_;

	return $node->safe_psql('postgres', "SELECT state FROM zipora_index_stats WHERE index = '$index'::regclass");
}

# Changes of all kinds, with comparisons between; no error anywhere.
sub work_ok
{
	my ($node, $what) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', q{
		INSERT INTO t SELECT i, key(i + 7) FROM generate_series(1, 2000) AS i;
		DELETE FROM t WHERE i % 10 = 3;
		UPDATE t SET k = key(i + 1) WHERE i % 100 = 5;
		VACUUM (INDEX_CLEANUP ON) t});
	is($err, '', "$what: changes");
	compare_ok($node, $comparisons, "$what: answers");
	ok(check_index($node, 't_k'), "$what: it is sound");
	($rc, $out, $err) = $node->psql('postgres', q{
		SET client_min_messages = error;
		REINDEX INDEX t_k;
		DROP INDEX IF EXISTS t_k2;
		CREATE INDEX t_k2 ON t USING zipora (i, k);
		DROP INDEX t_k2;
		SELECT zipora_prewarm('t_k');
		ALTER TABLE t ADD EXCLUDE USING zipora (u WITH =);
		INSERT INTO t (i, u) VALUES (0, -1) ON CONFLICT DO NOTHING;
		ALTER TABLE t DROP CONSTRAINT t_u_excl});
	is($err, '', "$what: rebuilding, EXCLUDE");
	compare_ok($node, $comparisons, "$what: answers after that");
}

my $table = q{
	CREATE FUNCTION key(i bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
		$$ SELECT '/' || md5(i::text) || repeat(md5((i % 100)::text), 3) $$;
	CREATE TABLE t (i bigint, k text, u serial);
	INSERT INTO t SELECT i, key(i) FROM generate_series(1, ROWS) AS i;
	CREATE INDEX t_k ON t USING zipora (k)};

# ---- a limit --------------------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('limit');
$node->init;
$node->append_conf('postgresql.conf', "log_statement = none\nzipora.memory_limit = 4MB");
$node->start;
install_helpers($node);
$node->safe_psql('postgres', $table =~ s/ROWS/100000/r);
work_ok($node, 'a limit of 4 MB');
isnt(state_of($node, 't_k'), 'ready', 'a limit of 4 MB: there is no image');
my $reason = $node->safe_psql('postgres', q{SELECT reason FROM zipora_index_stats WHERE index = 't_k'::regclass});
like($reason, qr/memory/, "and the view says why: $reason");
cmp_ok($node->safe_psql('postgres', 'SELECT reserved_bytes FROM zipora_memory'), '<=', 4 * 1024 * 1024,
	'the limit holds');

# Each of two images fits, both together do not: the one that is used is there.
$node->append_conf('postgresql.conf', 'zipora.memory_limit = 64MB');
$node->reload;
$node->safe_psql('postgres', q{
	CREATE TABLE t2 (k text);
	INSERT INTO t2 SELECT key(i) FROM generate_series(1, 100000) AS i;
	CREATE INDEX t2_k ON t2 USING zipora (k);
	SELECT zipora_prewarm('t_k')});
ok(wait_until(sub {
	$node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM t WHERE k = key(1)});
	return state_of($node, 't_k') eq 'ready' }, 20), 'with a limit of 64 MB the image comes back');
my $one = $node->safe_psql('postgres', q{SELECT reserved_bytes FROM zipora_index_stats WHERE index = 't_k'::regclass});
my $limit = int($one * 1.5 / 1024);
$node->append_conf('postgresql.conf', "zipora.memory_limit = ${limit}kB");
$node->reload;
foreach my $round (1 .. 3)
{
	foreach my $name ('t', 't2')
	{
		# What was used within two seconds stays.
		ok(wait_until(sub {
			$node->safe_psql('postgres',
				"SET enable_seqscan = off; SELECT count(*) FROM $name WHERE k = key(1)") == 1 or return 0;
			return state_of($node, "${name}_k") eq 'ready' }, 30), "$name takes the place of the other one, $round");
		is($node->safe_psql('postgres', qq{
				SELECT count(*) FROM zipora_index_stats WHERE state = 'ready'}), 1, 'which is gone');
	}
}
cmp_ok($node->safe_psql('postgres', 'SELECT sum(evictions) FROM zipora_index_stats'), '>', 2, 'evictions are counted');
compare_ok($node, $comparisons, 'answers are right');

# ---- interrupted while the image is loaded -----------------------------------------------

$node->append_conf('postgresql.conf', 'zipora.memory_limit = 0');
$node->reload;
$node->safe_psql('postgres', q{
	INSERT INTO t2 SELECT key(i) FROM generate_series(100001, 600000) AS i;
	REINDEX TABLE t2; ANALYZE t2});
my $interrupted = 0;
foreach my $round (1 .. 12)
{
	$node->safe_psql('postgres', q{SELECT zipora_evict('t2_k')});
	my $milliseconds = 3 + 5 * $round;
	my ($rc, $out, $err) = $node->psql('postgres', qq{
		SET statement_timeout = ${milliseconds}; SET enable_seqscan = off;
		SELECT count(*) FROM t2 WHERE k = key(17)});
	$interrupted++ if $err =~ /statement timeout/;
	like($rc == 0 ? $out : $err, $rc == 0 ? qr/^1$/ : qr/statement timeout/, "a timeout of $milliseconds ms");
	is($node->safe_psql('postgres', q{
			SET enable_seqscan = off; SELECT count(*) FROM t2 WHERE k = key(17)}), 1, 'the next one gets an answer');
}
cmp_ok($interrupted, '>', 0, "$interrupted of them were interrupted");
foreach my $signal ('pg_cancel_backend', 'pg_terminate_backend')
{
	# Some wait for the one who loads; all of them end.
	$node->safe_psql('postgres', q{SELECT zipora_evict('t2_k')});
	my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 4;
	$_->query_safe('SET enable_seqscan = off') foreach @sessions;
	foreach my $session (@sessions)
	{
		$session->query_until(qr/begun/, "\\echo begun\nSELECT count(*) FROM t2 WHERE k = key(17);\n");
	}
	my $begun = time;
	$node->safe_psql('postgres', qq{
		SELECT $signal(pid) FROM pg_stat_activity WHERE query LIKE '%FROM t2 WHERE k%' AND pid <> pg_backend_pid()});
	ok($node->poll_query_until('postgres', q{
		SELECT count(*) = 0 FROM pg_stat_activity
		WHERE query LIKE '%FROM t2 WHERE k%' AND state = 'active' AND pid <> pg_backend_pid()}), "$signal: all end");
	cmp_ok(time - $begun, '<', 2, 'at once');
	eval { $_->quit } foreach @sessions;
	is($node->safe_psql('postgres', q{
			SET enable_seqscan = off; SELECT count(*) FROM t2 WHERE k = key(17)}), 1, "after $signal: an answer");
}
ok(check_index($node, 't2_k'), 'it is sound');

# ---- 64 MB of /dev/shm ----------------------------------------------------------------------

$node->stop;
SKIP:
{
	skip 'no mount namespace can be made here', 1
	  if system(join(' ', map { "'" . s/'/'\\''/gr . "'" } @small, 'true') . ' > /dev/null 2>&1') != 0;

	$node->append_conf('postgresql.conf', "shared_memory_type = sysv\nshared_buffers = 16MB");
	command_ok([ @small, 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start' ],
		'a server with 64 MB of /dev/shm');
	# t2's image needs more.
	my ($rc, $out, $err) = $node->psql('postgres', q{
		SET client_min_messages = error;
		INSERT INTO t2 SELECT key(i) FROM generate_series(600001, 900000) AS i;
		SET enable_seqscan = off; SET enable_bitmapscan = off;
		SELECT count(*) FROM t2 WHERE k = key(17);
		SELECT count(*) FROM t2 WHERE k = key(700017);
		SELECT zipora_prewarm('t2_k');
		SELECT count(*) FROM t2 WHERE k = key(700017)});
	is($err, '', '64 MB: no error');
	like($out, qr/^1\n1\n.*\n1$/s, '64 MB: right answers');
	isnt(state_of($node, 't2_k'), 'ready', '64 MB: there is no image');
	$reason = $node->safe_psql('postgres', q{SELECT reason FROM zipora_index_stats WHERE index = 't2_k'::regclass});
	like($reason, qr/memory|shm/, "and the view says why: $reason");
	work_ok($node, '64 MB');
	is($node->safe_psql('postgres', q{
			SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
			SET min_parallel_table_scan_size = 0;
			SELECT count(*) > 800000 FROM t2 WHERE k > ''}), 't', '64 MB: there is room for parallel queries of others');
	system_or_bail('pg_ctl', '-w', '-m', 'fast', '-D', $node->data_dir, 'stop');
}

done_testing();
