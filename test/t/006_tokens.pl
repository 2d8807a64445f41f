# Whatever ends a session ends its tokens: a normal exit, terminate, kill -9.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('tokens');
$node->init;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_prepared_transactions = 2");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION zipora;
	CREATE ROLE stranger LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_read_all_stats;
	SELECT zipora_create('t', 'text', access => 'one_writer');
	SELECT zipora_insert('t', 'k', 'v');
});

sub holder
{
	my ($commands) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe("BEGIN; $commands");
	return ($session, $pid);
}

sub eventually
{
	my ($query, $wanted, $what) = @_;
	my $got = '';
	for (1 .. 100)
	{
		# What fails now may succeed later.
		(undef, $got, undef) = $node->psql('postgres', $query);
		last if $got eq $wanted;
		sleep 0.05;
	}
	is($got, $wanted, $what);
}

my $nowait = q{SELECT zipora_token_valid(zipora_writer_token('t', nowait => true))};

# Terminated: both kinds of tokens go.
my ($session, $pid) = holder(q{SELECT zipora_writer_token('t'), zipora_reader_token('t');});
my ($ret, $out, $err) = $node->psql('postgres', $nowait);
like($err, qr/could not get a writer token of trie "t"/, 'a writer token is held');

# Others see that a token is there, but not what it is, without pg_read_all_stats.
my $rows = q{SELECT process, kind, tokens, since IS NOT NULL, held_back_blocks FROM zipora_tokens ORDER BY kind};
is($node->safe_psql('postgres', $rows), "$pid|reader|1|t|0\n$pid|writer|1|t|0", 'its role sees it');
is($node->safe_psql('postgres', $rows, extra_params => [ '-U', 'stranger' ]),
	"$pid|||f|\n$pid|||f|", 'another role sees that there is something');
is($node->safe_psql('postgres', $rows, extra_params => [ '-U', 'watcher' ]),
	"$pid|reader|1|t|0\n$pid|writer|1|t|0", 'a reader of all statistics sees it');

$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
eventually($nowait, 't', 'terminate ends a writer token');
is($node->safe_psql('postgres', 'SELECT count(*) FROM zipora_tokens'), '0', 'and all others');
eval { $session->quit };

# The end of the connection.
($session, $pid) = holder(q{SELECT zipora_writer_token('t');});
$session->quit;
eventually($nowait, 't', 'the end of the session ends a writer token');

# FATAL while another waits for the token.
($session, $pid) = holder(q{SELECT zipora_writer_token('t');});
my $waiter = $node->background_psql('postgres');
$waiter->query_until(qr/sent/, "\\echo sent\nSELECT zipora_upsert('t', 'k', 'w');\n");
eventually(q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock' AND NOT granted}, '1',
	'a writer waits');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
eventually(q{SELECT zipora_lookup('t', 'k')}, 'w', 'and proceeds when the holder is gone');
$waiter->quit;
eval { $session->quit };

# idle_in_transaction_session_timeout, the usual cure for who holds too long.
($session, $pid) = holder(q{SELECT zipora_writer_token('t'); SET idle_in_transaction_session_timeout = 100;});
eventually($nowait, 't', 'so does idle_in_transaction_session_timeout');
eval { $session->quit };

# A level change of a session that is terminated while it waits is undone.
($session, $pid) = holder(q{SELECT zipora_writer_token('t');});
my $changer = $node->background_psql('postgres', on_error_stop => 0);
my $changer_pid = $changer->query_safe('SELECT pg_backend_pid()');
$changer->query_until(qr/sent/, "\\echo sent\nSELECT zipora_set_access('t', 'read_only');\n");
eventually(q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock' AND NOT granted}, '1',
	'a change waits');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($changer_pid, 10000)");
$session->query_safe(q{SELECT zipora_upsert('t', 'k', 'x'); COMMIT;});
is($node->safe_psql('postgres', q{SELECT access FROM zipora_tries}), 'one_writer', 'the level is the old one');
eval { $changer->quit };
$session->quit;

# A trie whose owner has left belongs to the next session that uses it.
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{SELECT zipora_set_access('t', 'single_strict')});
($ret, $out, $err) = $node->psql('postgres', q{SELECT zipora_upsert('t', 'k', 'y')});
like($err, qr/trie "t" belongs to another session/, 'only its owner uses it');
like($err, qr/single_strict, and process \d+ has it/, 'and the detail says who');
$session->quit;
eventually(q{SELECT owner_process IS NULL FROM zipora_token_stats}, 't', 'its owner has left');
is($node->safe_psql('postgres', q{SELECT zipora_upsert('t', 'k', 'y')}), 'f', 'the next one has it');
is($node->safe_psql('postgres', q{SELECT zipora_lookup('t', 'k')}), 'y', 'and the one after that');
$node->safe_psql('postgres', q{SELECT zipora_set_access('t', 'one_writer')});

# What is prepared has no session that could hold a token.
($ret, $out, $err) = $node->psql('postgres',
	q{BEGIN; SELECT zipora_reader_token('t'); PREPARE TRANSACTION 'p'});
like($err, qr/cannot PREPARE a transaction that holds tokens of tries/, 'tokens cannot be prepared');
$node->safe_psql('postgres', q{SELECT zipora_set_access('t', 'single_strict'); BEGIN;
	SELECT zipora_upsert('t', 'k', 'z'); PREPARE TRANSACTION 'p'; SELECT zipora_set_access('t', 'one_writer')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'}), '0',
	'a prepared transaction keeps no lock of a trie');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'p'});

# A pin of an idle transaction holds memory back, and gives all of it.
($session, $pid) = holder(q{SELECT zipora_reader_token('t');});
$node->safe_psql('postgres', q{SELECT count(zipora_upsert('t', 'k', repeat(i::text, 10))) FROM generate_series(1, 5000) i});
my $held = $node->safe_psql('postgres', q{SELECT held_back_blocks FROM zipora_tokens WHERE kind = 'reader'});
cmp_ok($held, '>=', 5000, "it holds back $held blocks");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
eventually(q{SELECT pending FROM zipora_token_stats}, '0', 'all of them are freed when it is gone');
eval { $session->quit };

# Nobody is left behind when writers are terminated again and again in the middle of their work.
my @writers = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 3;
for my $writer (@writers)
{
	$writer->query_until(qr/begun/, q{\echo begun
DO $$
BEGIN
	FOR i IN 1 .. 100000000 LOOP
		PERFORM zipora_upsert('t', 'k' || i % 1000, repeat('v', i % 100));
		IF i % 100 = 0 THEN
			PERFORM zipora_release_token(zipora_writer_token('t'));
		END IF;
	END LOOP;
END $$;
});
}
sleep 1;
$node->safe_psql('postgres', q{SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
	WHERE query LIKE '%100000000%' AND pid <> pg_backend_pid()});
eventually($nowait, 't', 'the writer is free after three sessions were terminated at work');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM zipora_check('t')}), 't', 'and the trie is sound');
eval { $_->quit } for @writers;

# Freezing that is cancelled leaves the level as it was, and the trie sound.
$node->safe_psql('postgres', q{
	SELECT zipora_create('large', 'bigint');
	SELECT count(zipora_insert('large', md5(i::text), i)) FROM generate_series(1, 500000) i;
	SELECT count(zipora_delete('large', md5(i::text))) FROM generate_series(1, 200000) i});
($ret, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '3ms'; SELECT * FROM zipora_freeze('large')});
like($err, qr/canceling statement due to statement timeout/, 'freezing can be cancelled');
is($node->safe_psql('postgres', q{SELECT access FROM zipora_tries WHERE trie = 'large'}), 'multi_writer',
	'the level is the old one');
is($node->safe_psql('postgres', q{SELECT zipora_insert('large', 'new', 1)}), 't', 'it can be written');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM zipora_check('large')}), 't', 'it is sound');
is($node->safe_psql('postgres', q{SELECT reserved_bytes_after < reserved_bytes_before FROM zipora_freeze('large')}), 't',
	'freezing goes on from there');
is($node->safe_psql('postgres', q{SELECT count(*) FROM zipora_scan('large')}), '300001', 'and nothing is lost');

# kill -9: the server restarts, and with it goes all of it.
($session, $pid) = holder(q{SELECT zipora_writer_token('t');});
kill 9, $pid;
$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM zipora_tries')
	or die 'the server did not come back';
$node->safe_psql('postgres', q{SELECT zipora_create('t', 'text', access => 'one_writer')});
is($node->safe_psql('postgres', $nowait), 't', 'tokens can be had after kill -9');
eval { $session->quit };

$node->stop;
done_testing();
