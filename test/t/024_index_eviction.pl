# The image of an index is taken away again and again while scans read it: by eviction, by VACUUM with compaction, for
# want of memory, so that a scan begun in the image goes on in the log.  No scan loses a row or gives one twice: not
# those that seek within one batch (lists, a condition on the second column alone), not those that are in
# the middle of one key's many rows, forward or backward, plain or index-only.
#
# First all at once: an eviction loop under queries.  Then one after the other: a cursor is read in pieces, and between
# two pieces something happens.
#
# Environment: INDEX_SECONDS (6), INDEX_CURSORS (40), INDEX_SEED, INDEX_METHOD.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{INDEX_SECONDS} || 6;
my $cursors = $ENV{INDEX_CURSORS} || 40;
my $seed = $ENV{INDEX_SEED} || int(time);
srand($seed);
note("INDEX_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('eviction');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\nlog_statement = none");
$node->start;
install_helpers($node);
my $class = text_class();

sub any_of
{
	return $_[ int(rand(@_)) ];
}

# ---- tables, and what is asked of them ------------------------------------------------

$node->safe_psql('postgres', qq{
	CREATE TABLE two (a int, b int, v text);
	INSERT INTO two SELECT i, i % 300, 'v' || i FROM generate_series(1, 30000) AS i;
	CREATE INDEX two_i ON two USING $method (a, b);
	CREATE TABLE groups (a int, b text, v int);
	INSERT INTO groups SELECT i % 20, 'b' || lpad((i / 20 % 400)::text, 4, '0'), i FROM generate_series(1, 30000) AS i;
	CREATE INDEX groups_i ON groups USING $method (a, b $class) INCLUDE (v);
	CREATE TABLE same (k text, v int);
	INSERT INTO same SELECT 'k' || i % 4, i FROM generate_series(1, 20000) AS i;
	CREATE INDEX same_i ON same USING $method (k $class);
	CREATE TABLE same_with (k text, v int);
	INSERT INTO same_with SELECT 'k' || i % 4, i FROM generate_series(1, 20000) AS i;
	CREATE INDEX same_with_i ON same_with USING $method (k $class) INCLUDE (v);
	VACUUM ANALYZE});

# Changes that leave much to remove; id is what tells a new row from an old one.
my %change = (
	two => q{DELETE FROM two WHERE a % 3 = N % 3; INSERT INTO two SELECT 100000 * N + i, i % 300, 'new' FROM generate_series(1, 10000) AS i},
	groups => q{DELETE FROM groups WHERE v % 3 = N % 3; INSERT INTO groups SELECT i % 20, 'b' || lpad((i % 401)::text, 4, '0'), 100000 * N + i FROM generate_series(1, 10000) AS i},
	same => q{DELETE FROM same WHERE v % 3 = N % 3; INSERT INTO same SELECT 'k' || i % 5, 100000 * N + i FROM generate_series(1, 7000) AS i},
	same_with => q{DELETE FROM same_with WHERE v % 3 = N % 3; INSERT INTO same_with SELECT 'k' || i % 5, 100000 * N + i FROM generate_series(1, 7000) AS i});
my $changes = 0;

# Table, columns of an index-only scan, columns of a plain one, the order, the order backward, condition
sub random_query
{
	my $b = int(rand(300));
	my $text = sprintf("'b%04d'", int(rand(400)));
	my $list = join(', ', map { int(rand(130000)) } 1 .. 200);

	return any_of(
		[ 'two', 'a, b', 'a, b, v', 'a, b', 'a DESC, b DESC', "b = $b" ],
		[ 'two', 'a, b', 'a, b, v', 'a, b', 'a DESC, b DESC', "b IN ($b, 17, 291)" ],
		[ 'two', 'a, b', 'a, b, v', 'a, b', 'a DESC, b DESC', "a IN ($list)" ],
		[ 'two', 'a, b', 'a, b, v', 'a, b', 'a DESC, b DESC', "a BETWEEN 1000 AND 9000 AND b >= $b" ],
		[ 'groups', 'a, b, v', 'a, b, v, ctid', 'a, b USING ~<~', 'a DESC, b USING ~>~', "b = $text" ],
		[ 'groups', 'a, b, v', 'a, b, v, ctid', 'a, b USING ~<~', 'a DESC, b USING ~>~', "a IN (3, 4, 19) AND b ~>=~ $text" ],
		[ 'groups', 'a, b, v', 'a, b, v, ctid', 'a, b USING ~<~', 'a DESC, b USING ~>~', "a > 15 AND b IN ($text, 'b0007', 'b0399')" ],
		[ 'same', 'k', 'k, v', 'k USING ~<~', 'k USING ~>~', "k = 'k2'" ],
		[ 'same', 'k', 'k, v', 'k USING ~<~', 'k USING ~>~', "k ~>=~ 'k1'" ],
		[ 'same_with', 'k, v', 'k, v, ctid', 'k USING ~<~', 'k USING ~>~', "k = 'k1'" ],
		[ 'same_with', 'k, v', 'k, v, ctid', 'k USING ~<~', 'k USING ~>~', "k IN ('k0', 'k3')" ]);
}

my @indexes = qw(two_i groups_i same_i same_with_i);
my $evict = $is_zipora ? join(' ', map { "PERFORM zipora_evict('$_');" } @indexes) : 'NULL;';

sub figures
{
	my ($column) = @_;

	return 0 unless $is_zipora;
	return $node->safe_psql('postgres', "SELECT sum($column) FROM zipora_index_stats");
}

# ---- an eviction loop under queries ------------------------------------------------------

my $evictor = $node->background_psql('postgres', on_error_stop => 0);
$node->safe_psql('postgres', 'CREATE TABLE stop (i int)');
$evictor->query_until(qr/begun/, qq{\\echo begun
DO \$\$ BEGIN
	WHILE pg_relation_size('stop') = 0 LOOP
		$evict
		PERFORM pg_sleep(0.001 + random() * 0.01);
	END LOOP;
END \$\$;
});
my $compared = 0;
my @differences;
for (my $end = time + $seconds; time < $end && @differences < 3;)
{
	my $script = '';

	if ($compared % 80 == 40)
	{
		my $table = any_of(keys %change);

		$changes++;
		$script .= $change{$table} =~ s/\bN\b/$changes/gr . ";\nVACUUM (INDEX_CLEANUP ON) $table;\n";
	}
	$script .= "BEGIN ISOLATION LEVEL REPEATABLE READ;\n";
	foreach (1 .. 20)
	{
		my ($table, $only, $plain, $up, $down, $condition) = @{ random_query() };
		my $order = any_of('', " ORDER BY $up", " ORDER BY $down");
		my $way = any_of('i', 'o');
		my $columns = $way eq 'o' ? $only : $plain;

		# Rows of one key come in any order.
		$columns = $only if $order ne '' && $table eq 'two';
		$columns = any_of('k') if $order ne '' && $table =~ /same/;
		$columns = 'a, b' if $order ne '' && $table eq 'groups';
		$script .= sprintf("SELECT compare('%s_i', \$q\$SELECT %s FROM %s WHERE %s%s\$q\$, %s, '%s');\n",
			$table, $columns, $table, $condition, $order, $order eq '' ? 'false' : 'true', $way);
		$compared++;
	}
	my ($rc, $out, $err) = $node->psql('postgres', "$script COMMIT;", on_error_stop => 1);
	push @differences, $err if $err ne '' || $rc != 0;
}
$node->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
$evictor->quit;
is(join("\n", @differences), '', 'queries under an eviction loop');
note("$compared queries");
cmp_ok($compared, '>=', 100, 'there were many queries');
cmp_ok(figures('evictions'), '>=', 100, 'and many evictions') if $is_zipora;
ok(check_index($node, $_), "$_ is sound") foreach @indexes;

# ---- cursors, read in pieces --------------------------------------------------------------

my $reader = $node->background_psql('postgres');
my $vacuum = $node->background_psql('postgres');
my $vacuum_runs = 0;
my %happened;

sub set_limit
{
	my ($limit) = @_;

	return unless $is_zipora;
	$node->safe_psql('postgres', "LOAD 'zipora'; ALTER SYSTEM SET zipora.memory_limit = '$limit'");
	$node->reload;
	wait_until(sub { $reader->query_safe('SHOW zipora.memory_limit') eq $limit }, 10) or die 'the limit does not come';
}

# Something that takes the image away, or changes what the next one is made from.  VACUUM waits for an index-only
# cursor, so it is not waited for.
sub disturb
{
	my ($table) = @_;
	my $what = any_of('nothing', 'evict', 'evict', 'memory', 'insert', 'vacuum');

	return undef if $what eq 'vacuum' && $vacuum_runs;
	$happened{$what}++;
	if ($what eq 'evict')
	{
		$node->safe_psql('postgres', "SELECT zipora_evict('${table}_i')") if $is_zipora;
	}
	elsif ($what eq 'memory')
	{
		# What is there is not given back for the limit's sake.
		set_limit('64kB');
		$node->safe_psql('postgres', "SELECT zipora_evict('${table}_i')") if $is_zipora;
	}
	elsif ($what eq 'insert')
	{
		$changes++;
		$node->safe_psql('postgres', $change{$table} =~ s/\bN\b/$changes/gr);
	}
	elsif ($what eq 'vacuum')
	{
		$vacuum->query_until(qr/begun/, "\\echo begun\nVACUUM (INDEX_CLEANUP ON) $table;\n");
		$vacuum_runs = 1;
		sleep(0.05);
	}
	return $what;
}

# Reads so many rows of the cursor c into the table found.
$reader->query_safe(q{
	CREATE TEMP TABLE expected (number serial, key text, whole text);
	CREATE TEMP TABLE found (number serial, key text, whole text);
	CREATE FUNCTION pg_temp.take(wanted int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		c refcursor := 'c';
		r record;
		taken int := 0;
	BEGIN
		WHILE taken < wanted LOOP
			FETCH c INTO r;
			EXIT WHEN NOT FOUND;
			INSERT INTO found (key, whole) VALUES (r.key, r.whole);
			taken := taken + 1;
		END LOOP;
		RETURN taken;
	END $$});

my @wrong;
foreach my $number (1 .. $cursors)
{
	my ($table, $only, $plain, $up, $down, $condition) = @{ random_query() };
	my $is_only = rand() < 0.5;
	my $columns = $is_only ? $only : $plain;
	my $order = any_of($up, $down);
	my $key = $table =~ /same/ ? 'k' : 'a, b';
	my $query = "SELECT row($key)::text AS key, row($columns)::text AS whole FROM $table WHERE $condition ORDER BY $order";
	my @told;

	# Dead rows, which VACUUM can remove although the cursor's snapshot is there.
	$changes++;
	$node->safe_psql('postgres', $change{$table} =~ s/\bN\b/$changes/gr);
	$reader->query_safe("TRUNCATE found, expected");
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT force_plan(true, false, false)');
	$reader->query_safe("INSERT INTO expected (key, whole) $query");
	$reader->query_safe('SELECT force_plan(false, ' . ($is_only ? 'true' : 'false') . ', false)');
	my $plan = $reader->query_safe("EXPLAIN (COSTS OFF) $query");
	my $scan = $is_only ? 'Index Only Scan' : 'Index Scan';
	push @wrong, "$query: the plan is $plan" if $plan !~ /$scan (Backward )?using ${table}_i/ || $plan =~ /Sort/;
	$reader->query_safe("DECLARE c NO SCROLL CURSOR FOR $query");
	for (;;)
	{
		my $count = any_of(1, 3, 10, 100, 1000, 3000);
		my $taken = $reader->query_safe("SELECT pg_temp.take($count)");
		my $what;

		push @told, "$taken rows";
		last if $taken < $count;
		$what = disturb($table);
		push @told, $what if defined $what;
	}
	$reader->query_safe('SELECT force_plan(true, false, false)');
	my $difference = $reader->query_safe(q{
		SELECT concat_ws(' ', CASE WHEN missing > 0 THEN missing || ' are missing' END, CASE WHEN more > 0 THEN more || ' are too many' END,
			CASE WHEN (SELECT array_agg(key ORDER BY number) FROM expected) IS DISTINCT FROM
				(SELECT array_agg(key ORDER BY number) FROM found) THEN 'out of order' END)
		FROM (SELECT count(*) AS missing FROM (SELECT whole FROM expected EXCEPT ALL SELECT whole FROM found) AS m) AS m,
			(SELECT count(*) AS more FROM (SELECT whole FROM found EXCEPT ALL SELECT whole FROM expected) AS t) AS t});
	$reader->query_safe('COMMIT');
	if ($vacuum_runs)
	{
		$vacuum->query_safe('SELECT 1');
		$vacuum_runs = 0;
	}
	if (grep { $_ eq 'memory' } @told)
	{
		$happened{'scan went on in the log'} += $is_zipora ? $node->safe_psql('postgres',
			"SELECT count(*) FROM zipora_index_stats WHERE index = '${table}_i'::regclass AND reason = 'memory limit'") : 1;
		set_limit('0');
	}
	push @wrong, "$query, by $scan: $difference (" . join('; ', @told) . ')' if $difference ne '';
	last if @wrong >= 3;
}
is(join("\n", @wrong), '', 'cursors that are read in pieces');
note(join(', ', map { "$_: $happened{$_}" } sort keys %happened));
cmp_ok($happened{$_} // 0, '>=', 3, "it happened: $_") foreach 'evict', 'insert', 'vacuum', 'scan went on in the log';
if ($is_zipora)
{
	cmp_ok($node->safe_psql('postgres', 'SELECT max(generation) FROM zipora_index_stats'), '>=', 2, 'compaction');
}
ok(check_index($node, $_), "$_ is sound") foreach @indexes;
$_->quit foreach $reader, $vacuum;

$node->stop;
done_testing();
