# What the tests of indexes share.  INDEX_METHOD is the access method that is tested: zipora, or btree,
# which tests the tests.
package IndexTest;

use strict;
use warnings;

use Exporter 'import';
our @EXPORT = qw($method $is_zipora install_helpers check_index compare_ok text_class wait_until
	kill_server);

use PostgreSQL::Test::Utils;
use Test::More ();
use Time::HiRes qw(sleep);

our $method = $ENV{INDEX_METHOD} || 'zipora';
our $is_zipora = $method eq 'zipora';

# An operator class for text in the order of its bytes, under any collation.
sub text_class
{
	return $is_zipora ? 'text_ops' : 'text_pattern_ops';
}

# SQL functions that compare what an index says with a sequential scan of the same snapshot.
sub install_helpers
{
	my ($node, $database) = @_;
	$database //= 'postgres';

	$node->safe_psql($database, q{
CREATE EXTENSION IF NOT EXISTS zipora;

CREATE FUNCTION force_plan(sequential boolean, index_only boolean, bitmap boolean) RETURNS void
LANGUAGE sql VOLATILE AS $$
	SELECT set_config(name, CASE WHEN value THEN 'on' ELSE 'off' END, true)
	FROM (VALUES ('enable_seqscan', sequential), ('enable_indexscan', NOT sequential AND NOT bitmap),
		('enable_indexonlyscan', index_only), ('enable_bitmapscan', bitmap),
		('enable_sort', sequential OR bitmap)) AS settings (name, value)
$$;

-- Raises an error if the query has another answer through the index, in any of the ways that
-- the wanted ones say: i: index scan, o: index-only scan, b: bitmap scan.
-- All of it must see one snapshot (and STABLE, which would do, does not allow EXPLAIN).
CREATE FUNCTION compare(index text, query text, ordered boolean, ways text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	gather text := format('SELECT coalesce(array_agg(r::text%s), ''{}'') FROM (%s) AS r',
		CASE WHEN ordered THEN '' ELSE ' ORDER BY r::text COLLATE "C"' END, query);
	expected text[];
	found text[];
	way text;
	line text;
	plan text;
BEGIN
	IF current_setting('transaction_isolation') = 'read committed' THEN
		RAISE EXCEPTION 'compare needs a transaction with one snapshot';
	END IF;
	PERFORM force_plan(true, false, false);
	EXECUTE gather INTO expected;
	FOREACH way IN ARRAY string_to_array(ways, NULL) LOOP
		PERFORM force_plan(false, way = 'o', way = 'b');
		plan := '';
		FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
			plan := plan || line || E'\n';
		END LOOP;
		IF plan !~ (CASE way WHEN 'i' THEN 'Index Scan.* ' WHEN 'o' THEN 'Index Only Scan.* '
			ELSE 'Bitmap Index Scan on ' END || index) THEN
			RAISE EXCEPTION 'the plan of % does not use % by way %: %', query, index, way, plan;
		END IF;
		EXECUTE gather INTO found;
		IF found <> expected THEN
			RAISE EXCEPTION '% by way %: % rows, by a sequential scan %', query, way,
				cardinality(found), cardinality(expected)
			USING DETAIL = format('not expected: %s; missing: %s',
				(SELECT left(array_agg(f)::text, 2000) FROM (SELECT unnest(found) AS f EXCEPT ALL SELECT unnest(expected)) AS more),
				(SELECT left(array_agg(f)::text, 2000) FROM (SELECT unnest(expected) AS f EXCEPT ALL SELECT unnest(found)) AS less));
		END IF;
	END LOOP;
	PERFORM force_plan(true, true, true);
	PERFORM set_config('enable_indexscan', 'on', true);
	RETURN cardinality(expected);
END $$;
});
}

# A test: these SELECTs of compare raise no error.
sub compare_ok
{
	my ($node, $statements, $name) = @_;
	my ($rc, $out, $err) = $node->psql('postgres',
		"BEGIN ISOLATION LEVEL REPEATABLE READ; $statements; COMMIT;");

	return Test::More::is($err, '', $name);
}

# Raises an error if the index is damaged; nothing to ask of another method.
sub check_index
{
	my ($node, $index, $database) = @_;

	return 1 unless $is_zipora;
	my ($rc, $out, $err) =
		$node->psql($database // 'postgres', "SELECT zipora_index_check('$index', true)");
	print "# $err\n" if $rc != 0;
	return $rc == 0;
}

# kill -9 of the postmaster; returns when its children are gone too, since only then can a server
# start in the same folder.
sub kill_server
{
	my ($node) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = grep { slurp_status($_) =~ /^PPid:\s+$postmaster$/m }
	  map { m{/(\d+)$} } glob('/proc/[0-9]*');

	$node->kill9;
	wait_until(sub { !grep { slurp_status($_) =~ /^State:\s+[^Z]/m } $postmaster, @children })
	  or die 'processes of the server do not end';
	# Who adopts the postmaster's orphaned process may take a while to see that it has ended.
	unlink($node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock');
}

# /proc/<pid>/status; empty if there is no such process.
sub slurp_status
{
	my ($pid) = @_;

	open(my $file, '<', "/proc/$pid/status") or return '';
	local $/;
	return <$file> // '';
}

# Waits for something at most so many seconds.
sub wait_until
{
	my ($condition, $seconds) = @_;

	for (my $waited = 0; $waited < ($seconds // 60); $waited += 0.1)
	{
		return 1 if $condition->();
		sleep(0.1);
	}
	return 0;
}

1;
