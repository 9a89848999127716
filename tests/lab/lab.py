#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A small signed DNS on this machine: zones.py, served by NSD.

    lab.py [-d DIR] [COMMAND [ARGUMENT...]]

Makes fresh keys, signs the zones, starts two NSDs on free loopback ports and
runs COMMAND with the variables below in its environment; without a COMMAND it
prints "ready" and waits for SIGTERM, SIGINT or the end of its standard input.
Everything is made in DIR, which must exist, or else in a temporary directory
that goes away with it.

  LAB_DIR      the directory; LAB_DIR/env has all of these for a shell
  LAB_DNS      127.0.0.1@PORT of the main server: forward everything to it
  LAB_FAR      the same of the second server, which has lame.example alone
  LAB_DEAD     the same of a port that nobody listens on
  LAB_ANCHOR   a file with the root's key, the trust anchor
  LAB_RSA, LAB_ED25519   private keys of the DKIM selectors "rsa" and "ed"

Lab(tree=True), in Python, is the same as a resolver finds it that starts at
the root: a server for the root, one for the TLDs, one for the rest and the far
one, each on port 53 of a loopback address of its own. It needs a network
namespace that has nothing there yet.

Questions are counted by NSD itself: Lab.queries() in Python, or in a shell
    nsd-control -c "$LAB_DIR/main.conf" stats_noreset | grep num.type.TXT=
"""
import atexit
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources may be read-only
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from zones import BIG, ZONES  # noqa: E402

SECURE = ('secure', 'bogus', 'expired')
START_PATIENCE = 60  # seconds
DAY = 86400
PR_SET_PDEATHSIG = 1

# Where NSD and its tools live is not in every user's PATH.
os.environ['PATH'] += ':/usr/sbin:/sbin'


def run(*command, **options):
    """The output of a program that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        raise RuntimeError('%s failed: %s' % (
            ' '.join(command), (done.stderr or done.stdout).strip()))
    return done.stdout


def die_with_parent():
    """In a child before exec: no server outlives a killed test."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


CLAIM_ADDR = '127.255.255.254'
claims = []


def bound(kind, address):
    """A socket, or None if the address is taken."""
    family = socket.AF_INET6 if ':' in address[0] else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.bind(address)
        return sock
    except OSError:
        sock.close()
        return None


HAS_V6 = bool(bound(socket.SOCK_STREAM, ('::1', 0)))


def free_port():
    """A port of 127.0.0.1 and ::1, for UDP and TCP, that stays ours until we
    end, bound or not: no other test takes it, because we hold the same port
    of another address, and no program that lets the kernel choose, because
    the kernel chooses above."""
    with open('/proc/sys/net/ipv4/ip_local_port_range',
              encoding='ascii') as text:
        low = int(text.read().split()[0])
    while True:
        port = random.randrange(1024, low if low > 2048 else 65536)
        claim = bound(socket.SOCK_DGRAM, (CLAIM_ADDR, port))
        if not claim:
            continue
        tries = [bound(kind, (address, port))
                 for address in ('127.0.0.1', '::1')[:1 + HAS_V6]
                 for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        for sock in filter(None, tries):
            sock.close()
        if all(tries):
            claims.append(claim)
            return port
        claim.close()


def parent_of(name):
    """The lab's closest zone above, or None for the root."""
    if name == '.':
        return None
    above = [zone.name for zone in ZONES
             if zone.name == '.' or name.endswith('.' + zone.name)]
    return max(above, key=lambda zone: len(zone.rstrip('.')))


# Where the servers are in a tree. The dead one is nowhere.
TREE = {'root': '127.0.0.11', 'tld': '127.0.0.12', 'main': '127.0.0.13',
        'far': '127.0.0.14', 'dead': '127.0.0.15'}


class Nsd:
    """One name server: a child of ours, told apart by its name."""

    CONFIG = '''server:
    ip-address: %(addr)s@%(port)d
    server-count: 1
    username: ""
    database: ""
    zonesdir: "%(dir)s"
    zonelistfile: "%(dir)s/%(name)s.zonelist"
    xfrdfile: ""
    xfrdir: "%(dir)s"
    pidfile: "%(dir)s/%(name)s.pid"
    logfile: "%(dir)s/%(name)s.log"
    minimal-responses: yes
    round-robin: no
    tcp-count: 100
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: yes
    control-interface: "%(dir)s/%(name)s.ctl"
'''

    def __init__(self, name, directory, zones, addr=None):
        self.name, self.directory, self.zones = name, directory, zones
        self.config = os.path.join(directory, name + '.conf')
        self.addr = addr or '127.0.0.1'
        self.port = 53 if addr else free_port()
        self.child = None

    def address(self):
        return '%s@%d' % (self.addr, self.port)

    def start(self):
        with open(self.config, 'w', encoding='ascii') as out:
            out.write(self.CONFIG % {'addr': self.addr, 'port': self.port,
                                     'name': self.name,
                                     'dir': self.directory})
            for zone in self.zones:
                out.write('zone:\n    name: "%s"\n    zonefile: "%s"\n' %
                          (zone.name, zone_file(zone)))
        self.child = subprocess.Popen(
            ['nsd', '-d', '-c', self.config], stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.wait_ready()

    def wait_ready(self):
        """Asks for a SOA until it is answered."""
        zone = self.zones[0].name.rstrip('.')
        question = b'\0\1\0\0\0\1\0\0\0\0\0\0' + b''.join(
            bytes([len(label)]) + label.encode()
            for label in zone.split('.') if label) + b'\0\0\6\0\1'
        deadline = time.monotonic() + START_PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.addr, self.port))
            sock.settimeout(0.02)
            while time.monotonic() < deadline:
                if self.child.poll() is not None:
                    break
                try:
                    sock.send(question)
                    sock.recv(512)
                    return
                except OSError:
                    time.sleep(0.01)
        self.stop()
        with open(os.path.join(self.directory, self.name + '.log'),
                  encoding='utf-8') as log:
            raise RuntimeError('nsd does not start: ' + log.read()[-2000:])

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child = None

    def control(self, *words):
        return run('nsd-control', '-c', self.config, *words)

    def queries(self, kind=None):
        """Questions since the start; `kind`: "TXT" and so on only."""
        return self.statistic('num.type.' + kind if kind else 'num.queries')

    def tcp_queries(self):
        return self.statistic('num.tcp')

    def statistic(self, name):
        text = self.control('stats_noreset')
        found = re.search('^%s=(\\d+)$' % re.escape(name), text, re.M)
        return int(found.group(1)) if found else 0


def zone_file(zone):
    return 'zone.' + (zone.name.strip('.') or 'root')


class Lab:
    """Order of calls: Lab(), start(), ..., stop()."""

    def __init__(self, directory=None, tree=False):
        self.temporary = directory is None
        self.tree = tree
        self.directory = directory or tempfile.mkdtemp(prefix='lab.')
        self.keys, self.extra, self.servers = {}, {}, {}
        atexit.register(self.stop)
        self.dkim = self.make_dkim_keys()
        for zone in ZONES:
            if zone.how in SECURE or zone.how == 'nokey':
                self.make_zone_key(zone)
        for zone in ZONES:
            self.write_zone(zone)
        zones = {}
        for zone in ZONES:
            zones.setdefault(self.server_of(zone), []).append(zone)
        self.servers = {
            name: Nsd(name, self.directory, zones[name], tree and TREE[name])
            for name in zones if name != 'dead'}
        self.main, self.far = self.servers['main'], self.servers['far']
        self.dead = '127.0.0.1@%d' % free_port()
        self.anchor, self.hints = self.path('root.key'), self.path('hints')
        shutil.copy(self.path(self.keys['.'] + '.key'), self.anchor)
        with open(self.hints, 'w', encoding='ascii') as out:
            out.write('. 86400 NS ns.\nns. 86400 A %s\n' % TREE['root'])

    def server_of(self, zone):
        """The name of the server that has it."""
        if zone.how == 'nowhere':
            return 'dead'
        if zone.how == 'far' or not self.tree:
            return 'far' if zone.how == 'far' else 'main'
        return 'root' if zone.name == '.' else \
            'tld' if '.' not in zone.name else 'main'

    def addr_of(self, zone):
        return TREE[self.server_of(zone)] if self.tree else '127.0.0.1'

    def path(self, name):
        return os.path.join(self.directory, name)

    def make_dkim_keys(self):
        """The text of each TXT record; private keys in dkim.*.pem."""
        records = {}
        for word, kind, options in (
                ('RSA', 'rsa', ['-pkeyopt', 'rsa_keygen_bits:2048']),
                ('ED25519', 'ed25519', [])):
            pem = self.path('dkim.%s.pem' % kind)
            run('openssl', 'genpkey', '-algorithm', word, *options,
                '-out', pem)
            public = ''.join(run('openssl', 'pkey', '-in', pem,
                                 '-pubout').split('\n')[1:-2])
            if kind == 'ed25519':
                # RFC 8463 4: the bare key, without the 12 octets around it.
                public = public[16:]
            text = 'v=DKIM1; k=%s; p=%s' % (kind, public)
            records['DKIM_' + word] = ' '.join(
                '"%s"' % text[i:i + 250] for i in range(0, len(text), 250))
        return records

    def make_zone_key(self, zone):
        # One key a zone, with the SEP flag: ldns-signzone then signs
        # everything with it.
        self.keys[zone.name] = run(
            'ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', '-r',
            '/dev/urandom', zone.name, cwd=self.directory).strip()

    def zone_text(self, zone):
        origin = zone.name.rstrip('.') + '.'
        lines = ['$ORIGIN ' + origin, '$TTL %d' % zone.ttl,
                 '@ SOA ns hostmaster %d 3600 600 86400 %d' % (
                     time.time(), zone.negative_ttl),
                 '@ NS ns', 'ns A ' + self.addr_of(zone)]
        for child in ZONES:
            if parent_of(child.name) == zone.name:
                lines += self.delegation(child)
        text = zone.text + '\n' + self.extra.get(zone.name, '')
        for word, value in dict(self.dkim, BIG=BIG).items():
            text = re.sub(r'\b%s\b' % word, lambda _, v=value: v, text)
        return '\n'.join(lines) + '\n' + text + '\n'

    def delegation(self, child):
        yield '%s. NS ns.%s.' % (child.name, child.name)
        yield 'ns.%s. A %s' % (child.name, self.addr_of(child))
        if child.how == 'far' and self.tree:
            # The parent's own server, which is lame for it.
            yield '%s. NS lame.%s.' % (child.name, child.name)
            yield 'lame.%s. A %s' % (child.name, TREE['tld'])
        if child.name in self.keys:
            with open(self.path(self.keys[child.name] + '.ds'),
                      encoding='ascii') as ds:
                yield ds.read().strip()

    def write_zone(self, zone):
        if zone.how in ('absent', 'nowhere'):
            return
        plain, signed = zone_file(zone) + '.in', zone_file(zone)
        with open(self.path(plain), 'w', encoding='ascii') as out:
            out.write(self.zone_text(zone))
        if zone.how not in SECURE:
            shutil.copy(self.path(plain), self.path(signed))
            return
        start, end = time.time() - DAY, time.time() + 7 * DAY
        if zone.how == 'expired':
            # Validators forgive a clock that is off by a day.
            start, end = start - 30 * DAY, start - 2 * DAY
        run('ldns-signzone', '-o', zone.name, '-i', '%d' % start, '-e',
            '%d' % end, '-f', signed, plain, self.keys[zone.name],
            cwd=self.directory)
        if zone.how == 'bogus':
            self.damage(self.path(signed))

    @staticmethod
    def damage(path):
        """Changes every signature but those of the keys and the SOA."""
        with open(path, encoding='ascii') as stream:
            lines = stream.read().splitlines(True)
        with open(path, 'w', encoding='ascii') as out:
            for line in lines:
                fields = line.split()
                if fields[3:4] == ['RRSIG'] and fields[4] not in (
                        'DNSKEY', 'SOA'):
                    good = fields[12]
                    first = 'A' if good[0] != 'A' else 'B'
                    line = line.replace(good, first + good[1:])
                out.write(line)

    def start(self):
        for server in self.servers.values():
            server.start()
        with open(self.path('env'), 'w', encoding='ascii') as out:
            for name, value in self.variables().items():
                out.write("%s='%s'\n" % (name, value))

    def stop(self):
        for server in self.servers.values():
            server.stop()
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def change(self, zone_name, text):
        """Adds lines to a zone (replacing an earlier call's) and signs it."""
        self.extra[zone_name] = text
        zone, = [zone for zone in ZONES if zone.name == zone_name]
        self.write_zone(zone)
        server = self.servers[self.server_of(zone)]
        if server.child:
            server.control('reload', zone_name)

    def queries(self, kind=None):
        """Questions the main server has had, of one type or all."""
        return self.main.queries(kind)

    def variables(self):
        return {'LAB_DIR': self.directory,
                'LAB_DNS': self.main.address(),
                'LAB_FAR': self.far.address(),
                'LAB_DEAD': self.dead,
                'LAB_ANCHOR': self.anchor,
                'LAB_RSA': self.path('dkim.rsa.pem'),
                'LAB_ED25519': self.path('dkim.ed25519.pem')}


def main(arguments):
    directory = None
    if arguments[:1] == ['-d']:
        directory, arguments = os.path.abspath(arguments[1]), arguments[2:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        lab = Lab(directory)
        lab.start()
        if arguments:
            return subprocess.run(
                arguments, env=dict(os.environ, **lab.variables()),
                check=False).returncode
        print('ready', flush=True)
        sys.stdin.read()
        return 0
    except (RuntimeError, OSError) as why:
        print('lab: %s' % why, file=sys.stderr)
        return 111
    except KeyboardInterrupt:
        return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
