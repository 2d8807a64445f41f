# Counters, flags and futexes between sessions: exact sums, exclusive flags, no wake-up
# lost; waits that can be seen, and that end within 100 ms when they are to; what ends with
# a session, and what does not.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('sync');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION zipora');

sub session
{
	return $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
}

sub ask
{
	return $node->safe_psql('postgres', $_[0]);
}

my $futex_row = q{FROM zipora_sync_objects WHERE object = 'x' AND kind = 'futex'};

sub until_waiting
{
	my $wanted = shift;

	return $node->poll_query_until('postgres', "SELECT waiters = $wanted $futex_row");
}

# ---- sums, exclusion, wake-ups --------------------------------------------------

my $sessions = 4;
my $rounds = 25000;
my @workers = map { session() } 1 .. $sessions;

# Each adds random numbers, checks that no sum is seen twice, and says what it added; every
# fifth of its transactions fails, which must not matter.
foreach my $worker (@workers)
{
	$worker->query_until(qr/begun/, qq{\\echo begun
DO \$\$
DECLARE
	delta bigint;
	added bigint := 0;
BEGIN
	FOR i IN 1 .. $rounds LOOP
		delta := (random() * 2000)::bigint - 900;
		added := added + delta;
		BEGIN
			PERFORM zipora_counter_add('sum', delta);
			IF i % 5 = 0 THEN
				RAISE EXCEPTION 'undone';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
		PERFORM zipora_counter_add('steps');
	END LOOP;
	PERFORM zipora_counter_add('expected', added);
END \$\$;
});
}
$_->query('SELECT 1') foreach @workers;
is(ask(q{SELECT zipora_counter_get('steps')}), $sessions * $rounds, 'every addition counts');
is(ask(q{SELECT zipora_counter_get('sum') = zipora_counter_get('expected')}), 't',
	"the sum of $sessions sessions is exact");

# Numbers of a counter are given once.
ask(q{CREATE UNLOGGED TABLE numbers (n bigint)});
foreach my $worker (@workers)
{
	$worker->query_until(qr/begun/, qq{\\echo begun
INSERT INTO numbers SELECT zipora_counter_add('number') FROM generate_series(1, $rounds);
});
}
$_->query('SELECT 1') foreach @workers;
is(ask(q{SELECT count(DISTINCT n) || ' ' || min(n) || ' ' || max(n) FROM numbers}),
	$sessions * $rounds . ' 1 ' . $sessions * $rounds, 'no number is given twice, none is left out');

# Resets take every addition with them, once.
ask(q{SELECT zipora_counter_add('emptied', 0)});
foreach my $number (0 .. $#workers)
{
	my $do = $number < 2
	  ? qq{PERFORM zipora_counter_add('emptied') FROM generate_series(1, $rounds);}
	  : qq{FOR i IN 1 .. 2000 LOOP
			PERFORM zipora_counter_add('taken', zipora_counter_reset('emptied'));
		END LOOP;};
	$workers[$number]->query_until(qr/begun/, "\\echo begun\nDO \$\$ BEGIN $do END \$\$;\n");
}
$_->query('SELECT 1') foreach @workers;
is(ask(q{SELECT zipora_counter_get('taken') + zipora_counter_get('emptied')}), 2 * $rounds,
	'nothing is lost between additions and resets');

# A flag as a lock: the two steps on a counter inside show who else is in.
my $entries = 2000;
ask(q{SELECT zipora_flag_set('lock'), zipora_flag_clear('lock')});
foreach my $worker (@workers)
{
	$worker->query_until(qr/begun/, qq{\\echo begun
DO \$\$
BEGIN
	FOR i IN 1 .. $entries LOOP
		WHILE zipora_flag_set('lock') LOOP
			PERFORM pg_sleep(0);
		END LOOP;
		IF zipora_counter_add('inside', 1) <> 1 THEN
			PERFORM zipora_counter_add('overlaps');
		END IF;
		PERFORM zipora_counter_add('entries');
		PERFORM zipora_counter_add('inside', -1);
		PERFORM zipora_flag_clear('lock');
	END LOOP;
END \$\$;
});
}
$_->query('SELECT 1') foreach @workers;
is(ask(q{SELECT zipora_counter_get('entries') || ' ' || coalesce(zipora_counter_get('overlaps'), 0)}),
	$sessions * $entries . ' 0', 'a flag lets one session in at a time');

# A futex as a lock (0 free, 1 taken, 2 taken and somebody may sleep), without any limit
# on the waits: one wake-up lost, and it stands still.
ask(q{SELECT zipora_futex_store('mutex', 0)});
foreach my $worker (@workers)
{
	$worker->query_until(qr/begun/, qq{\\echo begun
DO \$\$
BEGIN
	FOR i IN 1 .. $entries LOOP
		WHILE zipora_futex_store('mutex', 2) <> 0 LOOP
			PERFORM zipora_futex_wait('mutex', 2);
		END LOOP;
		IF zipora_counter_add('inside', 1) <> 1 THEN
			PERFORM zipora_counter_add('overlaps');
		END IF;
		PERFORM zipora_counter_add('mutex entries');
		PERFORM zipora_counter_add('inside', -1);
		IF zipora_futex_store('mutex', 0) = 2 THEN
			PERFORM zipora_futex_wake('mutex');
		END IF;
	END LOOP;
END \$\$;
});
}
ok($node->poll_query_until('postgres',
		"SELECT zipora_counter_get('mutex entries') = " . $sessions * $entries),
	'sessions that lock with a futex all come through');
$_->query('SELECT 1') foreach @workers;
is(ask(q{SELECT coalesce(zipora_counter_get('overlaps'), 0)}), '0', 'and one at a time');

# Ping-pong: each waits for the other's value without a limit.
my $passes = 5000;
ask(q{SELECT zipora_futex_store('ball', 0)});
foreach my $player (0, 1)
{
	my $other = 1 - $player;

	$workers[$player]->query_until(qr/begun/, qq{\\echo begun
DO \$\$
BEGIN
	FOR i IN 1 .. $passes LOOP
		WHILE zipora_futex_load('ball') <> $player LOOP
			PERFORM zipora_futex_wait('ball', $other);
		END LOOP;
		PERFORM zipora_counter_add('passes');
		PERFORM zipora_futex_store('ball', $other);
		PERFORM zipora_futex_wake('ball');
	END LOOP;
END \$\$;
});
}
ok($node->poll_query_until('postgres', "SELECT zipora_counter_get('passes') = " . 2 * $passes),
	'two sessions that wake each other in turn never stand still');
$workers[$_]->query('SELECT 1') foreach 0, 1;

# Wake-ups without a new value count exactly: who is in the queue is woken, though its
# sleep be between two slices.
ask(q{SELECT zipora_futex_store('x', 0)});
foreach my $worker (@workers)
{
	$worker->query_until(qr/begun/, qq{\\echo begun
DO \$\$
BEGIN
	FOR i IN 1 .. 500 LOOP
		IF zipora_futex_wait('x', 0) = 'woken' THEN
			PERFORM zipora_counter_add('woken');
		END IF;
	END LOOP;
END \$\$;
});
}
my $waker = session();
is($waker->query_safe(qq{
	CREATE PROCEDURE wake_them(wanted bigint) LANGUAGE plpgsql AS \$\$
	DECLARE
		told bigint := 0;
		asked integer;
		now_woken integer;
	BEGIN
		WHILE told < wanted LOOP
			asked := (random() * 3)::integer;
			now_woken := zipora_futex_wake('x', asked);
			IF now_woken > asked THEN
				RAISE EXCEPTION 'woke % of %', now_woken, asked;
			END IF;
			told := told + now_woken;
		END LOOP;
	END \$\$;
	CALL wake_them(@{[500 * $sessions]});
	SELECT 'told'}), 'told', 'wake says no more than it was asked for, and wakes all that come');
$_->query('SELECT 1') foreach @workers;
is(ask(q{SELECT zipora_counter_get('woken')}), 500 * $sessions, 'as many woke as were told of');
$waker->quit;
$_->quit foreach @workers;

# ---- waits that are ended -------------------------------------------------------

my $watcher = session();

# Starts a wait and returns the session and its process.
sub waiting_session
{
	my ($statement, $before) = @_;
	my $session = session();
	my $pid = $session->query_safe('SELECT pg_backend_pid()');

	$session->query($before) if defined $before;
	$session->query_until(qr/sent/, "\\echo sent\n$statement;\n");
	return ($session, $pid);
}

# Milliseconds until a process no longer waits.
sub milliseconds_until_over
{
	my ($pid, $begin) = @_;

	while (time() - $begin < 10)
	{
		last if $watcher->query_safe(qq{
			SELECT count(*) FROM pg_stat_activity
			WHERE pid = $pid AND state = 'active' AND query LIKE '%futex_wait%'}) eq '0';
		sleep(0.001);
	}
	return 1000 * (time() - $begin);
}

my $wait = q{SELECT zipora_futex_wait('x', 0)};

foreach my $how (qw(cancel terminate))
{
	my ($session, $pid) = waiting_session($wait);
	ok(until_waiting(1), "$how: it waits");
	like($watcher->query_safe(qq{SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity WHERE pid = $pid}),
		qr/^Extension (Extension|ZiporaFutex)$/, "$how: the wait is seen in pg_stat_activity");
	my $begin = time();
	$watcher->query_safe("SELECT pg_${how}_backend($pid)");
	my $took = milliseconds_until_over($pid, $begin);
	cmp_ok($took, '<', 100, "$how took $took ms");
	if ($how eq 'cancel')
	{
		$session->query('SELECT 1');
		like($session->{stderr}, qr/canceling statement due to user request/, 'and said so');
	}
	ok(until_waiting(0), "$how: nobody waits any more");
	eval { $session->quit };
}

foreach my $setting (['statement_timeout', 'statement timeout'])
{
	my ($session, $pid) = waiting_session($wait, "SET $setting->[0] = '300ms'");
	my $since = $watcher->query_safe(qq{
		SELECT extract(epoch FROM query_start) FROM pg_stat_activity WHERE pid = $pid});
	milliseconds_until_over($pid, time());
	my $took = 1000 * (time() - $since);
	cmp_ok($took, '<', 400, "$setting->[0] of 300 ms took $took ms");
	$session->query('SELECT 1');
	like($session->{stderr}, qr/canceling statement due to $setting->[1]/, 'and said so');
	$session->quit;
}

# An interrupt that is no reason to end keeps the place in the queue, and no wake-up is
# missed meanwhile: the waiter is asked again and again to log its memory.
{
	my ($session, $pid) = waiting_session($wait);
	ok(until_waiting(1), 'it waits');
	foreach (1 .. 20)
	{
		$watcher->query_safe("SELECT pg_log_backend_memory_contexts($pid)");
		sleep(rand(0.02));
	}
	is($watcher->query_safe(qq{SELECT waiters $futex_row}), '1', 'and waits on through interrupts');
	is($watcher->query_safe(q{SELECT zipora_futex_wake('x')}), '1', 'is woken');
	like($session->query('SELECT 1'), qr/woken/, 'and says so');
	$session->quit;
}

# Who is cancelled or terminated and woken at once will not act on the wake-up: it goes to
# the next one.  Both reach the first waiter while it is stopped.
foreach my $how (qw(cancel terminate))
{
	foreach my $order (qw(before after))
	{
		my ($first, $first_pid) = waiting_session($wait);
		until_waiting(1);
		my ($second, $second_pid) = waiting_session($wait);
		until_waiting(2);
		kill 'STOP', $first_pid;
		$watcher->query_safe("SELECT pg_${how}_backend($first_pid)") if $order eq 'before';
		is($watcher->query_safe(q{SELECT zipora_futex_wake('x')}), '1', "$how $order: one is woken");
		$watcher->query_safe("SELECT pg_${how}_backend($first_pid)") if $order eq 'after';
		is($watcher->query_safe("SELECT waiters $futex_row"), '1', "$how $order: the other one waits");
		kill 'CONT', $first_pid;
		ok(until_waiting(0), "$how $order: the wake-up is passed on");
		like($second->query('SELECT 1'), qr/woken/, "$how $order: and the other one says so");
		if ($how eq 'cancel')
		{
			$first->query('SELECT 1');
			like($first->{stderr}, qr/canceling statement due to user request/, "$how $order: not the first");
		}
		eval { $first->quit };
		$second->quit;
	}
}

# Dropped by another session.
{
	my ($session, $pid) = waiting_session($wait);
	ok(until_waiting(1), 'it waits');
	my $begin = time();
	$watcher->query_safe(q{SELECT zipora_futex_drop('x')});
	my $took = milliseconds_until_over($pid, $begin);
	cmp_ok($took, '<', 100, "a drop ends the wait in $took ms");
	$session->query('SELECT 1');
	like($session->{stderr}, qr/futex "x" was dropped meanwhile/, 'with an error that says why');
	$session->quit;
}

# ---- memory ---------------------------------------------------------------------

# All that counters, flags and futexes took is given back.
$watcher->query_safe(q{SELECT zipora_futex_store('x', 0)});
$watcher->query_safe(q{SELECT zipora_futex_wait('x', 0, '1 ms')});
my $control = q{SELECT used_bytes FROM zipora_pool_stats WHERE object = '(control)'};
my $before = $watcher->query_safe($control);
$watcher->query_safe(q{SELECT count(zipora_counter_add('m' || i)), count(zipora_flag_set('m' || i)),
	count(zipora_futex_store('m' || i, 1)) FROM generate_series(1, 1000) i});
cmp_ok($watcher->query_safe($control), '>', $before + 3000 * 64, 'objects take memory');
$watcher->query_safe(q{SELECT zipora_grant('m1', 'public', 'read', 'counter')});
$watcher->query_safe(q{SELECT count(zipora_counter_drop('m' || i)), count(zipora_flag_drop('m' || i)),
	count(zipora_futex_drop('m' || i)) FROM generate_series(1, 1000) i});
is($watcher->query_safe($control), $before, 'and give it back when they are dropped');

# A waiter that is terminated leaves nothing behind.
{
	my ($session, $pid) = waiting_session($wait);
	until_waiting(1);
	$watcher->query_safe("SELECT pg_terminate_backend($pid, 10000)");
	ok($node->poll_query_until('postgres', "$control", $before), 'nor does a terminated waiter leave any');
	eval { $session->quit };
}
is($watcher->query_safe(q{SELECT string_agg(sessions::text, ' ' ORDER BY slot) FROM zipora_local_storage}),
	'1 1', 'the caches of sessions that ended are gone');

# Of a database that is dropped.
ask('CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION zipora; SELECT count(zipora_counter_add('m' || i)) FROM generate_series(1, 500) i});
cmp_ok($watcher->query_safe($control), '>', $before + 500 * 64, 'objects of another database take memory');
is($watcher->query_safe(q{SELECT count(*) FROM zipora_sync_objects WHERE object LIKE 'm%' AND kind = 'counter' AND object <> 'mutex entries'}), '0',
	'they are seen there only');
ask('DROP DATABASE other');
$watcher->query_safe(q{SELECT zipora_counter_add('sweeper'), zipora_counter_drop('sweeper')});
is($watcher->query_safe($control), $before, 'and are swept up when it is gone');

# ---- the server ends ------------------------------------------------------------

# kill -9: all are gone, and new ones work.
{
	my ($session, $pid) = waiting_session($wait);
	until_waiting(1);
	kill 'KILL', $pid;
	eval { $session->quit };
	eval { $watcher->quit };
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM zipora_sync_objects}),
		'after kill -9 there are none');
	is(ask(q{SELECT zipora_counter_add('sum', 2), zipora_flag_set('lock'), zipora_futex_store('x', 0)}),
		'2|f|0', 'and new ones work');
}

# A shutdown ends a wait; so does the end of the postmaster alone.
{
	my ($session, $pid) = waiting_session($wait);
	until_waiting(1);
	$node->stop('fast');
	ok(1, 'a fast shutdown does not wait for those who wait');
	eval { $session->quit };
	$node->start;
	ask(q{SELECT zipora_futex_store('x', 0)});
	($session, $pid) = waiting_session($wait);
	until_waiting(1);
	my $log = -s $node->logfile;
	my $begin = time();
	$node->kill9;
	sleep(0.01) until slurp_file($node->logfile, $log) =~ /FATAL: .*unexpected postmaster exit/ || time() - $begin > 10;
	my $took = 1000 * (time() - $begin);
	cmp_ok($took, '<', 1000, "who waits ends with the postmaster, after $took ms");
	eval { $session->quit };
}

done_testing();
