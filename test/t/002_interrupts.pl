# A backend that waits for a lock of a trie can be seen in pg_stat_activity, and
# cancel, terminate and statement_timeout end its wait within 100 ms.
#
# A wait is made by stopping (SIGSTOP) a backend that spends much of its time with
# a node locked: it splits and joins a path of 60 KB.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('interrupts');
$node->init;
$node->append_conf('postgresql.conf', "max_parallel_workers_per_gather = 0");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION zipora;
	SELECT zipora_create('t', 'none');
	SELECT zipora_insert('t', repeat('a', 60000));
});

my $holder = $node->background_psql('postgres');
my $holder_pid = $holder->query_safe('SELECT pg_backend_pid()');
my $waiter = $node->background_psql('postgres', on_error_stop => 0);
my $waiter_pid = $waiter->query_safe('SELECT pg_backend_pid()');
my $watcher = $node->background_psql('postgres');

# Splits at the fifth byte, joins again, for ever.
$holder->query_until(qr/begun/, q{\echo begun
DO $$
DECLARE
	split text := repeat('a', 5) || 'b';
BEGIN
	LOOP
		PERFORM zipora_insert('t', split);
		PERFORM zipora_delete('t', split);
	END LOOP;
END $$;
});

my $insert = q{SELECT zipora_insert('t', repeat('a', 5) || 'c');};

# Stops the holder until the waiter's insert is seen to wait.
sub make_waiter_wait
{
	for my $try (1 .. 400)
	{
		sleep(0.003 + rand(0.01));
		kill 'STOP', $holder_pid;
		$waiter->query_until(qr/sent/, "\\echo sent\n$insert\n");
		for my $look (1 .. 20)
		{
			my $state = $watcher->query_safe(qq{
				SELECT coalesce(wait_event_type || ' ' || wait_event, '') || ' ' || state
				FROM pg_stat_activity WHERE pid = $waiter_pid});
			return $state if $state =~ /^Extension \S+ active/ && $look > 3;
			last if $state =~ /idle/;
			sleep(0.005);
		}
		kill 'CONT', $holder_pid;
		$waiter->query(q{SELECT zipora_delete('t', repeat('a', 5) || 'c')});
	}
	return undef;
}

# Milliseconds until the waiter no longer runs its statement.
sub milliseconds_until_over
{
	my $begin = time();
	while (time() - $begin < 10)
	{
		my $running = $watcher->query_safe(qq{
			SELECT count(*) FROM pg_stat_activity
			WHERE pid = $waiter_pid AND state = 'active' AND query LIKE '%zipora_insert%'});
		last if $running eq '0';
		sleep(0.001);
	}
	return 1000 * (time() - $begin);
}

SKIP:
{
	my $state = make_waiter_wait();
	ok(defined $state, 'a writer waits for the lock of a stopped one');
	skip 'no wait could be made', 5 unless defined $state;
	like($state, qr/Extension (Extension|ZiporaFutex) active/, 'pg_stat_activity shows the wait');

	# A reader does not wait.
	is($watcher->query_safe(q{SELECT zipora_contains('t', repeat('a', 60000))}), 't',
		'a reader goes on while a node is locked');

	$watcher->query_safe("SELECT pg_cancel_backend($waiter_pid)");
	my $took = milliseconds_until_over();
	cmp_ok($took, '<', 100, "cancel took $took ms");
	kill 'CONT', $holder_pid;
	$waiter->query('SELECT 1');
	like($waiter->{stderr}, qr/canceling statement due to user request/, 'and said so');
	$waiter->{stderr} = '';

	$waiter->query(q{SET statement_timeout = '300ms'});
	$state = make_waiter_wait();
	ok(defined $state, 'a writer waits with a statement_timeout');
	my $since = $watcher->query_safe(qq{
		SELECT extract(epoch FROM query_start) * 1000 FROM pg_stat_activity WHERE pid = $waiter_pid});
	milliseconds_until_over();
	$took = time() * 1000 - $since;
	cmp_ok($took, '<', 400, "statement_timeout of 300 ms took $took ms");
	kill 'CONT', $holder_pid;
	$waiter->query('SELECT 1');
	like($waiter->{stderr}, qr/canceling statement due to statement timeout/, 'and said so');
	$waiter->{stderr} = '';

	$waiter->query(q{SET statement_timeout = 0});
	$state = make_waiter_wait();
	ok(defined $state, 'a writer waits again');
	$watcher->query_safe("SELECT pg_terminate_backend($waiter_pid)");
	$took = milliseconds_until_over();
	cmp_ok($took, '<', 100, "terminate took $took ms");
	kill 'CONT', $holder_pid;
}

kill 'CONT', $holder_pid;
$watcher->query_safe("SELECT pg_terminate_backend($holder_pid)");
$node->poll_query_until('postgres', qq{
	SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ($holder_pid, $waiter_pid)})
  or die 'backends did not end';
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM zipora_check('t')}), 't',
	'the trie is sound after that');

$watcher->quit;
$node->stop;
done_testing();
