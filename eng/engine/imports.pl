# What a side module imports that neither the server has nor itself, one name a line. imports.pl POSTGRES MODULE.so
use strict;
use warnings;

sub leb
{
	my ($bytes, $at) = @_;
	my ($value, $shift) = (0, 0);
	while (1)
	{
		my $byte = ord substr $$bytes, $$at++, 1;
		$value |= ($byte & 127) << $shift;
		$shift += 7;
		return $value if $byte < 128;
	}
}

sub name { my ($bytes, $at) = @_; my $length = leb($bytes, $at); $$at += $length; return substr $$bytes, $$at - $length, $length; }
sub limits { my ($bytes, $at) = @_; my $flags = leb($bytes, $at); leb($bytes, $at); leb($bytes, $at) if $flags & 1; return; }

sub names # of imports, of exports
{
	my $file = shift;
	open my $in, '<:raw', $file or die "$file: $!\n";
	my $all = do { local $/; <$in> };
	substr($all, 0, 4) eq "\0asm" or die "$file is not a WebAssembly module\n";
	my (@imports, @exports);
	for (my $at = 8; $at < length $all;)
	{
		my $section = ord substr $all, $at++, 1;
		my $size = leb(\$all, \$at);
		my $end = $at + $size;
		for my $i (1 .. ($section == 2 || $section == 7 ? leb(\$all, \$at) : 0))
		{
			name(\$all, \$at) if $section == 2;
			my $name = name(\$all, \$at);
			my $kind = ord substr $all, $at++, 1;
			push @{ $section == 2 ? \@imports : \@exports }, $name;
			if ($section == 7 || $kind == 0) { leb(\$all, \$at); }
			elsif ($kind == 3) { $at += 2; }
			else { $at++ if $kind == 1; limits(\$all, \$at); }
		}
		$at = $end;
	}
	return (\@imports, \@exports);
}

my ($server_imports, $server_exports) = names($ARGV[0]);
my ($imports, $exports) = names($ARGV[1]);
# Those of the kernel that the server does not use
my @host = qw(pocket_throw_exception pocket_thrown_exception);
my %known = map { ($_ => 1) } @$server_imports, @$server_exports, @$exports, @host, qw(memory __memory_base __table_base __stack_pointer __indirect_function_table);
print map { "$_\n" } grep { !$known{$_} && !/^invoke_/ } do { my %seen; grep { !$seen{$_}++ } @$imports };
