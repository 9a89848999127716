#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The daemon without forwarders, as it is installed: from the root down, over
a delegation each, with a lame and a dead server where the DNS has them, and
with a root that is not the one of the trust anchor. In a network namespace of
its own, because name servers are found on port 53 alone."""
import fcntl
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

INSIDE = 'VERDICT_TEST_NAMESPACE'
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def enter_namespace():
    """Runs this again in a namespace, or skips it where none may be made."""
    if subprocess.run(['unshare', '-n', 'true'], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        print('1..0 # SKIP no network namespace can be made here')
        sys.exit(0)
    os.environ[INSIDE] = '1'
    os.execvp('unshare', ['unshare', '-n', sys.executable,
                          os.path.abspath(__file__)])


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack('16sH14x', b'lo', 0)
        flags, = struct.unpack_from('H', fcntl.ioctl(sock, SIOCGIFFLAGS,
                                                     request), 16)
        fcntl.ioctl(sock, SIOCSIFFLAGS,
                    struct.pack('16sH14x', b'lo', flags | IFF_UP))


if INSIDE not in os.environ:
    enter_namespace()
loopback_up()

from harness import (PATIENCE, Daemon, Lab, done, equal,  # noqa: E402
                     ok, patiently)
from lab import run  # noqa: E402

lab = Lab(tree=True)
lab.start()

# name, type, state, dnssec, failure
ROWS = [
    ('text.example.com', 'TXT', 'present', 'secure', 'none'),
    ('mail.example.org', 'A', 'present', 'secure', 'none'),
    ('text.example.net', 'TXT', 'present', 'insecure', 'none'),
    ('nothing.example.com', 'TXT', 'nxdomain', 'secure', 'none'),
    ('six.example.com', 'TXT', 'nodata', 'secure', 'none'),
    ('big.example.com', 'TXT', 'present', 'secure', 'none'),
    ('chain1.example.com', 'TXT', 'present', 'secure', 'none'),
    ('toinsecure.example.com', 'TXT', 'present', 'insecure', 'none'),
    ('any.wild.example.com', 'TXT', 'present', 'secure', 'none'),
    ('plain.example', 'MX', 'present', 'secure', 'none'),
    ('nothing.at.all', 'TXT', 'nxdomain', 'secure', 'none'),
    ('text.bogus.example', 'TXT', 'failed', 'bogus', 'bogus'),
    ('text.expired.example', 'TXT', 'failed', 'bogus', 'bogus'),
    ('text.nokey.example', 'TXT', 'failed', 'bogus', 'bogus'),
    ('text.servfail.example', 'TXT', 'failed', 'indeterminate', 'servfail'),
]


def new_daemon(anchor=None, timeout=10):
    return Daemon(None, anchor or lab.anchor, 'root-hints = "%s"\n'
                  '    timeout = %d' % (lab.hints, timeout))


def check_rows():
    daemon = new_daemon().start()
    ok(patiently(lambda: 'resolver.root dnssec=secure' in daemon.log()),
       'the root comes back secure, and the log says so', daemon.log())
    for name, kind, state, dnssec, failure in ROWS:
        reply = daemon.record(name, kind)
        equal((reply['state'], reply['dnssec'], reply['failure']),
              (state, dnssec, failure), 'from the root: %s %s: %s %s' % (
                  name, kind, state, dnssec), reply)
    reply = daemon.ask('check', 'client_ip=203.0.113.1',
                       'mail_from=a@example.com',
                       'from_domain=alerts.eu.news.example.com')
    equal((reply['action'], reply['policy_domain'], reply['dnssec']),
          ('reject', 'example.com', 'secure'), 'a verdict from the root down',
          reply)
    equal(daemon.stop(), 0, 'the daemon ends with 0')


def check_dead():
    daemon = new_daemon(timeout=3).start()
    reply = daemon.record('text.dead.example')
    equal((reply['state'], reply['dnssec']), ('failed', 'indeterminate'),
          'a dead server: failed (%s)' % reply['failure'], reply)
    daemon.stop()


def check_anchors():
    other = run('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', '-r',
                '/dev/urandom', '.', cwd=lab.directory).strip()
    daemon = new_daemon(lab.path(other + '.key')).start()
    ok(patiently(lambda: 'resolver.root failure=bogus' in daemon.log()),
       'with the key of another root it is bogus, and the log says so',
       daemon.log())
    reply = daemon.record('text.example.com')
    equal((reply['state'], reply['dnssec'], reply['data']),
          ('failed', 'bogus', None), '... and no data is used', reply)
    daemon.stop()
    empty = lab.path('empty.key')
    with open(empty, 'w', encoding='ascii'):
        pass
    daemon = new_daemon(empty).start(wait=False)
    equal(daemon.child.wait(PATIENCE), 100,
          'with an empty trust anchor it ends with 100', daemon.log())
    ok('trust anchor' in daemon.log(), '... and says why', daemon.log())


def check_lame():
    """The delegation names two servers; one knows nothing but that."""
    daemons = [new_daemon().start() for _ in range(4)]
    names = ['n%d.many.lame.example' % i for i in range(5)]
    replies = [(daemon, name, daemon.record(name))
               for daemon in daemons for name in names]
    wrong = [reply for _, _, reply in replies
             if reply['state'] not in ('present', 'failed')]
    ok(not wrong, 'one of two servers lame: never "no such record" '
       '(%d of 20 found at once)' % sum(
           reply['state'] == 'present' for _, _, reply in replies),
       *wrong[:3])
    failed = [(daemon, name) for daemon, name, reply in replies
              if reply['state'] == 'failed']
    ok(not failed or patiently(lambda: any(
        daemon.record(name)['state'] == 'present'
        for daemon, name in failed)), '... and what failed is found later')
    for daemon in daemons:
        daemon.stop()


check_rows()
check_dead()
check_anchors()
check_lame()
lab.stop()
done()
