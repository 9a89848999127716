#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The daemon as a process: options, configuration, signals, socket files,
malformed questions and hostile peers."""
import array
import os
import re
import signal
import socket
import stat
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (PATIENCE, VERDICTD, Daemon, FaultDns,  # noqa: E402
                     Reply, Unanswered, command, done, equal, nn_ask, note,
                     ok, patiently)

dns = FaultDns()
dns('add', 'good.example', 60, 'TXT', 'v=spf1 ip4:192.0.2.1 -all')
SPF = ('spf', 'client_ip=192.0.2.1', 'mail_from=a@good.example')


def new_daemon(**options):
    return Daemon(dns.address, None, **options)


# --- Options and configuration -----------------------------------------------

def check_options():
    daemon = new_daemon()
    status, out, err = command(VERDICTD, '-V')
    ok(status == 0 and re.search(r'verdictd \d+\.\d+', out),
       '-V: the version, exit 0', status, out, err)
    equal(command(VERDICTD, '-n', '-c', daemon.config), (0, '', ''),
          '-n: a good configuration, no word, exit 0')
    status, text, err = command(VERDICTD, '-n', '-v', '-c', daemon.config)
    ok(status == 0 and 'negative-max-ttl' in text and 'stale-max' in text and
       daemon.endpoint in text, '-n -v: all of it, with defaults', text, err)
    daemon.write_config(text)
    equal(command(VERDICTD, '-n', '-v', '-c', daemon.config)[:2], (0, text),
          '... which read again gives the same')
    equal(command(VERDICTD, '-Z')[0], 100, 'an unknown option: exit 100')
    equal(command(VERDICTD, '-n', '-c', '/nonexistent/file')[0], 100,
          'no such configuration: exit 100')
    daemon.clean()


# a wrong line, what the complaint about it says
WRONG = [
    ('resolver { timeout = "soon" }', 'timeout'),
    ('resolver { forward = {"192.0.2.1@853"} }', 'TLS'),
    ('resolver { forward = {"192.0.2.1#dns.example"} }', 'TLS'),
    ('resolver { tls = true }', 'TLS'),
    ('resolver { trust-anchor-file = "/nonexistent/key" }', '/nonexistent'),
    ('resolver { in-flight = 0 }', 'in-flight'),
    ('cache { size = "huge" }', 'size'),
    ('cache { max-ttl = -1 }', 'max-ttl'),
    ('cache { colour = "red" }', 'colour'),
    ('verdict { preset = "lenient" }', 'preset'),
    ('verdict { undecided = "maybe" }', 'undecided'),
    ('endpoint "ipc://%s" { mode = "rw" }' % ('/tmp/x.sock'), 'mode'),
    ('endpoint "http://127.0.0.1" { }', 'http'),
    ('endpoint "ipc:///%s" { }' % ('x' * 200), ''),
    ('endpoint "ipc:///tmp/x.sock" { group = "no-such-group" }', 'group'),
    ('log { level = "loud" }', 'level'),
    ('rule "x" { when = "spf is" action = "reject" }', 'x'),
    ('rule "x" { when = "spf is pass" action = "explode" }', 'action'),
    ('rule "x" { when = "colour is red" action = "reject" }', 'colour'),
    ('nonsense', 'nonsense'),
    ('cache {', ''),
]


def check_wrong_configurations():
    daemon = new_daemon()
    for line, wanted in WRONG:
        daemon.write_config('# one\n# two\n' + line + '\n')
        status, _, err = command(VERDICTD, '-n', '-c', daemon.config)
        where = '%s:3' % daemon.config
        if line == 'cache {':  # that it lacks an end is seen at the end
            where = daemon.config + ':'
        ok(status == 100 and where in err and wanted in err,
           'refused with file and line: ' + line[:50], 'exit %d' % status,
           err)
    daemon.write_config(daemon.text + '\nresolver { timeout = "soon" }\n')
    equal(command(VERDICTD, '-c', daemon.config)[0], 100,
          'nor does it start with one: exit 100')
    daemon.clean()


# --- Signals ------------------------------------------------------------------

def stats(daemon, name):
    return daemon.ask_control('stats').number(name) or 0


def check_reload():
    daemon = new_daemon().start()
    equal(daemon.record('good.example').number('ttl'), 60, 'before a reload')
    dns('add', 'other.example', 60, 'TXT', 'other')
    daemon.write_config(daemon.text.replace('size = "64M"',
                                            'size = "64M"\n    max-ttl = 7'))
    daemon.signal(signal.SIGHUP)
    ok(patiently(lambda: stats(daemon, 'reloads') >= 1),
       'SIGHUP: the new file is read', daemon.log()[-1000:])
    equal(daemon.record('other.example').number('ttl'), 7, '... and holds')

    dns('add', 'third.example', 60, 'TXT', 'third')
    daemon.write_config('cache { max-ttl = "never" }\n')
    daemon.signal(signal.SIGHUP)
    ok(patiently(lambda: stats(daemon, 'reloads_failed') >= 1),
       'SIGHUP with a bad file: refused', daemon.log()[-1000:])
    ok(daemon.config + ':1' in daemon.log(), '... the log says where',
       daemon.log()[-1000:])
    equal(daemon.record('third.example').number('ttl'), 7,
          '... and the old one holds')

    # Reloading under load loses nothing.
    daemon.write_config(daemon.text)
    load = daemon.flood_later('-n', '60000', '-j', '4', '-e', 'result=pass',
                              *SPF)
    for _ in range(10):
        daemon.signal(signal.SIGHUP)
        time.sleep(0.05)
    counts = load()
    equal(counts.get('ok'), 60000, 'ten reloads under load: all answered',
          counts['text'])

    # Nor what waits for DNS at that moment.
    dns('set', '*.slow.example', 'delay', 800)
    load = daemon.flood_later('-n', '50', '-e', 'result=none', 'spf',
                              'client_ip=192.0.2.1',
                              'mail_from=a@n%d.slow.example')
    patiently(lambda: dns.count('*.slow.example') >= 50)
    daemon.signal(signal.SIGHUP)
    counts = load()
    equal(counts.get('ok'), 50, 'a reload with 50 lookups in flight: all '
          'answered', counts['text'])
    equal(daemon.stop(), 0, 'exit 0')
    dns('clear')


def check_term():
    daemon = new_daemon().start()
    dns('reset')
    dns('set', '*.slow.example', 'delay', 1000)
    load = daemon.flood_later('-n', '100', '-j', '2', '-e', 'result=none',
                              'spf', 'client_ip=192.0.2.1',
                              'mail_from=a@n%d.slow.example')
    patiently(lambda: dns.count('*.slow.example') >= 100)
    start = time.monotonic()
    equal(daemon.stop(), 0, 'SIGTERM with 100 questions in flight: exit 0')
    note('it took %.1f s' % (time.monotonic() - start))
    counts = load()
    equal(counts.get('ok'), 100, '... after all were answered',
          counts['text'], daemon.log()[-1000:])
    ok(not os.path.exists(daemon.path('verdictd.sock')),
       '... and no socket file is left')
    dns('clear')

    # DNS that never answers must not hold the end up for long.
    dns('set', '*.never.example', 'drop')
    daemon.start()
    load = daemon.flood_later('-n', '10', 'spf',
                              'client_ip=192.0.2.1',
                              'mail_from=a@n%d.never.example')
    patiently(lambda: dns.count('*.never.example') >= 10)
    start = time.monotonic()
    equal(daemon.stop(), 0, 'SIGTERM with stuck lookups: exit 0')
    note('it took %.1f s' % (time.monotonic() - start))
    counts = load()
    equal(counts.get('busy'), 10, '... and all are told to ask another one',
          counts['text'], daemon.log()[-1000:])
    daemon.start()
    daemon.signal(signal.SIGINT)
    equal(daemon.child.wait(PATIENCE), 0, 'SIGINT: exit 0')
    dns('clear')
    daemon.clean()


# --- Socket files --------------------------------------------------------------

def check_sockets():
    daemon = new_daemon().start()
    path = daemon.path('verdictd.sock')
    mode = os.stat(path).st_mode
    equal((stat.S_ISSOCK(mode), oct(stat.S_IMODE(mode))), (True, '0o600'),
          'the socket has the mode that was asked for')
    equal(oct(stat.S_IMODE(os.stat(daemon.path('control.sock')).st_mode)),
          '0o600', 'and so has the control socket')

    status, _, err = command(VERDICTD, '-c', daemon.config)
    ok(status == 111 and daemon.answers(),
       'a second daemon on the same socket: exit 111, the first lives on',
       status, err)
    equal(daemon.ask(*SPF)['result'], 'pass', '... and answers')

    daemon.kill()
    ok(os.path.exists(path), 'kill -9 leaves the socket files')
    daemon.start()
    equal(daemon.ask(*SPF)['result'], 'pass', '... and a new one starts')
    daemon.stop()

    with open(path, 'w', encoding='ascii') as out:
        out.write('precious\n')
    status, _, err = command(VERDICTD, '-c', daemon.config)
    with open(path, encoding='ascii') as stream:
        left = stream.read()
    ok(status in (100, 111) and left == 'precious\n',
       'a regular file at the path: refused, and left alone', status, err)
    daemon.clean()

    daemon = new_daemon()
    # Without the sandbox: a sanitizer has to read its suppressions.
    daemon.write_config(daemon.text.replace(
        'verdictd.sock', 'nowhere/verdictd.sock') + 'sandbox = no\n')
    status, _, err = command(VERDICTD, '-c', daemon.config)
    ok(status in (100, 111), 'no such directory: it says so and ends', status,
       err)
    daemon.clean()


# --- Peers ---------------------------------------------------------------------

MALFORMED = [
    ('nothing at all', b''),
    ('a line that is no request', b'hello\n'),
    ('no verb', b'verdict/1\n'),
    ('an empty verb', b'verdict/1 \n'),
    ('another version', b'verdict/2 ping\n'),
    ('an unknown verb', b'verdict/1 juggle\n'),
    ('a control verb at the public endpoint', b'verdict/1 stats\n'),
    ('a line without =', b'verdict/1 ping\nnonsense\n'),
    ('an empty name', b'verdict/1 ping\n=x\n'),
    ('a name in capitals', b'verdict/1 ping\nNAME=x\n'),
    ('a NUL', b'verdict/1 ping\nname=a\0b\n'),
    ('too many lines', b'verdict/1 ping\n' + b'a=b\n' * 3000),
    ('spf without a client', b'verdict/1 spf\nmail_from=a@good.example\n'),
    ('spf with no address', b'verdict/1 spf\nclient_ip=300.1.1.1\n'),
    ('dmarc without a domain', b'verdict/1 dmarc\n'),
    ('dmarc with no domain', b'verdict/1 dmarc\nfrom_domain=a..b\n'),
    ('dkim-key without a key', b'verdict/1 dkim-key\n'),
    ('dkim-key without a domain', b'verdict/1 dkim-key\nkey=alone\n'),
    ('check with no address', b'verdict/1 check\nclient_ip=::g\n'),
    ('an unknown DKIM result', b'verdict/1 check\nclient_ip=192.0.2.1\n'
     b'dkim=splendid d=a.example\n'),
]


def check_malformed():
    daemon = new_daemon().start()
    before = stats(daemon, 'malformed')
    for what, octets in MALFORMED:
        try:
            reply = Reply(nn_ask(daemon.endpoint, octets, PATIENCE).decode())
            ok(reply.status == 'error' and reply['reason'],
               'malformed: %s: %s' % (what, reply['reason']), reply)
        except Unanswered as why:
            ok(False, 'malformed: ' + what, 'no answer: %s' % why)
    equal(stats(daemon, 'malformed') - before, len(MALFORMED),
          'each of them is counted')
    reply = Reply(nn_ask(daemon.endpoint, b'verdict/1 ping',
                         PATIENCE).decode())
    equal(reply.status, 'ok', 'the last newline may be missing')
    reply = Reply(nn_ask(daemon.endpoint, b'verdict/1 ping\nunknown=x\n'
                         b'long=' + b'x' * 60000 + b'\n',
                         PATIENCE).decode())
    equal(reply.status, 'ok', 'unknown names are ignored, long ones too')
    try:
        nn_ask(daemon.endpoint, b'verdict/1 ping\nlong=' + b'x' * 70000 +
               b'\n', 1)
        ok(False, 'over 64 kB: no answer')
    except Unanswered:
        ok(daemon.answers(), 'over 64 kB: not taken, and nothing breaks')
    daemon.stop()
    daemon.clean()


# The handshake of nanomsg's ipc transport: "\0SP\0", who speaks, reserved.
HANDSHAKE = b'\0SP\0' + struct.pack('>HH', 48, 0)


def frame(body):
    return b'\1' + struct.pack('>Q', len(body)) + body


def hostile_connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(path)
    return sock


def send(sock, octets):
    try:
        sock.sendall(octets)
    except OSError:
        pass  # it has thrown us out: good


def send_descriptors(sock):
    with open('/dev/null', 'rb') as null:
        numbers = array.array('i', [null.fileno()] * 8)
        try:
            sock.sendmsg([HANDSHAKE], [(socket.SOL_SOCKET,
                                        socket.SCM_RIGHTS, numbers)])
            sock.sendmsg([frame(b'')], [(socket.SOL_SOCKET,
                                         socket.SCM_RIGHTS, numbers)])
        except OSError:
            pass


ASK = struct.pack('>I', 0x80000001) + b'verdict/1 ping\n'
HOSTILE = [
    ('connect and leave', 300, lambda sock: None),
    ('half a handshake', 100, lambda sock: send(sock, HANDSHAKE[:5])),
    ('a handshake and leave', 300, lambda sock: send(sock, HANDSHAKE)),
    ('garbage instead of a handshake', 100,
     lambda sock: send(sock, b'GET / HTTP/1.0\r\n\r\n')),
    ('another protocol', 100,
     lambda sock: send(sock, b'\0SP\0' + struct.pack('>HH', 80, 0))),
    ('a length of 2^40', 100,
     lambda sock: send(sock, HANDSHAKE + b'\1' + struct.pack('>Q', 1 << 40))),
    ('a length of 2^64 - 1', 100,
     lambda sock: send(sock, HANDSHAKE + b'\1' + b'\xff' * 8)),
    ('a frame of an unknown kind', 100,
     lambda sock: send(sock, HANDSHAKE + b'\2' + frame(ASK)[1:])),
    ('a good message, then a bad frame', 100,
     lambda sock: send(sock, HANDSHAKE + frame(ASK) + b'\0' * 9)),
    ('a bad frame, octet by octet', 20,
     lambda sock: [send(sock, bytes([octet])) for octet in
                   HANDSHAKE + frame(b'abc') + b'\xff']),
    ('a part of a message', 100,
     lambda sock: send(sock, HANDSHAKE + frame(ASK)[:15])),
    ('a message without an id', 100,
     lambda sock: send(sock, HANDSHAKE + frame(b''))),
    ('a backtrace without an end', 100,
     lambda sock: send(sock, HANDSHAKE + frame(b'\0\0\0\1' * 1000))),
    ('questions, and no reading of answers', 20,
     lambda sock: send(sock, HANDSHAKE + frame(ASK) * 500)),
    ('descriptors passed in', 200, send_descriptors),
]


def descriptors(daemon):
    return len(os.listdir('/proc/%d/fd' % daemon.child.pid))


def visit(path, count, behave):
    """`count` peers, fifty at a time; they leave while some are being read."""
    for first in range(0, count, 50):
        sockets = []
        for _ in range(min(50, count - first)):
            try:
                sockets.append(hostile_connect(path))
            except OSError:
                return  # it has died, which is noticed by others
            behave(sockets[-1])
        time.sleep(0.1)
        for sock in sockets:
            sock.close()


def check_hostile():
    daemon = new_daemon().start()
    daemon.ask('ping')
    base = descriptors(daemon)
    path = daemon.path('verdictd.sock')
    for what, count, behave in HOSTILE:
        visit(path, count, behave)
        # nanomsg leaves about one connection in a hundred behind.
        left = patiently(lambda: descriptors(daemon) <= base + 6)
        try:
            good = daemon.answers()
        except RuntimeError as why:
            ok(False, 'hostile: %s' % what, why)
            daemon.start()
            base = descriptors(daemon)
            continue
        ok(good and left, 'hostile: %d times %s: it answers, and no '
           'descriptor stays' % (count, what),
           '%d descriptors, %d before' % (descriptors(daemon), base))
        base = max(base, descriptors(daemon))

    # Not all of them: what is not read before a peer leaves never arrives.
    closed = stats(daemon, 'descriptors_closed')
    ok(closed > 0, 'descriptors that were passed in are counted (%d of %d)' %
       (closed, 200 * 16))

    idle = [hostile_connect(path) for _ in range(400)]
    start = time.monotonic()
    equal(daemon.ask(*SPF)['result'], 'pass',
          'beside 400 idle connections a question is answered')
    note('after %.0f ms' % ((time.monotonic() - start) * 1000))
    for sock in idle:
        sock.close()
    equal(daemon.ask(*SPF)['result'], 'pass', 'and after they have gone')
    equal(daemon.stop(), 0, 'after all that the daemon ends in good order')
    daemon.clean()


check_options()
check_wrong_configurations()
check_reload()
check_term()
check_sockets()
check_malformed()
check_hostile()
dns.stop()
done()
