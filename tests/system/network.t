#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Sealed questions over tcp: who is answered, and what those achieve who have
no key, record what passes, or only want to be in the way. Loopback only."""
import os
import re
import resource
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, FLOOD, HAS_V6, PATIENCE,  # noqa: E402
                     VERDICT, Daemon, FaultDns, command, done, equal,
                     free_port, note, ok, patiently)

VERDICTCTL = os.path.join(BUILD, 'verdictctl')
dns = FaultDns()
dns('add', 'good.example', 3600, 'TXT', 'v=spf1 ip4:192.0.2.1 -all')
SPF = ('spf', 'client_ip=192.0.2.1', 'mail_from=a@good.example')

PORT = free_port()
TCP = 'tcp://127.0.0.1:%d' % PORT
TCP6 = 'tcp://[::1]:%d' % PORT
GUARDED_PORT = free_port()
daemon = Daemon(dns.address)
STATE = daemon.path('state')
os.mkdir(STATE)
os.environ['VERDICT_STATE_DIR'] = STATE
SEAL_OVERHEAD = 4 + 16 + 24 + 8 + 16


def keygen(*names):
    return command(VERDICTCTL, 'keygen', *names)[1]


def write(name, text, mode=0o600):
    path = daemon.path(name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), 'w',
              encoding='ascii') as out:
        out.write(text)
    return path


MX1, MX2 = keygen('mx1-a', 'mx1.example.net'), keygen('mx2-a', 'mx2.example')
write('keys', '# ours\n' + MX1 + MX2)
CONFIG = daemon.text + '''
endpoint "%s" { key-file = "%s" }
endpoint "tcp://127.0.0.1:%d" { key-file = "%s" hosts = {"127.0.0.2/31"} }
''' % (TCP, daemon.path('keys'), GUARDED_PORT, daemon.path('keys'))
if HAS_V6:
    CONFIG += 'endpoint "%s" { key-file = "%s" }\n' % (
        TCP6, daemon.path('keys'))
daemon.write_config(CONFIG)
daemon.start()


def ask(key, *words, server=TCP, ms=PATIENCE * 1000):
    """verdict(1) with the key in `key`, a line: (exit, output, complaint)."""
    return command(VERDICT, '-t', str(ms), '-k', write('client-key', key),
                   '-s', server, *words)


def stats(*names):
    reply = daemon.ask_control('stats')
    return [reply.number(name) or 0 for name in names]


# --- Keys ---------------------------------------------------------------------

def check_keys():
    status, out, err = ask(MX1, *SPF)
    ok(status == 0 and 'result=pass' in out, 'a sealed question is answered',
       status, out, err)
    status, out, err = ask(MX2, *SPF, 'host=mx1.example.net')
    ok(status == 0 and 'result=pass' in out,
       'and one under another key', status, out, err)
    ok(re.search(r'verb=spf host=mx2.example\b', daemon.log()),
       '... whose host is the one of the key, not what it says')
    if HAS_V6:
        status, out, err = ask(MX1, 'ping', server=TCP6)
        ok(status == 0, 'over IPv6, too', status, out, err)

    refused = 'not sealed with key'
    for what, key in (
            ('a wrong key of a known name', keygen('mx1-a')),
            ('a key of an unknown name', keygen('mx3-a'))):
        start = time.monotonic()
        status, out, err = ask(key, *SPF)
        ok(status == 111 and out == '' and refused in err,
           what + ': no answer, and it is said why', status, out, err)
        ok(time.monotonic() - start < PATIENCE / 3, '... at once')
    status, out, err = command(VERDICT, '-s', TCP, 'ping')
    ok(status == 100 and 'takes messages sealed' in err,
       'without a key: refused in words', status, out, err)
    before = stats('seal_again')[0]
    for _ in range(20):
        ask(MX1, 'ping')
    equal(stats('seal_again')[0] - before, 0,
          'the cookie is remembered between processes: no second round')
    write('client-key', MX1, 0o644)
    os.chmod(daemon.path('client-key'), 0o644)
    status, _, err = command(VERDICT, '-k', daemon.path('client-key'), 'ping')
    ok(status == 100 and 'mode 0644' in err,
       'a client does not use a key that everybody can read', status, err)
    os.unlink(daemon.path('client-key'))

    for line, problem in (
            ('endpoint "tcp://127.0.0.1:1" { }', 'without a key'),
            ('endpoint "tcp://127.0.0.1:1" { key-file = "/nonexistent" }',
             '/nonexistent'),
            ('control "tcp://127.0.0.1:1" { }', 'refused')):
        path = write('wrong.conf', '\n' + line + '\n')
        status, _, err = command(os.path.join(BUILD, 'verdictd'), '-n', '-c',
                                 path)
        ok(status == 100 and path + ':2' in err and problem in err,
           'refused with file and line: ' + line, status, err)


def check_rotation():
    new = keygen('mx1-b', 'mx1.example.net')
    write('keys', MX1 + new + MX2)
    daemon.signal(signal.SIGHUP)
    ok(patiently(lambda: ask(new, 'ping')[0] == 0),
       'reload: a new key beside the old one')
    equal(ask(MX1, 'ping')[0], 0, '... and the old one is still good')
    write('keys', new + MX2)
    daemon.signal(signal.SIGHUP)
    ok(patiently(lambda: ask(MX1, 'ping')[0] == 111),
       'reload: the old one is taken away')
    equal((ask(new, 'ping')[0], ask(MX2, 'ping')[0]), (0, 0),
          '... and the others are good')
    write('keys', 'mx1-c nonsense\n')
    failed = stats('reloads_failed')[0]
    daemon.signal(signal.SIGHUP)
    ok(patiently(lambda: stats('reloads_failed')[0] > failed) and
       daemon.path('keys') + ':1' in daemon.log(),
       'a mistake in the file: the reload is refused, the log says where')
    equal(ask(new, 'ping')[0], 0, '... and the keys are those of before')
    write('keys', MX1 + MX2)
    daemon.signal(signal.SIGHUP)
    ok(patiently(lambda: ask(MX1, 'ping')[0] == 0), 'and back')


def check_hosts():
    denied = stats('connections_denied')[0]
    status, _, err = ask(MX1, 'ping', server='tcp://127.0.0.1:%d' %
                         GUARDED_PORT, ms=500)
    ok(status == 111, 'hosts: from another address not even with a key',
       status, err)
    ok(stats('connections_denied')[0] > denied, '... which is counted')
    sock = tcp_connect(GUARDED_PORT, source='127.0.0.3')
    ok(greeted(sock), '... and from one of these there is a connection')
    sock.close()


# --- The bare wire -------------------------------------------------------------

# nanomsg over tcp: both sides say "\0SP\0" and what they speak; then frames of
# eight octets of length and the body, which begins with a request's number.
HANDSHAKE = b'\0SP\0' + struct.pack('>HH', 48, 0)


def frame(body):
    return struct.pack('>Q', len(body)) + body


def question(body, number=1):
    return frame(struct.pack('>I', 0x80000000 | number) + body)


def tcp_connect(port=PORT, source='127.0.0.1'):
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    sock.bind((source, 0))
    sock.connect(('127.0.0.1', port))
    return sock


def receive(sock, size):
    data = b''
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise OSError('closed')
        data += more
    return data


def greeted(sock):
    """Both handshakes are through."""
    try:
        sock.sendall(HANDSHAKE)
        return receive(sock, 8)[:4] == b'\0SP\0'
    except OSError:
        return False


def receive_frame(sock):
    size, = struct.unpack('>Q', receive(sock, 8))
    return receive(sock, size)


def send(sock, octets):
    try:
        sock.sendall(octets)
    except OSError:
        pass  # it has thrown us out: good


class Relay:
    """Between a client and the daemon: keeps all frames of both directions,
    which `change(direction, body)` may replace; None: passes nothing on."""

    def __init__(self, change=lambda direction, body: body):
        self.change = change
        self.asked, self.answered = [], []
        self.listener = socket.socket()
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(16)
        self.server = 'tcp://127.0.0.1:%d' % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                daemon_side = tcp_connect()
            except OSError:
                return
            client.settimeout(PATIENCE)
            for pair in ((client, daemon_side, self.asked, 'asked'),
                         (daemon_side, client, self.answered, 'answered')):
                threading.Thread(target=self.pump, args=pair,
                                 daemon=True).start()

    def pump(self, source, sink, kept, direction):
        try:
            sink.sendall(receive(source, 8))
            while True:
                body = receive_frame(source)
                kept.append(body)
                body = self.change(direction, body)
                if body is not None:
                    sink.sendall(frame(body))
        except OSError:
            for sock in (source, sink):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()


def check_secrecy_and_replay():
    relay = Relay()
    status, out, _ = ask(MX1, *SPF, server=relay.server)
    ok(status == 0 and 'result=pass' in out, 'through a relay that records')
    passed = b''.join(relay.asked + relay.answered)
    ok(all(word not in passed for word in
           (b'verdict/1', b'good.example', b'192.0.2.1', b'pass')),
       'what it recorded tells nothing of question and answer')
    ok(b'mx1-a' in passed, '... but the name of the key')
    relay.close()

    # The last one carried the cookie and was answered with text.
    recorded = relay.asked[-1]
    ok(len(relay.answered[-1]) > 4 + SEAL_OVERHEAD, 'a question to replay')
    requests, again, runs = stats('requests', 'seal_again', 'runs')
    sock = tcp_connect()
    ok(greeted(sock), 'the recorded question again, 1000 times')
    answers = []
    start = time.monotonic()
    for _ in range(20):
        sock.sendall(frame(recorded) * 50)
        answers += [receive_frame(sock) for _ in range(50)]
    took = time.monotonic() - start
    ok(all(len(answer) == 4 + SEAL_OVERHEAD for answer in answers),
       '... is answered without any text')
    later = stats('requests', 'seal_again', 'runs')
    # The two runs are those of the control questions themselves, if counted.
    ok(later[0] - requests <= 2 and later[2] - runs <= 2,
       '... nothing was evaluated', requests, runs, later)
    equal(later[1] - again, 1000, '... and all are counted')
    note('1000 replays took the daemon and the wire %.0f ms' % (took * 1000))
    sock.close()
    return recorded


def check_replay_after_restart(recorded):
    daemon.stop()
    daemon.start()
    runs, again = stats('runs', 'seal_again')
    sock = tcp_connect()
    greeted(sock)
    sock.sendall(frame(recorded))
    equal(len(receive_frame(sock)), 4 + SEAL_OVERHEAD,
          'a daemon that has just started takes no recorded question either')
    equal(stats('runs', 'seal_again'), [runs, again + 1],
          '... nothing was evaluated')
    sock.close()
    status, out, err = ask(MX1, *SPF)
    ok(status == 0 and 'result=pass' in out,
       'whoever has the key and an old cookie is answered', status, out, err)


def check_forgery():
    """Whatever the relay does, the client has the true answer or none."""
    first = {}

    def old_answer(direction, body):
        if direction == 'asked' or len(body) <= 4 + SEAL_OVERHEAD:
            return body
        first.setdefault('answer', body)
        return body[:4] + first['answer'][4:]

    def flip(where):
        def change(direction, body):
            at = {'first': 4, 'key': 9, 'nonce': 30, 'text': 60,
                  'last': len(body) - 1}[where]
            if direction == 'answered' and len(body) > 4 + SEAL_OVERHEAD:
                body = bytearray(body)
                body[at] ^= 1
            return bytes(body)
        return change

    def plain(direction, body):
        if direction == 'asked':
            return body
        return body[:4] + b'verdict/1 ok\nresult=fail\n'

    def empty(direction, body):
        return body if direction == 'asked' else body[:4]

    def mirror(direction, body):
        return relay.asked[-1] if direction == 'answered' else body

    relay = Relay(old_answer)
    equal(ask(MX1, *SPF, server=relay.server)[0], 0, 'an answer to keep')
    status, out, err = ask(MX1, 'spf', 'client_ip=192.0.2.2',
                           'mail_from=a@good.example', server=relay.server)
    ok(status == 111 and out == '',
       'the answer to another question is none', status, out, err)
    relay.close()
    for what, change in (
            [('an answer with another octet: ' + where, flip(where))
             for where in ('first', 'key', 'nonce', 'text', 'last')] +
            [('an answer in the clear', plain), ('an empty answer', empty),
             ('the question for an answer', mirror)]):
        relay = Relay(change)
        status, out, err = ask(MX1, *SPF, server=relay.server, ms=1000)
        ok(status == 111 and out == '', what + ' is none', status, out, err)
        relay.close()

    def question_flip(direction, body):
        if direction == 'asked':
            body = body[:-1] + bytes([body[-1] ^ 1])
        return body
    relay = Relay(question_flip)
    status, out, err = ask(MX1, *SPF, server=relay.server)
    ok(status == 111 and out == '', 'a question with another octet is none',
       status, out, err)
    relay.close()
    equal(command(VERDICT, '-k', write('client-key', MX1), '-s',
                  'tcp://127.0.0.1:%d' % free_port(), '-s', TCP, *SPF)[0], 0,
          'and beside all that another server can be asked')


# --- Peers ---------------------------------------------------------------------

SEALED = b'vS1?' + b'mx1-a'.ljust(16, b'\0') + bytes(24 + 8 + 200 + 16)
HOSTILE = [
    ('connect and leave', 300, lambda sock: None),
    ('half a handshake', 100, lambda sock: send(sock, HANDSHAKE[:5])),
    ('a handshake and leave', 300, lambda sock: send(sock, HANDSHAKE)),
    ('garbage instead of a handshake', 100,
     lambda sock: send(sock, b'GET / HTTP/1.0\r\n\r\n')),
    ('another protocol', 100,
     lambda sock: send(sock, b'\0SP\0' + struct.pack('>HH', 80, 0))),
    ('a length of 2^40', 100,
     lambda sock: send(sock, HANDSHAKE + struct.pack('>Q', 1 << 40))),
    ('a length of 2^64 - 1', 100,
     lambda sock: send(sock, HANDSHAKE + b'\xff' * 8)),
    ('a length of one too many', 100,
     lambda sock: send(sock, HANDSHAKE + struct.pack('>Q', 70000))),
    ('all but the last octet of 60 kB', 200,
     lambda sock: send(sock, HANDSHAKE + question(bytes(60000))[:-1])),
    ('a message without a number', 100,
     lambda sock: send(sock, HANDSHAKE + frame(b''))),
    ('a backtrace without an end', 100,
     lambda sock: send(sock, HANDSHAKE + frame(b'\0\0\0\1' * 1000))),
    ('60 kB of nothing, sealed by nobody', 200,
     lambda sock: send(sock, HANDSHAKE + question(bytes(60000)))),
    ('a forged seal', 300,
     lambda sock: send(sock, HANDSHAKE + question(SEALED) * 20)),
    ('seals cut at each length', 2, lambda sock: send(
        sock, HANDSHAKE + b''.join(question(SEALED[:size])
                                   for size in range(len(SEALED))))),
    ('questions, and no reading of answers', 20,
     lambda sock: send(sock, HANDSHAKE + question(SEALED) * 500)),
    ('a reset instead of an end', 200, lambda sock: (
        send(sock, HANDSHAKE + question(SEALED)), sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)))),
]


def rss_kb():
    with open('/proc/%d/status' % daemon.child.pid, encoding='ascii') as text:
        return int(re.search(r'VmRSS:\s+(\d+)', text.read()).group(1))


def descriptors():
    return len(os.listdir('/proc/%d/fd' % daemon.child.pid))


def serving(what):
    """Others are served meanwhile, by the socket file and over tcp."""
    start = time.monotonic()
    here = daemon.ask(*SPF)['result']
    there = ask(MX1, *SPF)
    took = time.monotonic() - start
    return ok(here == 'pass' and there[0] == 0, what, here, there), took


def check_hostile():
    base, memory = descriptors(), rss_kb()
    worst = 0
    for what, count, behave in HOSTILE:
        sockets = []
        for _ in range(count):
            sock = tcp_connect(source='127.0.0.9')
            behave(sock)
            sockets.append(sock)
            if len(sockets) == 100:
                for old in sockets:
                    old.close()
                sockets = []
        good, took = serving('hostile: %d times %s: others are served' %
                             (count, what))
        worst = max(worst, took)
        for sock in sockets:
            sock.close()
        if not good:
            return
        # nanomsg leaves about one connection in a hundred behind.
        left = patiently(lambda: descriptors() <= base + 6)
        ok(left, '... and no descriptor stays', '%d descriptors, %d before' %
           (descriptors(), base))
        base = max(base, descriptors())
    note('memory %d kB, %d kB before; the slowest pair of questions took '
         '%.0f ms; seal_refused=%d' % (rss_kb(), memory, worst * 1000,
                                       stats('seal_refused')[0]))
    ok(rss_kb() - memory < 65536, 'all that took the daemon less than 64 MB')


def check_crowd():
    wanted = 3000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (min(hard, wanted + 500), hard))
    memory, base = rss_kb(), descriptors()
    shed = stats('connections_shed')[0]
    sockets = []
    start = time.monotonic()
    for _ in range(min(wanted, resource.getrlimit(
            resource.RLIMIT_NOFILE)[0] - 100)):
        try:
            sock = tcp_connect(source='127.0.0.9')
            sock.sendall(HANDSHAKE)
            sockets.append(sock)
        except OSError:
            pass
    _, took = serving('%d connections from one address: others are served' %
                      len(sockets))
    held = descriptors() - base
    note('it took %.1f s; %d are held, %d were shed; memory %d kB, %d kB '
         'before; a pair of questions %.0f ms' % (
             time.monotonic() - start, held,
             stats('connections_shed')[0] - shed, rss_kb(), memory,
             took * 1000))
    ok(held <= 2048 + 16, '... one address holds a share of the descriptors',
       held)
    ok(rss_kb() - memory < 131072, '... and bounded memory')
    for sock in sockets:
        sock.close()
    ok(patiently(lambda: descriptors() <= base + held // 50 + 6),
       'when they leave, their descriptors are free again',
       descriptors(), base)
    sock = tcp_connect(source='127.0.0.9')
    ok(greeted(sock), '... and the address may come again')
    sock.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- Load and restarts -----------------------------------------------------------

def check_load():
    path = write('client-key', MX1)
    out = command(FLOOD, '-s', TCP, '-k', path, '-n', '80000', '-j', '8', '-t',
                  str(PATIENCE), '-e', 'result=pass', *SPF, seconds=600)
    ok('ok=80000' in out[1], '80000 sealed questions, two changes of cookie: '
       'all answered', *out)
    note(out[1].strip())


class Load(threading.Thread):
    """Asks one question after the other, each by a process of its own."""

    def __init__(self, key, servers):
        super().__init__()
        self.command = [VERDICT, '-t', str(PATIENCE * 1000), '-k', key]
        for server in servers:
            self.command += ['-s', server]
        self.command += SPF
        self.over = False
        self.asked, self.worst, self.bad = 0, 0, []
        self.start()

    def run(self):
        while not self.over:
            start = time.monotonic()
            status, out, err = command(*self.command)
            self.worst = max(self.worst, time.monotonic() - start)
            self.asked += 1
            if status != 0 or 'result=pass' not in out:
                self.bad.append((status, out, err))


def check_restart():
    key = write('client-key', MX1)
    for what, end in (('SIGTERM', daemon.stop), ('SIGKILL', daemon.kill)):
        loads = [Load(key, servers) for servers in
                 ([TCP], [TCP], [daemon.endpoint], [daemon.endpoint])]
        patiently(lambda: all(load.asked > 5 for load in loads))
        start = time.monotonic()
        end()
        daemon.start()
        away = time.monotonic() - start
        before = [load.asked for load in loads]
        patiently(lambda: all(load.asked > count + 5 for load, count in
                              zip(loads, before)))
        for load in loads:
            load.over = True
        for load in loads:
            load.join()
        asked = sum(load.asked for load in loads)
        bad = [one for load in loads for one in load.bad]
        equal(bad, [], '%s and a new daemon under load: none of %d questions '
              'is lost' % (what, asked))
        note('away for %.0f ms; the longest question took %.0f ms' % (
            away * 1000, max(load.worst for load in loads) * 1000))


check_keys()
check_rotation()
check_hosts()
check_replay_after_restart(check_secrecy_and_replay())
check_forgery()
check_hostile()
check_crowd()
check_load()
check_restart()
equal(daemon.stop(), 0, 'after all that the daemon ends in good order')
dns.stop()
done()
