# A /dev/shm of 64 MB, as containers have it: when it is full, an insert fails with
# a clear error, nothing is lost, and what is freed can be used again.
#
# The server runs in a mount namespace of its own, which needs no privilege where
# user namespaces are allowed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Runs a command where /dev/shm has 64 MB.
my @small = ('unshare', '--user', '--map-current-user', '--mount', '--keep-caps', 'perl', '-e', q{
	my ($what, $where, $options) = ('tmpfs', '/dev/shm', 'size=64m');
	my %mount = (x86_64 => 165, aarch64 => 40);
	chomp(my $machine = `uname -m`);
	syscall($mount{$machine}, $what, $where, $what, 0, $options) == 0 or die "mount: $!";
	exec @ARGV or die "exec: $!";
});

if (system(join(' ', map { "'" . s/'/'\\''/gr . "'" } @small, 'true') . ' > /dev/null 2>&1') != 0)
{
	plan skip_all => 'no mount namespace can be made here';
}

my $node = PostgreSQL::Test::Cluster->new('full');
$node->init;
$node->append_conf('postgresql.conf', "shared_memory_type = sysv\nshared_buffers = 16MB");
command_ok([ @small, 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start' ],
	'a server with 64 MB of /dev/shm');
$node->safe_psql('postgres', q{CREATE EXTENSION zipora; SELECT zipora_create('t', 'text')});

my ($rc, $out, $err) = $node->psql('postgres', q{
	DO $$
	BEGIN
		FOR i IN 1 .. 1000 LOOP
			PERFORM zipora_insert('t', 'k' || i, repeat('v', 100000));
		END LOOP;
	END $$});
isnt($rc, 0, 'the memory is full at some time');
like($err, qr/ERROR:  out of shared memory/, 'and the error says so');
like($err, qr/DETAIL: .*HINT: .*\/dev\/shm/s, 'with figures and a hint');

my $keys = $node->safe_psql('postgres', 'SELECT keys FROM zipora_tries');
cmp_ok($keys, '>', 200, "$keys values of 100 kB fit");
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM zipora_scan('t') WHERE value = repeat('v', 100000)}), $keys,
	'what was acknowledged is there');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM zipora_check('t')}), 't',
	'the trie is sound');

# The same for a server process that does other things: it goes on.
is($node->safe_psql('postgres', 'SELECT sum(i) FROM generate_series(1, 1000) i'), '500500',
	'other statements work');
is($node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE zipora_delete('t', key)) FROM
			(SELECT key FROM zipora_scan('t')) AS all_keys}), $keys, 'a full trie can be emptied');
is($node->safe_psql('postgres', q{SELECT zipora_insert('t', 'again', repeat('w', 100000))}), 't',
	'and filled again');
cmp_ok($node->safe_psql('postgres', 'SELECT reserved_bytes FROM zipora_memory'), '<', 40000000,
	'memory went back to the system');

system_or_bail('pg_ctl', '-w', '-m', 'fast', '-D', $node->data_dir, 'stop');
done_testing();
