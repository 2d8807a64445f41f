# The life of the shared memory: with and without preloading, several databases,
# restart, backends that leave.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('life');
$node->init;
$node->start;

foreach my $preload (0, 1)
{
	my $how = $preload ? 'preloaded' : 'loaded on first use';

	if ($preload)
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'zipora'");
		$node->restart;
	}
	else
	{
		$node->safe_psql('postgres', 'CREATE EXTENSION zipora; CREATE DATABASE other');
		$node->safe_psql('other', 'CREATE EXTENSION zipora');
	}

	is($node->safe_psql('postgres', 'SELECT count(*) FROM zipora_tries'), '0',
		"$how: a new server has no trie");
	$node->safe_psql('postgres', q{
		SELECT zipora_create('shared', 'bigint');
		SELECT zipora_insert('shared', 'k' || i, i::bigint) FROM generate_series(1, 1000) i;
	});
	is($node->safe_psql('postgres', q{SELECT zipora_lookup_bigint('shared', 'k500')}), '500',
		"$how: another backend sees the keys");

	# Databases do not see each other's tries, and may use the same name.
	my ($rc, $out, $err) = $node->psql('other', q{SELECT zipora_lookup('shared', 'k1')});
	isnt($rc, 0, "$how: a trie belongs to its database");
	like($err, qr/trie "shared" does not exist/, "$how: and the error says so");
	$node->safe_psql('other', q{
		SELECT zipora_create('shared', 'text');
		SELECT zipora_insert('shared', 'k1', 'elsewhere');
	});
	is($node->safe_psql('postgres', q{SELECT zipora_lookup('shared', 'k1')}), '1',
		"$how: the same name twice is two tries");

	# Everything is given back by a drop, tokens of other backends included.
	my $idle = $node->background_psql('postgres');
	$idle->query_safe(q{SELECT zipora_contains('shared', 'k7')});
	$node->safe_psql('postgres', q{SELECT zipora_drop('shared')});
	is($node->safe_psql('postgres', 'SELECT count(*) FROM zipora_tries'), '0',
		"$how: dropped while another backend had it open");
	$node->safe_psql('postgres', q{
		SELECT zipora_create('shared', 'bigint');
		SELECT zipora_insert('shared', 'new', 1::bigint);
	});
	is($idle->query_safe(q{SELECT zipora_contains('shared', 'k7'), zipora_contains('shared', 'new')}),
		'f|t', "$how: the idle backend finds the new trie of that name");
	$idle->quit;

	# A database that goes takes its tries along, at the next create at the latest.
	$node->safe_psql('other', q{
		SELECT zipora_create('large', 'text');
		SELECT zipora_insert('large', 'k', repeat('x', 20000000));
	});
	my $used = q{SELECT used_bytes FROM zipora_memory};
	my $before = $node->safe_psql('postgres', $used);
	$node->safe_psql('postgres', 'DROP DATABASE other');
	$node->safe_psql('postgres', q{SELECT zipora_create('sweeper')});
	my $after = $node->safe_psql('postgres', $used);
	cmp_ok($after, '<', $before - 19000000, "$how: tries of a dropped database are swept up");
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', 'CREATE EXTENSION zipora');
}

$node->stop;
done_testing();
