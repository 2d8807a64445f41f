# What is left of a session or of a dropped trie: nothing, and nobody is disturbed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('left');
$node->init;
$node->append_conf('postgresql.conf', 'max_connections = 30');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION zipora');

# A session that ends with a scan open: its handles are still there when the portal goes.  Many
# tries, so that their memory would be given back to the system, and not only be reused.
my ($ret, $out, $err) = $node->psql('postgres', q{
	DO $$
	BEGIN
		FOR i IN 1 .. 1000 LOOP
			PERFORM zipora_create('h' || i, 'bigint');
			PERFORM zipora_insert('h' || i, 'k' || j, 1::bigint) FROM generate_series(1, 40) j;
		END LOOP;
	END $$;
	BEGIN;
	DECLARE c CURSOR FOR SELECT (zipora_scan('h1000')).*;
	FETCH 1 FROM c;
});
is($ret, 0, 'a session ends with a scan open');
is($node->safe_psql('postgres', q{SELECT count(*) FROM zipora_tries}), '1000', 'and the server goes on');
$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1 .. 1000 LOOP PERFORM zipora_drop('h' || i); END LOOP; END $$});

# A trie at single_* that its creator never used is nobody's.
$node->safe_psql('postgres', q{SELECT zipora_create('single', 'bigint', access => 'single_shared')});
is($node->safe_psql('postgres', q{SELECT zipora_insert('single', 'a', 1::bigint)}), 't',
	'a trie that its creator never used is free');

# To look at a view is not to use it, nor to give it away.
my $owner = $node->background_psql('postgres');
$owner->query_safe(q{SELECT zipora_insert('single', 'b', 1::bigint)});
$owner->query_safe(q{SELECT count(*) FROM zipora_tokens, zipora_token_stats, zipora_tries});
($ret, $out, $err) = $node->psql('postgres', q{SELECT zipora_insert('single', 'c', 1::bigint)});
like($err, qr/belongs to another session/, 'views do not give a trie away');
$owner->quit;
is($node->safe_psql('postgres', q{SELECT zipora_insert('single', 'c', 1::bigint)}), 't', 'its end does');

# Memory of a trie that was dropped while somebody kept a token from call to call: it goes with that
# token, and does not wait for a session that has used the trie and is idle.
$node->safe_psql('postgres', q{
	SELECT zipora_create('big', 'bigint');
	SELECT count(zipora_insert('big', md5(i::text), i)) FROM generate_series(1, 200000) i;
	SELECT zipora_set_access('big', 'read_only')});
my $idle = $node->background_psql('postgres');
my $standing = $node->background_psql('postgres');
$idle->query_safe(q{SELECT zipora_lookup('big', md5('1'))});
$standing->query_safe(q{BEGIN});
$standing->query_safe(q{SELECT zipora_lookup('big', md5('1'))});
$node->safe_psql('postgres', q{SELECT zipora_drop('big')});
$standing->query_safe(q{COMMIT});
$standing->quit;
cmp_ok($node->safe_psql('postgres', q{SELECT used_bytes FROM zipora_memory}), '<', 2000000,
	'the memory of a dropped trie goes with the last token');
$idle->quit;

# Views beside tries that come and go.
my $create = $node->basedir . '/create.sql';
my $view = $node->basedir . '/view.sql';
append_to_file($create, q{
SELECT zipora_create('v' || pg_backend_pid(), 'bigint', if_not_exists => true);
SELECT zipora_insert('v' || pg_backend_pid(), 'a', 1::bigint);
SELECT zipora_drop('v' || pg_backend_pid(), true);
});
append_to_file($view, q{
SELECT count(*) FROM zipora_tokens;
SELECT count(*) FROM zipora_token_stats;
SELECT count(*) FROM zipora_tries;
});
$node->command_like(
	[ 'pgbench', '-n', '-c', '4', '-T', '4', '-f', "$create\@2", '-f', "$view\@1", 'postgres' ],
	qr/number of failed transactions: 0 /, 'views look at tries that come and go');

$node->stop;
done_testing();
