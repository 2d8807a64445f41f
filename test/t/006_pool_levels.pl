# Sessions that meet in a pool raise its level while they use it; what each keeps is to be seen.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('pool_levels');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION zipora');

sub figure
{
	my ($columns, $pool) = @_;

	return $node->safe_psql('postgres', "SELECT $columns FROM zipora_pool_stats WHERE object = '$pool'");
}

sub session
{
	return $node->background_psql('postgres', on_error_stop => 0, on_error_die => 0);
}

# The preset that is raised soonest.  Blocks that are in use while it happens stay what they are.
$node->safe_psql('postgres', q{
	SELECT zipora_pool_create('meeting', 'auto', 'performance', max_bytes => 1000000);
	CREATE TABLE stop (now int);
	CREATE TABLE held AS SELECT zipora_pool_alloc('meeting', 200) AS block, n FROM generate_series(1, 500) n;
	SELECT count(zipora_pool_write('meeting', block, decode(md5(n::text), 'hex'), n % 180)) FROM held});
my $begin = figure('level', 'meeting');
SKIP:
{
	skip "auto begins with $begin here, which is not raised", 6 if $begin eq 'local_cache';

	my @workers = map { session() } 1 .. 4;
	my $start = time;

	# A statement that is cancelled between the two would keep its block: they end by themselves.
	$_->query_until(qr/begun/, q{\\echo begun
DO $$BEGIN
	WHILE NOT EXISTS (SELECT FROM stop) LOOP
		PERFORM count(zipora_pool_free('meeting', zipora_pool_alloc('meeting', 200), 200)) FROM generate_series(1, 10000);
	END LOOP;
END$$;
}) foreach @workers;
	ok($node->poll_query_until('postgres', "SELECT raises > 0 FROM zipora_pool_stats WHERE object = 'meeting'", 't'),
		"raised from $begin under contention");
	is(figure('level <> ' . "'$begin'" . ' AND adaptive', 'meeting'), 't', 'the level has changed');
	is(figure("raised_at BETWEEN to_timestamp($start) - interval '1 second' AND clock_timestamp()", 'meeting'),
		't', 'when is told');
	like(figure('raise_reason', 'meeting'),
		qr/^raised from (mutex to lock_free|lock_free to local_cache): contention in \d+ of \d+ allocations$/,
		'and why');
	$node->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
	eval { $_->quit } foreach @workers;
	is($node->safe_psql('postgres', q{SELECT count(*) FROM held
		WHERE zipora_pool_read('meeting', block, n % 180, 16) <> decode(md5(n::text), 'hex')}), '0',
		'blocks of before it are what they were');
	ok($node->poll_query_until('postgres', q{SELECT blocks = 500 AND participants = 0 AND bad_frees = 0 AND failures = 0
		FROM zipora_pool_stats WHERE object = 'meeting'}, 't'), 'nothing is lost');
}
is($node->safe_psql('postgres', q{SELECT count(zipora_pool_free('meeting', block, 200)) FROM held}), '500',
	'and all of it can be freed');
ok($node->poll_query_until('postgres', q{SELECT blocks = 0 AND chunks = 0 FROM zipora_pool_stats WHERE object = 'meeting'}, 't'),
	'and the pool is empty');

# What each session keeps: everybody sees who, but only members of its role how much.
$node->safe_psql('postgres', q{
	CREATE ROLE keeper LOGIN; CREATE ROLE other LOGIN; CREATE ROLE monitor LOGIN IN ROLE pg_read_all_stats;
	SET ROLE keeper;
	SELECT zipora_pool_create('kept', 'local_cache')});
my @keepers = map { $node->background_psql('postgres', extra_params => [ '-U', 'keeper' ]) } 1 .. 2;
my @pids = map { $_->query_safe('SELECT pg_backend_pid()') } @keepers;
my %kept;

$keepers[0]->query_safe(q{SELECT zipora_pool_free('kept', zipora_pool_alloc('kept', 100), 100) FROM generate_series(1, 1000)});
$keepers[1]->query_safe(q{SELECT count(zipora_pool_alloc('kept', 1000)) FROM generate_series(1, 12)});
my $caches = q{SELECT pid, allocations, frees, cached_blocks > 0, cached_bytes / cached_blocks, cache_hit_rate > 0.5
	FROM zipora_pool_caches WHERE object = 'kept' AND kind = 'pool' ORDER BY allocations};
my $nothing = join("\n", map { "$_|||||" } sort { $a <=> $b } @pids);
my $all = "$pids[1]|12|0|t|1024|t\n$pids[0]|1000|1000|t|112|t";

is($node->safe_psql('postgres', $caches), $all, 'a row for each session that keeps something');
is($node->safe_psql('postgres', $caches, extra_params => [ '-U', 'monitor' ]), $all, 'pg_read_all_stats sees all of it');
is($node->safe_psql('postgres', $caches, extra_params => [ '-U', 'keeper' ]), $all, 'so does the role itself');
is($node->safe_psql('postgres', 'SELECT * FROM (' . ($caches =~ s/ ORDER BY allocations//r) . ') s ORDER BY pid',
		extra_params => [ '-U', 'other' ]), $nothing, 'others see that there are sessions');
is($node->safe_psql('postgres', q{SELECT sum(c.cached_blocks) = max(s.cached_blocks) AND count(*) = max(s.participants)
	FROM zipora_pool_caches c JOIN zipora_pool_stats s USING (object, kind) WHERE object = 'kept'}), 't',
	'they add up to what the pool says');
$keepers[0]->quit;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM zipora_pool_caches WHERE object = 'kept'}, 't'),
	'a session that ends is no more');
$keepers[1]->quit;
is($node->safe_psql('postgres', q{SELECT zipora_create('t', 'bigint', pool_level => 'local_cache'), zipora_insert('t', 'k', 1);
	SELECT kind, pid = pg_backend_pid(), allocations > 0 FROM zipora_pool_caches WHERE object = 't'}) =~ s/.*\n//sr,
	'trie|t|t', 'tries have them too');

$node->stop;
done_testing();
