# Two sessions in the middle of what the other does: a library that stops between two lines.
use strict;
use warnings;

use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES)};
chomp(my $config = `which pg_config`);
system_or_bail('make', '-s', 'points', "PG_CONFIG=$config");

my $library = getcwd() . '/build/points/zipora';
my $node = PostgreSQL::Test::Cluster->new('pools_stopped');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION zipora;
	UPDATE pg_proc SET probin = '$library' WHERE probin LIKE '%/zipora'");
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time(), pid FROM pg_stat_activity WHERE backend_type = \'checkpointer\'');

sub session
{
	return $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
}

# No backend died, for then all are new.
sub nothing_crashed
{
	my $what = shift;

	is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time(), pid FROM pg_stat_activity WHERE backend_type = \'checkpointer\''),
		$started, "no crash: $what");
}

# A session has found a pool by its name when another drops it, and goes on when it is gone.
foreach my $level (qw(mutex local_cache fixed))
{
	my $capacity = $level eq 'fixed' ? 100000 : 'NULL';
	my $opener = session();

	$node->safe_psql('postgres', "SELECT zipora_pool_create('p', '$level', capacity => $capacity)");
	$opener->query("SELECT zipora_pool_choose_level(1, 1, 1)");
	$opener->query("SET zipora.test_point = 'object_pinned'");
	$opener->query("SET zipora.test_point_ms = 1000");
	$opener->query_until(qr/begun/, qq{\\echo begun
SELECT zipora_pool_alloc('p', 10);
});
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE query LIKE '%zipora_pool_alloc%' AND state = 'active' AND pid <> pg_backend_pid()}), "$level: one opens it");
	is($node->safe_psql('postgres', "SELECT zipora_pool_drop('p')"), 't', "$level: another drops it meanwhile");
	$opener->query('SELECT 1');
	like($opener->{stderr}, qr/pool "p" does not exist|pool "p" was dropped/, "$level: which is what the first is told");
	$opener->quit;
	nothing_crashed("$level: a drop under an open");
	is($node->safe_psql('postgres', 'SELECT pools_bytes FROM zipora_memory'), '0', "$level: nothing is left of it");
}

# A session that cannot map the segment that a pool lies in: it was there before the pool.
my $blind = session();

$blind->query(q{SELECT zipora_pool_drop('nobody', if_exists => true)});
$blind->query(q{SET zipora.test_point = 'segment_attach'});
$node->safe_psql('postgres', q{SELECT zipora_pool_create('near', 'mutex', 'realtime', max_bytes => 60000000);
	SELECT count(zipora_pool_alloc('near', 8193)) FROM generate_series(1, 4000);
	SELECT zipora_pool_create('far', 'lock_free')});
foreach my $query ('SELECT count(blocks) FROM zipora_pool_stats',
	'SELECT count(*) FROM zipora_pool_caches',
	'SELECT pools_bytes FROM zipora_memory',
	q{SELECT zipora_pool_alloc('far', 10)})
{
	$blind->{stderr} = '';
	$blind->query($query);
	like($blind->{stderr}, qr/could not map shared memory of zipora/, "$query: cannot be mapped");
	nothing_crashed($query);
	isnt($node->safe_psql('postgres', $query), '', "$query: works for others");
}
$blind->quit;

$node->stop;
done_testing();
