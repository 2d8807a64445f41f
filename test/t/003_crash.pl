# kill -9 of a backend in the middle of its work: the server restarts, and works.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION zipora');

foreach my $round (1 .. 3)
{
	$node->safe_psql('postgres', q{SELECT zipora_create('t', 'bigint')});
	my $victim = $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
	my $pid = $victim->query_safe('SELECT pg_backend_pid()');
	$victim->query_until(qr/begun/, q{\echo begun
DO $$
BEGIN
	FOR i IN 1 .. 100000000 LOOP
		PERFORM zipora_insert('t', md5(i::text), i::bigint);
	END LOOP;
END $$;
});
	sleep(0.2 + rand(0.3));
	cmp_ok($node->safe_psql('postgres', q{SELECT keys FROM zipora_tries}), '>', 0,
		"round $round: the victim is at work");
	kill 'KILL', $pid;
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	eval { $victim->quit };

	# Tries are memory: a crash of the server empties them, and all is as new.
	is($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM zipora_tries'), '1',
		"round $round: after the restart there is no trie");
	is($node->safe_psql('postgres', q{
			SELECT zipora_create('again', 'bigint');
			SELECT count(zipora_insert('again', 'k' || i, i::bigint)) FROM generate_series(1, 10000) i;
			SELECT zipora_lookup_bigint('again', 'k77');
			SELECT zipora_drop('again');
		}), "t\n10000\n77\nt", "round $round: and it works");
}

$node->stop;
done_testing();
