#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What `make install` puts where, that a program can be built against it, and
# that the daemon shows the dynamic linker the calls it guards.
set -u

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS
count=0

# ok DESCRIPTION COMMAND...
ok() {
	what=$1
	shift
	count=$((count + 1))
	if "$@" >"$tmp/log" 2>&1; then
		echo "ok $count - $what"
	else
		echo "not ok $count - $what"
		sed 's/^/# /' "$tmp/log"
	fi
}

setting() {
	sed -n "s/^$1 = //p" "$BUILD/config.mk"
}

dest=$tmp/dest
conf=$dest$(setting sysconfdir)/verdictd/verdictd.conf
libdir=$dest$(setting libdir)
installed() {
	find "$dest" -type f -o -type l
}
make_install() {
	make -C "$BUILD" "$1" DESTDIR="$dest"
}

usual=$(umask)
umask 077
ok "install" make_install install
umask "$usual"
ok "... for all users, whatever the umask" \
    test -z "$(find "$dest"/* ! -perm -444 -print)"
for file in "$(setting sbindir)/verdictd" "$(setting sbindir)/verdictctl" \
    "$(setting bindir)/verdict" \
    "$(setting libdir)/libverdict.a" "$(setting libdir)/libverdict.so" \
    "$(setting includedir)/verdict.h" \
    "$(setting mandir)/man8/verdictd.8" "$(setting mandir)/man1/verdict.1"; do
	ok "$file" test -s "$dest$file"
done
ok "the sample configuration" test -s "$conf"
echo '# mine' >"$conf"
ok "install again" make_install install
ok "a configuration that was there is kept" grep -q '^# mine$' "$conf"

# The library as a stranger would use it.
cat >"$tmp/use.c" <<'EOT'
#include <stdlib.h>
#include <verdict.h>

/* Names that the library has inside, too. */
void msg_begin(void);
int state_open, ask_run;

void
msg_begin(void)
{
	abort();
}

int
main(void)
{
	struct verdict *v = verdict_new();
	int bad = v == 0 || verdict_server(v, "nonsense") == 0;

	verdict_ask(v, "ping"); /* must not end in our msg_begin() */
	verdict_free(v);
	return (bad);
}
EOT
# shellcheck disable=SC2046 # words
use() {
	PKG_CONFIG_PATH=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest \
	    pkg-config --cflags --libs "$@" libverdict >"$tmp/flags" &&
	$(setting CC) $(setting sanitize) -o "$tmp/use" "$tmp/use.c" \
	    $(cat "$tmp/flags") &&
	LD_LIBRARY_PATH=$libdir "$tmp/use"
}
# A build for another place looks for its own daemon there, and the header
# that it installs says so.
elsewhere() {
	mkdir "$tmp/build" && cd "$tmp/build" &&
	"$SRC/configure" --prefix=/opt/elsewhere >/dev/null &&
	make -j2 verdict >/dev/null 2>&1 || return 1
	env -u VERDICT_SERVERS ./verdict -t 500 ping 2>&1 |
	    grep -F ipc:///opt/elsewhere/run/verdictd/verdictd.sock
}
ok "verdict of another prefix asks there" elsewhere
# Who starts a program with more rights than his own does not choose for it
# whom to believe. A file is given away only by root, and on some file systems
# to no effect.
given_away() {
	cp "$1" "$tmp/given" && chown 1 "$tmp/given" && chmod 4755 "$tmp/given"
}
distrusts_its_caller() {
	! VERDICT_SERVERS=ipc:///callers/choice "$tmp/given" -t 100 ping 2>&1 |
	    grep -F callers/choice
}
if given_away "$(command -v id)" 2>/dev/null &&
    "$tmp/given" | grep -q euid=1; then
	given_away "$BUILD/verdict"
	ok "set-user-ID: the environment does not count" distrusts_its_caller
fi
ok "a program with the shared library" use
rm -f "$libdir/libverdict.so"
ok "a program with the static library" use --static
exports_only() {
	! nm -D --defined-only "$libdir/libverdict.so.0" |
	    grep -v ' verdict_\| LIBVERDICT_0'
}
if [ -z "$(setting sanitize)" ]; then
	ok "the library shows nothing but verdict_*" exports_only
fi

# libnanomsg's calls must reach daemon/nnguard.c, not libc.
for symbol in listen accept4 recvmsg; do
	ok "verdictd stands in for $symbol()" sh -c \
	    "nm -D --defined-only '$BUILD/verdictd' | grep -q ' T $symbol\$'"
done

ok "uninstall" make_install uninstall
ok "... leaves the configuration alone" test "$(installed)" = "$conf"
echo "1..$count"
