# The part of ICU's data that PostgreSQL uses. icu-data.pl icudt78l.dat DIR ROOT.dat: files below DIR, as ICU looks for what is not built in,
# and an archive of the root collation in ROOT.dat, which is built in. Without it PostgreSQL's own case conversion has no titles (brkitr)
# and databases in other encodings than UTF-8 no converters; names of languages and regions are what initdb writes as comments.
#
# The format (source/common/ucmndata.h): a header {u16 its size, ...}, then a table {u32 count, count times {u32 offset of the name,
# u32 offset of the data}} ordered by name, offsets from the table on, data aligned to 16.
use strict;
use warnings;

my @built_in = qw(coll/root.res coll/ucadata.icu);
my %converters = map { ("$_.cnv" => 1) } qw(euc-jp-2007 ibm-1383_P110-1999 ibm-970_P110_P110-2006_U2 euc-tw-2014 ibm-912_P100-1995 ibm-913_P100-2000
	ibm-914_P100-1995 ibm-920_P100-1995 iso-8859_10-1998 ibm-921_P100-1995 iso-8859_14-1998 ibm-923_P100-1998 ibm-9448_X100-2005
	ibm-5354_P100-1998 ibm-866_P100-1995 ibm-878_P100-1996 ibm-5347_P100-1998 ibm-5348_P100-1997 ibm-915_P100-1995 ibm-1089_P100-1995
	ibm-9005_X110-2007 ibm-5012_P100-1999 ibm-5346_P100-1998 ibm-5349_P100-1998 ibm-5350_P100-1998 ibm-9447_P100-2002 ibm-9449_P100-2002
	ibm-1168_P100-2002);

sub wanted
{
	local $_ = shift;
	return $converters{$_} if /\.cnv$/;
	return m{^coll/}
	  || m{^brkitr/(\w+\.res|word(_POSIX)?\.brk)$}
	  || m{^(lang/|region/)?(res_index|root|en|pool)\.res$}
	  || m{^(keyTypeData|timezoneTypes|langInfo)\.res$}
	  || $_ eq 'cnvalias.icu';
}

my ($from, $directory, $root) = @ARGV;
open my $in, '<:raw', $from or die "$from: $!\n";
my $all = do { local $/; <$in> };
my $start = unpack 'v', $all;
substr($all, 12, 4) eq 'CmnD' or die "$from is not ICU's data\n";
my $count = unpack 'V', substr $all, $start, 4;
my @entries = unpack 'V*', substr $all, $start + 4, 8 * $count;
my %files;
for my $i (0 .. $count - 1)
{
	my ($name, $at) = @entries[ 2 * $i, 2 * $i + 1 ];
	my $end = $i + 1 < $count ? $entries[ 2 * $i + 3 ] : length($all) - $start;
	$name = unpack 'Z*', substr $all, $start + $name, 200;
	$files{$name} = substr $all, $start + $at, $end - $at;
}
my ($prefix) = (sort keys %files)[0] =~ m{^([^/]+/)};

sub save
{
	my ($path, $content) = @_;
	for (my $slash = 0; ($slash = index $path, '/', $slash + 1) > 0;) { mkdir substr $path, 0, $slash; }
	open my $out, '>:raw', $path or die "$path: $!\n";
	print $out $content or die "$path: $!\n";
	close $out or die "$path: $!\n";
}

my %is_built_in = map { ($_ => 1) } @built_in;
for (keys %converters, @built_in, 'brkitr/word.brk', 'keyTypeData.res') { exists $files{ $prefix . $_ } or die "$from has no $_\n"; }
for my $name (keys %files)
{
	my $path = substr $name, length $prefix;
	save("$directory/$name", $files{$name}) if wanted($path) && !$is_built_in{$path};
}

my ($table, $data) = (pack('V', scalar @built_in), '');
my $names = join '', map { "$prefix$_\0" } @built_in;
my $name_at = 4 + 8 * @built_in;
my $data_at = ($name_at + length($names) + 15) & ~15;
my $gap = "\0" x ($data_at - $name_at - length $names);
for (@built_in)
{
	$table .= pack 'VV', $name_at, $data_at + length $data;
	$name_at += length "$prefix$_\0";
	$data .= $files{ $prefix . $_ };
	$data .= "\0" x (-length($data) & 15);
}
save($root, substr($all, 0, $start) . $table . $names . $gap . $data);
