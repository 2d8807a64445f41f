# Keys and conditions of the index against the types' own operators: test/modules/keys.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $module = abs_path(dirname(__FILE__) . '/../modules/keys');
my $rounds = $ENV{KEYS_ROUNDS} || 6000;
my $seed = $ENV{KEYS_SEED} || int(rand(1_000_000_000));

command_ok([ 'make', '-s', '-C', $module, 'PG_CONFIG=pg_config' ], 'the module builds');

my $node = PostgreSQL::Test::Cluster->new('keys');
$node->init;
$node->start;
$node->safe_psql('postgres', qq(
	CREATE FUNCTION test_key_encodings(bigint, int) RETURNS bigint
	AS '$module/test_keys', 'test_key_encodings' LANGUAGE C STRICT;
	CREATE FUNCTION test_key_walks(bigint, int) RETURNS bigint
	AS '$module/test_keys', 'test_key_walks' LANGUAGE C STRICT;
	CREATE FUNCTION test_key_included(record) RETURNS boolean
	AS '$module/test_keys', 'test_key_included' LANGUAGE C STRICT;
	CREATE FUNCTION test_key_included_text(text) RETURNS boolean
	AS '$module/test_keys', 'test_key_included_text' LANGUAGE C STRICT;
	CREATE TYPE included AS (a int2, b int4, c int8, d text, e name, f boolean, g float8,
		h numeric, i box, j int[], k "char", l bytea, m cidr, n int2vector);
));

sub passes
{
	my ($name, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);

	ok($status == 0 && $out =~ /^(t|[1-9]\d*)$/m, $name)
	  or diag("seed $seed: $out $err");
}

passes('encodings are in order, free of prefixes, and come back',
	"SELECT test_key_encodings($seed, $rounds)");

# Zones whose clock was turned back, left out a day, or is far off.
foreach my $zone ('UTC', 'America/New_York', 'Pacific/Apia', 'Asia/Manila', '<X>-100')
{
	passes("walks find what the operators find, in $zone",
		"SET timezone = '$zone'; SELECT test_key_walks($seed, $rounds)");
	$seed++;
}

passes('included columns come back', q(
	SELECT bool_and(test_key_included(row(i, CASE WHEN i % 3 = 0 THEN NULL ELSE i END,
		i::int8 << 33, repeat('x', i * 37 % 3000), 'n' || i, i % 2 = 0, i / 7.0, i::numeric ^ 9,
		box(point(i, i), point(0, 1)), ARRAY[i, NULL, 3], 'c',
		decode(repeat('00', i % 130), 'hex'), '10.0.0.0/8', '1 2 3')::included))
	FROM generate_series(1, 2000) i));
passes('and when all are NULL', q(SELECT test_key_included(row(NULL, NULL, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::included)));

# Values that live in the heap's toast table are fetched; compressed ones may stay so.
$node->safe_psql('postgres', q(
	CREATE TABLE toasted (d text);
	INSERT INTO toasted VALUES (repeat('0123456789', 500));
	ALTER TABLE toasted ALTER d SET STORAGE EXTERNAL;
	INSERT INTO toasted VALUES (repeat('0123456789', 5000));
));
passes('toasted ones too', 'SELECT bool_and(test_key_included_text(d)) FROM toasted');

$node->stop;
done_testing();
