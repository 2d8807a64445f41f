# kill -9 of the server and of a backend, and immediate shutdowns, under a load of changes of an index, VACUUM and
# rebuilding: after recovery all that was acknowledged is there, the indexes are sound,
# and their answers are those of a sequential scan.
#
# Environment: INDEX_ROUNDS (20), INDEX_METHOD.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexTest;
use IPC::Run;
use List::Util qw(first shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = $ENV{INDEX_ROUNDS} || 20;
my $workers = 3;
my $seed = $ENV{INDEX_SEED} || time;
srand($seed);
note("INDEX_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
max_wal_size = 256MB
log_statement = none
shared_buffers = 64MB
checkpoint_timeout = 30s
});
$node->start;
install_helpers($node);
my $class = text_class();
$node->safe_psql('postgres', qq{
	CREATE TABLE t (worker int, id int, k text, n int DEFAULT 0) WITH (fillfactor = 80);
	CREATE INDEX t_k ON t USING $method (k $class);
	CREATE INDEX t_id ON t USING $method (worker, id DESC) INCLUDE (k);
	CREATE UNLOGGED TABLE u (k text);
	CREATE INDEX u_k ON u USING $method (k $class);
	INSERT INTO u SELECT 'k' || i FROM generate_series(1, 1000) i;
});

# What each worker's rows are: id => key.  A worker's operations are a list of statements, with what each of
# them changes; psql prints the number of each that was acknowledged.
my @rows = map { {} } 1 .. $workers;
my @next_id = (1) x $workers;

sub random_key
{
	my $kind = int(rand(4));

	return 'k' . int(rand(50)) if $kind == 0;
	return '/usr/share/doc/' . int(rand(100000)) if $kind == 1;
	return ('a' x int(rand(100))) . int(rand(10)) if $kind == 2;
	return join('', map { chr(97 + int(rand(26))) } 1 .. 1 + int(rand(20)));
}

sub operations
{
	my ($worker, $count) = @_;
	my @ids = keys %{ $rows[$worker] };
	my @list;

	foreach (1 .. $count)
	{
		my $kind = rand();

		if ($kind < 0.6 || @ids == 0)
		{
			my %new;
			foreach (1 .. ($kind < 0.4 ? 1 : 30))
			{
				my $id = $next_id[$worker]++;
				$new{$id} = random_key();
				push @ids, $id;
			}
			push @list, [
				'INSERT INTO t VALUES '
				  . join(', ', map { "($worker, $_, '$new{$_}')" } sort keys %new),
				\%new
			];
		}
		else
		{
			my $id = $ids[ rand(@ids) ];
			my $key = random_key();

			if ($kind < 0.75)
			{
				push @list, [
					"UPDATE t SET k = '$key' WHERE worker = $worker AND id = $id", { $id => $key }, 1
				];
			}
			elsif ($kind < 0.85)
			{
				push @list, [ "UPDATE t SET n = n + 1 WHERE worker = $worker AND id = $id", {} ];
			}
			else
			{
				push @list, [ "DELETE FROM t WHERE worker = $worker AND id = $id", { $id => undef } ];
			}
		}
	}
	return @list;
}

# What an operation does to the rows; an update of a row that is gone does nothing.
sub apply
{
	my ($worker, $operation) = @_;
	my ($statement, $changes, $is_update) = @$operation;

	foreach my $id (keys %$changes)
	{
		if (!defined $changes->{$id})
		{
			delete $rows[$worker]{$id};
		}
		elsif (!$is_update || exists $rows[$worker]{$id})
		{
			$rows[$worker]{$id} = $changes->{$id};
		}
	}
}

my @kinds = ('kill of the server', 'kill of a backend', 'immediate shutdown');

# Other things that go on meanwhile, again and again.
my @upkeep = (
	'VACUUM (INDEX_CLEANUP ON) t',
	'VACUUM (INDEX_CLEANUP ON) t',
	'REINDEX INDEX CONCURRENTLY t_k',
	"DROP INDEX IF EXISTS t_new; CREATE INDEX t_new ON t USING $method (k $class)",
	'CHECKPOINT');
my $acknowledged_in_all = 0;

foreach my $round (1 .. $rounds)
{
	my $kind = $kinds[ $round % 3 == 0 ? 2 : $round % 3 == 1 ? 0 : 1 ];
	my (@todo, @output, @handles);

	# So that the table does not grow, and VACUUM has much to do.
	foreach my $worker (0 .. $workers - 1)
	{
		my $first = $next_id[$worker] - 3000;

		$node->safe_psql('postgres', "DELETE FROM t WHERE worker = $worker AND id < $first");
		delete @{ $rows[$worker] }{ grep { $_ < $first } keys %{ $rows[$worker] } };
	}

	foreach my $worker (0 .. $workers - 1)
	{
		@{ $todo[$worker] } = operations($worker, 20000);
		my $number = 0;
		my $script = "SELECT pg_backend_pid();\n"
		  . join('', map { $_->[0] . ";\n\\echo done " . ++$number . "\n" } @{ $todo[$worker] });
		my $file = $node->basedir . "/worker$worker.sql";
		PostgreSQL::Test::Utils::append_to_file($file, '');
		open(my $handle, '>', $file) or die $!;
		print $handle $script;
		close($handle);
		$output[$worker] = $node->basedir . "/worker$worker.out";
		push @handles, IPC::Run::start(
			[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ],
			'>', $output[$worker], '2>', '/dev/null');
	}
	my $upkeep = $node->basedir . '/upkeep.sql';
	open(my $handle, '>', $upkeep) or die $!;
	print $handle $upkeep[ rand(@upkeep) ], ";\n" foreach 1 .. 1000;
	close($handle);
	push @handles, IPC::Run::start(
		[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=0', '-d', $node->connstr('postgres'), '-f', $upkeep ],
		'>', '/dev/null', '2>', '/dev/null');

	# All of them are at work.
	foreach my $worker (0 .. $workers - 1)
	{
		wait_until(sub { slurp_file($output[$worker]) =~ /^done 5$/m }) or die 'a worker does not work';
	}
	sleep(rand(0.5));

	if ($kind eq 'kill of the server')
	{
		kill_server($node);
	}
	elsif ($kind eq 'kill of a backend')
	{
		# Some may be through already.
		my @pids = shuffle(map { slurp_file($_) =~ /^(\d+)$/m } @output);
		first { kill 'KILL', $_ } @pids or die 'no worker is left to be killed';
	}
	else
	{
		$node->stop('immediate');
	}
	$_->finish foreach @handles;
	if ($kind eq 'kill of a backend')
	{
		$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	}
	else
	{
		$node->start;
	}

	# The operation after the last acknowledged one may have been done, and may not.
	my $acknowledged = 0;
	my @uncertain;
	foreach my $worker (0 .. $workers - 1)
	{
		my @done = slurp_file($output[$worker]) =~ /^done (\d+)$/mg;
		my $last = @done ? $done[-1] : 0;
		apply($worker, $todo[$worker][$_]) foreach 0 .. $last - 1;
		$acknowledged += $last;
		$uncertain[$worker] = $last < @{ $todo[$worker] } ? $todo[$worker][$last] : undef;
	}
	$acknowledged_in_all += $acknowledged;
	my @wrong;
	my %found;
	foreach my $line (split /\n/, $node->safe_psql('postgres',
		'SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
		SELECT worker, id, k FROM t'))
	{
		my ($worker, $id, $key) = split /\|/, $line;
		$found{$worker}{$id} = $key;
	}
	foreach my $worker (0 .. $workers - 1)
	{
		my $operation = $uncertain[$worker];
		if (defined $operation)
		{
			# All or nothing.
			my ($id) = keys %{ $operation->[1] };
			if (defined $id)
			{
				my $is = $found{$worker}{$id} // '(none)';
				my $was = $rows[$worker]{$id} // '(none)';
				apply($worker, $operation) if $is ne $was;
			}
		}
		my %ids = (%{ $rows[$worker] }, %{ $found{$worker} // {} });
		foreach my $id (keys %ids)
		{
			my $expected = $rows[$worker]{$id} // '(none)';
			my $is = $found{$worker}{$id} // '(none)';
			push @wrong, "worker $worker, id $id: '$is', expected '$expected'" if $is ne $expected;
		}
	}
	is("@wrong", '', "round $round, $kind: $acknowledged changes acknowledged, the table has them");

	# What a rebuilding left; a copy of the index that is tested would be as good for the planner.
	$node->safe_psql('postgres', $node->safe_psql('postgres', q{
		SELECT format('DROP INDEX %s;', indexrelid::regclass) FROM pg_index
		WHERE indrelid = 't'::regclass AND (indexrelid = to_regclass('t_new') OR NOT indisvalid)}));
	compare_ok($node, q{
		SELECT compare('t_k', 'SELECT k, ctid FROM t ORDER BY k USING ~<~', false, 'i');
		SELECT compare('t_k', 'SELECT k FROM t ORDER BY k USING ~>~', true, 'io');
		SELECT compare('t_k', format('SELECT * FROM t WHERE k = %L', k), false, 'ib')
		FROM (SELECT DISTINCT k FROM t LIMIT 60) AS picked;
		SELECT compare('t_k', 'SELECT * FROM t WHERE k ~>=~ ''b'' AND k ~<~ ''f''', false, 'ib');
		SELECT compare('t_id', 'SELECT worker, id, k FROM t WHERE worker = 1 ORDER BY worker, id DESC', true, 'io');
		SELECT compare('t_id', format('SELECT * FROM t WHERE worker = 0 AND id = %s', first + i), false, 'ib')
		FROM generate_series(1, 100, 2) AS i, (SELECT min(id) AS first FROM t WHERE worker = 0) AS m
		}, "round $round: the answers are those of a sequential scan");
	ok(check_index($node, $_), "round $round: $_ is sound") foreach qw(t_k t_id);

	# What is not logged is empty, and works; after an immediate shutdown too.
	is($node->safe_psql('postgres', q{
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SELECT compare('u_k', 'SELECT k FROM u ORDER BY k USING ~<~', true, 'io');
			INSERT INTO u SELECT 'k' || i FROM generate_series(1, 1000) i;
			SELECT compare('u_k', 'SELECT k FROM u ORDER BY k USING ~<~', true, 'io');
			COMMIT}),
		"0\n1000", "round $round: the unlogged table is empty, and works");
	ok(check_index($node, 'u_k'), "round $round: its index is sound");
}
cmp_ok($acknowledged_in_all, '>', 20 * $rounds, "$acknowledged_in_all changes in all");

$node->stop;
done_testing();
