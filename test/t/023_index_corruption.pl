# Damaged pages: whatever byte of an index is another one, statements either answer rightly or say that the index
# is corrupted; none hangs, none takes the server down.  zipora_index_check notices every change of the mark of
# a page of the chain and of the metapage, and REINDEX repairs all.
#
# There are many copies of one table with its index; in each one byte is changed while the server is down.  A
# key that has become another one, or an entry that lies behind the end of its page's entries now, cannot be seen
# by who reads the page; but zipora_index_check sees it, since it knows the table.
#
# Environment: INDEX_VICTIMS (300), INDEX_SEED.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IndexTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the pages are those of zipora' unless $is_zipora;

my $seed = $ENV{INDEX_SEED} || time;
my $victim_count = $ENV{INDEX_VICTIMS} || 300;
srand($seed);
note("INDEX_SEED=$seed");

use constant {
	BLOCK => 8192, FIRST => 24, MARK => 8160, META_BYTES => 128, INVALID => 0xFFFFFFFF,
	META => 1, BASE => 2, TAIL => 3, FREE => 4
};
my @kind_names = (undef, 'metapage', 'base page', 'tail page', 'free page');

my $node = PostgreSQL::Test::Cluster->new('corruption');
$node->init;
$node->append_conf('postgresql.conf', q{
autovacuum = off
log_statement = none
shared_buffers = 32MB
checkpoint_timeout = 1h
max_locks_per_transaction = 2048
jit = off
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION zipora');

# ---- the table, and an index that has pages of all kinds ----------------------------

# The copies are there before the rows, so that VACUUM does not find rows from before their time.
$node->safe_psql('postgres', join("\n", map {
	"CREATE TABLE v$_ (id int, k text, v text); CREATE INDEX v${_}_k ON v$_ USING zipora (k) INCLUDE (id);"
} 0 .. $victim_count - 1));

my $row = q{i, 'key ' || md5((i % 1200)::text), 'v' || i};
$node->safe_psql('postgres', qq{
	CREATE TABLE original (id int, k text, v text);
	INSERT INTO original SELECT $row FROM generate_series(1, 1000) AS i;
	CREATE INDEX original_k ON original USING zipora (k) INCLUDE (id)});
$node->safe_psql('postgres', qq{INSERT INTO original SELECT $row FROM generate_series(1001, 2400) AS i});
$node->safe_psql('postgres', q{DELETE FROM original WHERE id % 3 = 1});
$node->safe_psql('postgres', q{VACUUM (INDEX_CLEANUP ON) original});
$node->safe_psql('postgres', qq{INSERT INTO original SELECT $row FROM generate_series(3000, 3400) AS i});
$node->safe_psql('postgres', q{DELETE FROM original WHERE id % 25 = 2});
$node->safe_psql('postgres', q{VACUUM (INDEX_CLEANUP ON) original});
$node->safe_psql('postgres', qq{INSERT INTO original SELECT $row FROM generate_series(3401, 3440) AS i});
$node->safe_psql('postgres', q{VACUUM (INDEX_CLEANUP OFF) original});
my ($index_path, $table_path) = map {
	$node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_')")
} 'original_k', 'original';
$node->safe_psql('postgres', 'CHECKPOINT');

# block => what it is
my @pages;
{
	my $file = slurp_file($index_path);
	my ($first, $block) = unpack('x24 L', substr($file, FIRST));

	for (my $number = 0; $number < length($file) / BLOCK; $number++)
	{
		my $page = substr($file, $number * BLOCK, BLOCK);
		my ($next, $kind) = unpack('x24 L S', substr($page, MARK));

		push @pages, { block => $number, kind => $kind, next => $next, lower => unpack('S', substr($page, 12)) };
	}
	for ($block = $first; $block != INVALID; $block = $pages[$block]{next})
	{
		$pages[$block]{in_chain} = 1;
	}
}
my %of_kind;
push @{ $of_kind{ $_->{kind} } }, $_ foreach @pages;
foreach my $kind (META, BASE, TAIL, FREE)
{
	cmp_ok(scalar @{ $of_kind{$kind} // [] }, '>=', $kind == META ? 1 : 2, "the index has a $kind_names[$kind]");
}
is(scalar(grep { !$_->{in_chain} } @{ $of_kind{+BASE} }, @{ $of_kind{+TAIL} }), 0,
	'base and tail pages are in the chain');
my ($last) = grep { $_->{kind} == TAIL && $_->{next} == INVALID } @pages;

# ---- the victims --------------------------------------------------------------------

# page, offset in it, what the byte is xor'ed with, what it belongs to
my @victims = ({ what => 'nothing', belongs => 'nothing' });

sub add_victim
{
	my ($page, $offset, $change, $belongs) = @_;

	push @victims, {
		page => $page, offset => $offset, change => $change, belongs => $belongs,
		must_notice => $belongs eq 'metapage' || $belongs eq 'mark' && $page->{kind} != FREE,
		what => sprintf('byte %d of the %s, of a %s (block %d), xor 0x%02X', $offset, $belongs,
			$kind_names[ $page->{kind} ], $page->{block}, $change)
	};
}

sub any_of
{
	return $_[ int(rand(@_)) ];
}

# Those that did harm once, or might: each kind of page taken for another one; the ends of the chain; what
# VACUUM counts and waits by.
foreach my $kind (BASE, TAIL, FREE)
{
	add_victim(any_of(@{ $of_kind{$kind} }), MARK + 28, $kind ^ $_, 'mark')
	  foreach grep { $_ != $kind } META, BASE, TAIL, FREE;
}
add_victim($last, MARK + 24 + $_, 0xFF, 'mark') foreach 0 .. 3;
add_victim($last, MARK + 16, 1, 'mark');
add_victim($last, MARK + 8, 1, 'mark');
add_victim(any_of(@{ $of_kind{+BASE} }), MARK + 24 + $_, 0x55, 'mark') foreach 0 .. 3;
my $meta = $of_kind{+META}[0];
for (my $offset = 0; $offset < META_BYTES; $offset += 4)
{
	add_victim($meta, FIRST + $offset, 1, 'metapage');
}
# epoch and drained, far away
add_victim($meta, FIRST + 80 + $_, 0x80, 'metapage') foreach 5, 7, 13, 15;

# The dead flag of an entry that lives, and of one that was removed; what a tombstone names.
my $original = slurp_file($index_path);
my %entries;
foreach my $page (@{ $of_kind{+BASE} }, @{ $of_kind{+TAIL} })
{
	for (my $offset = FIRST; $offset < $page->{lower};)
	{
		my ($head, undef, undef, $row) = unpack('S4', substr($original, $page->{block} * BLOCK + $offset, 8));

		push @{ $entries{ $row == 0 ? 'tombstone' : $head & 0x8000 ? 'dead' : 'alive' } }, [ $page, $offset ];
		$offset += $head & 0x7FFF;
	}
}
foreach my $state ('alive', 'dead')
{
	foreach (1 .. 3)
	{
		my ($page, $offset) = @{ any_of(@{ $entries{$state} }) };

		add_victim($page, $offset + 1, 0x80, 'entries');
		$victims[-1]{must_notice} = 1 if $state eq 'dead';
	}
}
foreach my $byte (4, 8, 15, 16, 17)
{
	my ($page, $offset) = @{ any_of(@{ $entries{tombstone} }) };

	add_victim($page, $offset + $byte, 1, 'entries');
	$victims[-1]{must_notice} = 1;
}

while (@victims < $victim_count)
{
	my $page = any_of(@{ $of_kind{ any_of(META, BASE, TAIL, TAIL, FREE) } });
	my $part = rand();
	my $change = rand() < 0.5 ? 1 << int(rand(8)) : 1 + int(rand(255));

	if ($part < 0.35)
	{
		add_victim($page, MARK + int(rand(BLOCK - MARK)), $change, 'mark');
	}
	elsif ($part < 0.55)
	{
		add_victim($page, int(rand(FIRST)), $change, 'header');
	}
	elsif ($page->{kind} == META)
	{
		add_victim($page, FIRST + int(rand(META_BYTES)), $change, 'metapage');
	}
	elsif ($page->{kind} == FREE)
	{
		add_victim($page, FIRST + int(rand(MARK - FIRST)), $change, 'free page');
	}
	else
	{
		add_victim($page, FIRST + int(rand($page->{lower} - FIRST)), $change, 'entries');
	}
}
$victims[$_]{name} = "v$_" foreach 0 .. $#victims;

my %path = map { split(/\|/) } split(/\n/, $node->safe_psql('postgres',
	q{SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^v\d+(_k)?$'}));
$node->stop;
foreach my $victim (@victims)
{
	foreach my $copied ([ $index_path, "$victim->{name}_k" ], [ $table_path, $victim->{name} ])
	{
		foreach my $fork ('', '_fsm', '_vm')
		{
			my $to = $node->data_dir . '/' . $path{ $copied->[1] } . $fork;

			unlink($to);
			next unless -e $copied->[0] . $fork;
			my $content = slurp_file($copied->[0] . $fork);
			if ($fork eq '' && $copied->[1] =~ /_k$/ && $victim->{page})
			{
				my $place = $victim->{page}{block} * BLOCK + $victim->{offset};

				substr($content, $place, 1) = chr(ord(substr($content, $place, 1)) ^ $victim->{change});
			}
			append_to_file($to, $content);
		}
	}
}
$node->start;

# ---- statements ----------------------------------------------------------------------

my %steps = (
	point => q{SELECT string_agg(id || v, ',' ORDER BY id) FROM NAME WHERE k = 'key ' || md5('77')},
	missing => q{SELECT count(v) FROM NAME WHERE k = 'key'},
	list => q{SELECT string_agg(id || v, ',' ORDER BY id) FROM NAME WHERE k IN ('key ' || md5('3'), 'key ' || md5('600'), 'none')},
	range => q{SELECT count(*), md5(string_agg(id || k || v, ',' ORDER BY id)) FROM NAME WHERE k ~>=~ 'key 3'},
	all => q{SELECT count(*), md5(string_agg(k || id, ',')) FROM (SELECT k, id FROM NAME WHERE k ~>=~ '' ORDER BY k USING ~<~, id) AS ordered},
	backward => q{SELECT count(*), md5(string_agg(k, ',')) FROM (SELECT k FROM NAME WHERE k ~<~ 'key d' ORDER BY k USING ~>~) AS ordered},
	check => q{SELECT zipora_index_check('NAME_k')},
	full_check => q{SELECT zipora_index_check('NAME_k', true)},
	insert => q{INSERT INTO NAME SELECT 10000 + i, 'new ' || i, 'new' FROM generate_series(1, 200) AS i},
	inserted => q{SELECT count(v), sum(id) FROM NAME WHERE k ^@ 'new 1'},
	delete => q{DELETE FROM NAME WHERE id % 100 = 7},
	vacuum => q{VACUUM (INDEX_CLEANUP ON) NAME},
	evict => q{SELECT zipora_evict('NAME_k') IS NOT NULL},
	reindex => q{REINDEX INDEX NAME_k},
	sequential => q{SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off},
	indexed => q{SET enable_seqscan = off; SET enable_indexscan = on; SET enable_indexonlyscan = on; SET enable_bitmapscan = on},
);

# Runs steps for each victim; victim => step => { out, err }.
sub run_steps
{
	my (@names) = @_;
	my $script = "\\set VERBOSITY verbose\nSET statement_timeout = '5s';\n$steps{indexed};\n";
	my %answers;

	foreach my $victim (0 .. $#victims)
	{
		foreach my $number (0 .. $#names)
		{
			my $statement = $steps{ $names[$number] } =~ s/NAME/$victims[$victim]{name}/gr;

			$script .= "\\echo \@ $victim $names[$number]\n\\warn \@ $victim $names[$number]\n$statement;\n";
		}
	}
	# A last line, since psql() and split() take empty ones from the end.
	my ($rc, $out, $err) = $node->psql('postgres', "$script\\echo =\n", on_error_stop => 0);
	is($rc, 0, 'the connection stays');
	foreach my $stream ([ 'out', $out ], [ 'err', $err ])
	{
		my $now = {};

		foreach my $line (split(/\n/, $stream->[1]))
		{
			if ($line =~ /^@ (\d+) (\w+)$/)
			{
				$now = $answers{$1}{$2} //= { out => '', err => '' };
				next;
			}
			$now->{ $stream->[0] } .= "$line\n" unless $line eq '=';
		}
	}
	return \%answers;
}

# Whether an error says that the index is corrupted.  (PostgreSQL itself looks at a page's header, and at TIDs.  A
# version that has become another one reads as a version.)
sub says_corrupted
{
	my ($victim, $err) = @_;

	return 1 if $err =~ /ERROR:  XX00[12]: .*"$victim->{name}_k".*^HINT:.*REINDEX/ms;
	return 1 if $victim->{belongs} eq 'header' && $err =~ /ERROR:  XX001: invalid page in block \d+ of relation/;
	return 1 if $victim->{belongs} eq 'entries' &&
		$err =~ /ERROR:  XX00[01]: (could not (open file|read block)|tuple offset out of range)/;
	return 1 if $victim->{belongs} eq 'metapage' && $victim->{offset} >= FIRST + 4 && $victim->{offset} < FIRST + 8 &&
		$err =~ /ERROR:  55000: .*"$victim->{name}_k".*^HINT:.*REINDEX/ms;
	return 0;
}

# Bytes of which the page itself cannot tell.
sub is_opaque
{
	my ($victim) = @_;

	return $victim->{belongs} eq 'entries' ||
		$victim->{belongs} eq 'header' && ($victim->{offset} == 12 || $victim->{offset} == 13);
}

# Compares what the steps said with what they say of an index that is sound.
sub judge
{
	my ($answers, $phase) = @_;
	my @problems;
	my ($errors, $wrong) = (0, 0);

	foreach my $number (0 .. $#victims)
	{
		my $victim = $victims[$number];
		my $noticed = grep { /check/ && $answers->{$number}{$_}{err} ne '' } keys %{ $answers->{$number} };

		foreach my $step (sort keys %{ $answers->{0} })
		{
			my $answer = $answers->{$number}{$step} // { out => '', err => 'no answer' };
			# Nothing was inserted then.
			next if $step eq 'inserted' && $answers->{$number}{insert}{err} ne '' && $answer->{out} =~ /^0/;
			my $told = sprintf("%s: %s %s: %s%s", $victim->{what}, $phase, $step, $answer->{out}, $answer->{err});

			if ($answer->{err} ne '')
			{
				$errors++;
				push @problems, $told unless says_corrupted($victim, $answer->{err});
			}
			elsif ($answer->{out} ne $answers->{0}{$step}{out})
			{
				$wrong++;
				push @problems, $told unless is_opaque($victim) && ($noticed || $victim->{noticed});
			}
		}
		$victim->{noticed} ||= $noticed;
	}
	note("$phase: $errors errors, $wrong wrong answers");
	is(join("\n", @problems), '', "$phase: a right answer, or an error that says what is wrong");
}

# What the answers should be, and that the index is used for them.
my @queries = qw(point missing list range all backward);
my %expected;
$expected{$_} = $node->safe_psql('postgres', "$steps{sequential}; " . $steps{$_} =~ s/NAME/original/gr) foreach @queries;
foreach my $query (@queries)
{
	like($node->safe_psql('postgres', "$steps{indexed}; EXPLAIN " . $steps{$query} =~ s/NAME/v0/gr),
		qr/v0_k/, "the index is used: $query");
}

my $answers = run_steps(@queries, 'check', 'full_check');
is($answers->{0}{$_}{out}, "$expected{$_}\n", "the index that is sound: $_") foreach @queries;
is($answers->{0}{$_}{err}, '', "the index that is sound: $_") foreach 'check', 'full_check';
judge($answers, 'by the image');
my @overlooked = map { $victims[$_]{what} } grep {
	$victims[$_]{must_notice} && $answers->{$_}{check}{err} eq ''
} 1 .. $#victims;
is(join("\n", @overlooked), '', 'zipora_index_check notices changes of marks, of the metapage, of removals');

# Without images.  (Memory that the server has already is not given back for the limit's sake.)
$node->append_conf('postgresql.conf', "zipora.memory_limit = '64kB'");
$node->restart;
run_steps('evict');
$answers = run_steps(@queries);
is($answers->{0}{$_}{out}, "$expected{$_}\n", "the index that is sound, without an image: $_") foreach @queries;
judge($answers, 'by the log');
cmp_ok($node->safe_psql('postgres', q{SELECT log_scans FROM zipora_index_stats WHERE index = 'v0_k'::regclass}),
	'>=', scalar @queries, 'it was the log');

# Changes, and VACUUM.
$answers = run_steps('insert', 'inserted', 'delete', 'vacuum');
is($answers->{0}{inserted}{out}, "111|1125096\n", 'the index that is sound: what was inserted is found');
is($answers->{0}{vacuum}{err}, '', 'the index that is sound: VACUUM');
my $checks = run_steps('full_check');
$answers->{$_}{full_check} = $checks->{$_}{full_check} foreach 0 .. $#victims;
judge($answers, 'changed');
$node->append_conf('postgresql.conf', "zipora.memory_limit = 0");
$node->restart;
$answers = run_steps(@queries, 'inserted', 'full_check', 'insert', 'vacuum');

# REINDEX.
run_steps('reindex');
$answers = run_steps('evict', 'range', 'all', 'backward', 'inserted', 'full_check');
my $sequential = run_steps('sequential', 'range', 'all', 'backward', 'inserted');
my @left;
foreach my $number (0 .. $#victims)
{
	push @left, "$victims[$number]{what}: $answers->{$number}{full_check}{err}" if $answers->{$number}{full_check}{err} ne '';
	foreach my $step (qw(range all backward inserted))
	{
		push @left, "$victims[$number]{what}: $step: $answers->{$number}{$step}{err}"
		  unless $answers->{$number}{$step}{err} eq '' &&
			$answers->{$number}{$step}{out} eq $sequential->{$number}{$step}{out};
	}
}
is(join("\n", @left), '', 'REINDEX repairs all');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP|statement timeout/, 'nothing crashed, nothing hung');

$node->stop;
done_testing();
