#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Iteration from the root, as the installed configuration has it: three name
servers on port 53 of addresses that exist only in a network namespace of this
test, a root hints file and the root's key. Needs root; else it is skipped."""
import ctypes
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
CLONE_NEWNET = 0x40000000
if os.geteuid() != 0 or \
        ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0 or \
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'],
                       check=False).returncode != 0:
    print('1..0 # SKIP no network namespace: not root, or not allowed')
    sys.exit(0)

# After the namespace is there.
from harness import Daemon, done, equal, ok, patiently  # noqa: E402
import lab  # noqa: E402 (harness knows where it is)

# Zone, address of its server, records.
ZONES = [
    ('.', '127.0.0.11', ''),
    ('com.', '127.0.0.12', ''),
    ('example.com.', '127.0.0.13', '@ TXT "v=spf1 -all"\n'),
]
SERVER = '''server:
    ip-address: %(address)s@53
    server-count: 1
    username: ""
    database: ""
    zonesdir: "%(dir)s"
    zonelistfile: "%(dir)s/%(address)s.list"
    xfrdfile: ""
    xfrdir: "%(dir)s"
    pidfile: "%(dir)s/%(address)s.pid"
    logfile: "%(dir)s/%(address)s.log"
remote-control:
    control-enable: no
zone:
    name: "%(zone)s"
    zonefile: "%(zone)s.signed"
'''


def server_name(zone):
    return 'ns.' + zone.lstrip('.')


def key_make(directory, zone):
    return lab.run('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', '-r',
                   '/dev/urandom', zone, cwd=directory).strip()


def zone_write(directory, number, key, child_key):
    zone, address, text = ZONES[number]
    server = server_name(zone)
    lines = ['$ORIGIN ' + zone, '$TTL 300',
             '@ SOA %s h. 1 3600 600 86400 60' % server, '@ NS ' + server,
             '%s A %s' % (server, address)]
    if child_key:
        child, child_address, _ = ZONES[number + 1]
        lines += ['%s NS %s' % (child, server_name(child)),
                  '%s A %s' % (server_name(child), child_address)]
        with open(os.path.join(directory, child_key + '.ds'),
                  encoding='ascii') as ds:
            lines.append(ds.read().strip())
    with open(os.path.join(directory, zone + '.zone'), 'w',
              encoding='ascii') as out:
        out.write('\n'.join(lines) + '\n' + text)
    lab.run('ldns-signzone', '-o', zone, '-f', zone + '.signed',
            zone + '.zone', key, cwd=directory)


def server_start(directory, number):
    zone, address, _ = ZONES[number]
    config = os.path.join(directory, address + '.conf')
    with open(config, 'w', encoding='ascii') as out:
        out.write(SERVER % {'address': address, 'zone': zone,
                            'dir': directory})
    return subprocess.Popen(['nsd', '-d', '-c', config],
                            stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL,
                            preexec_fn=lab.die_with_parent)


def daemon_of(directory, anchor):
    hints = os.path.join(directory, 'hints')
    with open(hints, 'w', encoding='ascii') as out:
        out.write('. 3600 IN NS ns.\nns. 3600 IN A 127.0.0.11\n')
    return Daemon('', anchor, resolver='root-hints = "%s"' % hints)


def check_right_anchor(directory, anchor):
    daemon = daemon_of(directory, anchor).start()
    ok(patiently(10, lambda: 'resolver.root dnssec=secure' in daemon.log()),
       'the root comes back secure, and the log says so', daemon.log())
    reply = daemon.record('example.com')
    equal((reply['state'], reply['dnssec'], reply['data']),
          ('present', 'secure', 'v=spf1 -all'),
          'a record three zones down is secure', reply)
    reply = daemon.record('nothing.example.com')
    equal((reply['state'], reply['dnssec']), ('nxdomain', 'secure'),
          'and so is that there is none', reply)
    reply = daemon.ask('spf', 'client_ip=192.0.2.1', 'helo=x',
                       'mail_from=a@example.com')
    equal((reply['result'], reply['dnssec']), ('fail', 'secure'),
          'SPF from the root', reply)
    daemon.stop()


def check_wrong_anchor(directory, anchor):
    daemon = daemon_of(directory, anchor).start()
    ok(patiently(10, lambda: 'resolver.root failure=bogus' in daemon.log()),
       'with the key of another root it is bogus, and the log says so',
       daemon.log())
    reply = daemon.record('example.com')
    equal((reply['state'], reply['dnssec'], reply['data']),
          ('failed', 'bogus', None), 'and no data is used', reply)
    daemon.stop()


def check_no_anchor(directory):
    empty = os.path.join(directory, 'empty.key')
    with open(empty, 'w', encoding='ascii'):
        pass
    daemon = daemon_of(directory, empty)
    daemon.start(wait=False)
    status = patiently(10, lambda: daemon.child.poll() is not None) and \
        daemon.child.returncode
    equal(status, 100, 'with an empty trust anchor it ends with 100',
          daemon.log())
    ok('trust anchor' in daemon.log(), 'and says why', daemon.log())


def main():
    with tempfile.TemporaryDirectory() as directory:
        keys = [key_make(directory, zone) for zone, _, _ in ZONES]
        for number in range(len(ZONES)):
            zone_write(directory, number, keys[number],
                       keys[number + 1] if number + 1 < len(keys) else None)
        servers = [server_start(directory, n) for n in range(len(ZONES))]
        check_right_anchor(directory,
                           os.path.join(directory, keys[0] + '.key'))
        other = key_make(directory, '.')
        check_wrong_anchor(directory, os.path.join(directory, other + '.key'))
        check_no_anchor(directory)
        for server in servers:
            server.terminate()
            server.wait()
    done()


main()
