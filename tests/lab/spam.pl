#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# SpamAssassin for tests, as a library and without a network.
#
# usage: spam.pl parse <LINES
#	each line is an Authentication-Results field, as AuthRes reads it:
#	"ok dkim=pass spf=fail ...", or why it is thrown away
# usage: spam.pl check DIR FILE...
#	each message with the rules in DIR and no other: "SCORE RULE..."
use strict;
use warnings;

sub parse {
	require Mail::SpamAssassin::Plugin::AuthRes;
	while (my $line = <STDIN>) {
		chomp $line;
		# Only what the parser looks at.
		my $pms = { conf => { authres_trusted_authserv => {},
			authres_ignored_authserv => {} } };
		my ($name, $value) = split(/:\s*/, $line, 2);
		my $good = eval {
			Mail::SpamAssassin::Plugin::AuthRes::parse_authres(
			    undef, $pms, $name, $value);
		};
		if (!$good) {
			my $why = $@ || "no reason\n";
			print "skipped: $why";
			next;
		}
		my $found = $pms->{authres_parsed};
		print join(' ', 'ok', map {
			my $method = $_;
			map { "$method=$_->{result}" } @{ $found->{$method} }
		} sort keys %$found), "\n";
	}
}

sub check {
	my ($directory, @files) = @_;
	require Mail::SpamAssassin;
	my $spam = Mail::SpamAssassin->new({
		rules_filename => $directory,
		site_rules_filename => $directory,
		userprefs_filename => '/dev/null',
		userstate_dir => $directory,
		dont_copy_prefs => 1,
		local_tests_only => 1,
	});
	for my $file (@files) {
		open(my $in, '<', $file) or die "$file: $!\n";
		my $mail = $spam->parse($in);
		my $status = $spam->check($mail);
		printf("%g %s\n", $status->get_score(),
		    join(' ', sort split(/,/, $status->get_names_of_tests_hit())));
		$status->finish();
		$mail->finish();
	}
}

my $how = shift // '';
if ($how eq 'parse') {
	parse();
} elsif ($how eq 'check') {
	check(@ARGV);
} else {
	die "usage: $0 parse | check DIR FILE...\n";
}
