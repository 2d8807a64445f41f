# Pools and sessions that end: nothing that a session kept is lost, however it ends.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('pools');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION zipora');

my @levels = qw(mutex lock_free local_cache fixed);

sub create_pool
{
	my $level = shift;
	my $capacity = $level eq 'fixed' ? '4000000' : 'NULL';

	$node->safe_psql('postgres', "SELECT zipora_pool_create('$level', '$level', capacity => $capacity)");
}

# What a pool holds when nobody uses it.
my $rest = q{SELECT blocks, cached_blocks, participants, bad_frees,
	CASE WHEN level = 'fixed' THEN free_bytes = capacity ELSE reserved_bytes = 0 END
	FROM zipora_pool_stats WHERE object = '%s'};

sub settled
{
	my ($level, $what) = @_;

	ok($node->poll_query_until('postgres', sprintf($rest, $level), '0|0|0|0|t'), "$level: $what");
}

foreach my $level (@levels)
{
	create_pool($level);

	# A session with blocks of its own in hand is terminated: what it kept goes back, and
	# what it had taken can be freed by others.
	my $victim = $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
	my $pid = $victim->query_safe('SELECT pg_backend_pid()');
	my $blocks = $victim->query_safe(qq{
		SELECT string_agg(b::text, ',') FROM (SELECT zipora_pool_alloc('$level', 100) AS b FROM generate_series(1, 200)) s});
	$victim->query_safe(qq{SELECT count(zipora_pool_free('$level', zipora_pool_alloc('$level', 50), 50)) FROM generate_series(1, 100)});
	is($node->safe_psql('postgres', qq{SELECT cached_blocks > 0 FROM zipora_pool_stats WHERE object = '$level'}),
		$level eq 'local_cache' ? 't' : 'f', "$level: the session keeps blocks, if its level does");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
	eval { $victim->quit };
	is($node->safe_psql('postgres', qq{SELECT blocks, cached_blocks, participants FROM zipora_pool_stats WHERE object = '$level'}),
		'200|0|0', "$level: a terminated session leaves its blocks and nothing else");
	is($node->safe_psql('postgres', qq{SELECT count(zipora_pool_free('$level', b, 100)) FROM unnest('{$blocks}'::bigint[]) b}),
		'200', "$level: anybody may free them");
	settled($level, 'then all of it is free');

	# Sessions are terminated and cancelled in the middle of allocations.
	foreach my $how (qw(pg_terminate_backend pg_cancel_backend))
	{
		foreach my $round (1 .. 3)
		{
			my @workers = map { $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0) } 1 .. 3;
			my @pids = map { $_->query_safe('SELECT pg_backend_pid()') } @workers;

			$_->query_until(qr/begun/, qq{\\echo begun
SELECT count(zipora_pool_free('$level', zipora_pool_alloc('$level', 1 + i % 3000), 1 + i % 3000)) FROM generate_series(1, 100000000) i;
}) foreach @workers;
			sleep(0.1 + rand(0.1));
			$node->safe_psql('postgres', "SELECT $how($_)") foreach @pids;
			eval { $_->quit } foreach @workers;
		}
		settled($level, "nothing is lost after $how in allocations");
	}

	# A drop does not wait for idle sessions, and takes what they keep along.
	my $idle = $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
	$idle->query_safe(qq{SELECT zipora_pool_free('$level', zipora_pool_alloc('$level', 50), 50)});
	is($node->safe_psql('postgres', "SELECT zipora_pool_drop('$level')"), 't', "$level: dropped");
	is($node->safe_psql('postgres', 'SELECT pools_bytes FROM zipora_memory'), '0',
		"$level: and its memory is back, though a session knew it");
	create_pool($level);
	is($idle->query_safe(qq{SELECT zipora_pool_alloc('$level', 50) > 0}), 't',
		"$level: that session finds the new pool of that name");
	$idle->quit;
	$node->safe_psql('postgres', "SELECT zipora_pool_drop('$level')");
}

# A database that goes takes its pools along.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION zipora;
	SELECT zipora_pool_create('large', 'lock_free'), zipora_pool_alloc('large', 20000000)});
cmp_ok($node->safe_psql('postgres', 'SELECT pools_bytes FROM zipora_memory'), '>=', 20000000,
	'a pool of another database counts');
$node->safe_psql('postgres', 'DROP DATABASE other');
$node->safe_psql('postgres', q{SELECT zipora_pool_create('sweeper', 'mutex')});
is($node->safe_psql('postgres', 'SELECT pools_bytes FROM zipora_memory'), '0',
	'and is swept up when its database is gone');

# kill -9: the server restarts, all pools are gone, and it works.
create_pool('local_cache');
my $victim = $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
my $pid = $victim->query_safe('SELECT pg_backend_pid()');
$victim->query_safe(q{SELECT zipora_pool_free('local_cache', zipora_pool_alloc('local_cache', 50), 50)});
kill 'KILL', $pid;
is($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM zipora_pool_stats WHERE kind = 'pool'}), '1',
	'after kill -9 there is no pool');
eval { $victim->quit };
create_pool('local_cache');
is($node->safe_psql('postgres', q{SELECT zipora_pool_alloc('local_cache', 50) > 0}), 't', 'and a new one works');

$node->stop;
done_testing();
