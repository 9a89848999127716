#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Every example of a configuration in verdict-rules(7) is one that verdictd
# takes and that a scenario shows at work, every input and preset is in the
# manual, and a mistake is shown where it stands.

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
manual=$SRC/man/verdict-rules.7
n=0

# result STATUS NAME
result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		[ ! -s "$dir/out" ] || sed 's/^/# /' "$dir/out"
	fi
}

# The displays that are configurations, one file each.
awk -v dir="$dir" '
	/^\.Bd/ { show = 1; text = ""; next }
	/^\.Ed/ {
		if (text ~ /^[a-z]+ .*[{]/)
			printf "%s", text >(dir "/example." ++count)
		show = 0
	}
	show { text = text $0 "\n" }
' "$manual"
echo '192.0.2.99' >"$dir/forwarders"

for example in "$dir"/example.*; do
	# A list file of addresses serves where the manual names one.
	sed "s|/etc/verdictd/forwarders|$dir/forwarders|" "$example" \
	    >"$dir/conf"
	"$BUILD/verdictd" -n -c "$dir/conf" >"$dir/out" 2>&1
	result $? "$(head -n 1 "$example")"
	# There it stands in one piece, though indented, and with an address
	# in place of the file.
	sed "s|file '/etc/verdictd/forwarders'|192.0.2.99|" "$example" |
	    tr -s ' \t\n' ' ' >"$dir/out"
	tr -s ' \t\n' ' ' <"$SRC/tests/scenario/manual.scn" |
	    grep -qF "$(cat "$dir/out")"
	result $? "... and is in a scenario"
done
[ "$n" -ge 18 ]
result $? "the manual has examples ($n)"

for preset in rfc9989 both-must-pass askdns-score monitor spf-first; do
	echo "verdict { preset = \"$preset\" }" >"$dir/conf"
	"$BUILD/verdictd" -n -v -c "$dir/conf" >"$dir/out" 2>&1 &&
	    grep -q "^\.It Cm $preset\$" "$manual"
	result $? "preset $preset is taken, and in the manual"
	# What -v prints is what a user may copy.
	sed -n '/^# The rules of preset/,$s/^# //p' "$dir/out" | sed 1d \
	    >"$dir/copy"
	{
		echo 'verdict { preset = "none" }'
		cat "$dir/copy"
	} >"$dir/conf"
	grep -q '^rule' "$dir/copy" &&
	    "$BUILD/verdictd" -n -c "$dir/conf" >"$dir/out" 2>&1
	result $? "preset $preset is taken when copied"
done

: >"$dir/out"
sed -n 's/.*{"\([a-z_]*\)", INPUT_.*/\1/p
    s/.*\(YES_NO\|CHOICE\|DOMAIN\|TEXT\|DURATION\)("\([a-z_]*\)".*/\2/p' \
    "$SRC/daemon/expr_input.c" >"$dir/inputs"
while read -r input; do
	grep -Eq "^\.It Cm ([a-z_]+ , )?$input( |\$)" "$manual"
	result $? "input $input is in the manual"
done <"$dir/inputs"
[ "$n" -ge 40 ]
result $? "the inputs were found ($n)"

cat >"$dir/conf" <<'END'
rule "x" {
  when = "client_ip in 192.0.2.0/24 or
          dmrc is fail"
  action = reject
}
END
"$BUILD/verdictd" -n -c "$dir/conf" >"$dir/out" 2>&1
[ $? -eq 100 ] && grep -q "^.*conf:3:11: rule \"x\": .*\"dmarc\"" "$dir/out" &&
    grep -q '^ *^~~~$' "$dir/out"
result $? "a mistake has its file, line and column, and a caret"

echo "1..$n"
