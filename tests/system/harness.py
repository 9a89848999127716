# SPDX-License-Identifier: ISC
"""What the system tests share: TAP, the daemon as a child, questions to it.

A test is a program tests/system/NAME.t that prints TAP. It finds the programs
in $BUILD and the sources in $SRC (or else next to itself).
"""
import atexit
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SRC = os.environ.get('SRC') or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('BUILD') or os.getcwd()
sys.path.insert(0, os.path.join(SRC, 'tests', 'lab'))
sys.dont_write_bytecode = True
import faultdns  # noqa: E402
from lab import (HAS_V6, Lab, die_with_parent,  # noqa: E402,F401
                 free_port)

VERDICTD = os.path.join(BUILD, 'verdictd')
VERDICT = os.path.join(BUILD, 'verdict')
FLOOD = os.path.join(BUILD, 'obj', 'tests', 'lab', 'flood')
SIGN = os.path.join(BUILD, 'obj', 'tests', 'lab', 'sign')
# A bind that fails leaks inside libnanomsg, which only a sanitizer minds.
os.environ['LSAN_OPTIONS'] = ':'.join(filter(None, (
    os.environ.get('LSAN_OPTIONS'), 'print_suppressions=0',
    'suppressions=' + os.path.join(SRC, 'tests', 'system', 'lsan.supp'))))
# Seconds. Only what never comes at all is waited for so long, on any machine.
PATIENCE = 60


# --- TAP ---------------------------------------------------------------------

class Tap:
    number = 0
    failed = 0


def ok(good, name, *notes):
    """One test; the notes are printed when it is not good."""
    Tap.number += 1
    print('%sok %d - %s' % ('' if good else 'not ', Tap.number, name))
    if not good:
        Tap.failed += 1
        for note in notes:
            for line in str(note).splitlines():
                print('#   ' + line)
    sys.stdout.flush()
    return bool(good)


def equal(got, want, name, *notes):
    return ok(got == want, name, 'got  %r' % (got,), 'want %r' % (want,),
              *notes)


def note(text):
    print('# ' + text, flush=True)


def done():
    print('1..%d' % Tap.number, flush=True)
    sys.exit(1 if Tap.failed else 0)


def patiently(condition, seconds=PATIENCE):
    """The first true value of condition(), or its last one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.02)


# --- Questions ---------------------------------------------------------------

class Unanswered(Exception):
    pass


class Reply:
    """status: "ok", "busy" or "error"; fields: reply['name'], or lists."""

    def __init__(self, text):
        self.text = text
        lines = text.split('\n')
        version, _, self.status = lines[0].partition(' ')
        if version != 'verdict/1':
            raise Unanswered('no answer of ours: %r' % text)
        self.fields = [line.partition('=')[::2] for line in lines[1:] if line]

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def __getitem__(self, name):
        values = self.all(name)
        return values[-1] if values else None

    def number(self, name):
        return int(self[name]) if (self[name] or '').isdigit() else None

    def __str__(self):
        return self.text


AF_SP, NN_REQ = 1, 48
NN_SNDTIMEO, NN_RCVTIMEO, NN_RECONNECT_IVL = 4, 5, 6
nn = ctypes.CDLL('libnanomsg.so.5', use_errno=True)
nn.nn_strerror.restype = ctypes.c_char_p


def nn_ask(endpoint, octets, seconds):
    """One message and its answer, as bytes. One socket each: a REQ socket
    that has timed out once is not to be trusted again."""
    sock = nn.nn_socket(AF_SP, NN_REQ)
    try:
        for option, value in ((NN_RCVTIMEO, seconds * 1000),
                              (NN_SNDTIMEO, seconds * 1000),
                              (NN_RECONNECT_IVL, 5)):
            number = ctypes.c_int(int(value))
            nn.nn_setsockopt(sock, 0, option, ctypes.byref(number),
                             ctypes.c_size_t(4))
        if nn.nn_connect(sock, endpoint.encode()) < 0 or \
                nn.nn_send(sock, octets, ctypes.c_size_t(len(octets)), 0) < 0:
            raise Unanswered(nn.nn_strerror(nn.nn_errno()).decode())
        buf = ctypes.create_string_buffer(1 << 17)
        length = nn.nn_recv(sock, buf, ctypes.c_size_t(len(buf)), 0)
        if length < 0:
            raise Unanswered(nn.nn_strerror(nn.nn_errno()).decode())
        return buf.raw[:length]
    finally:
        nn.nn_close(sock)


def ask(endpoint, verb, *fields, seconds=PATIENCE):
    """ask(endpoint, 'spf', 'client_ip=192.0.2.1', ...) -> Reply"""
    text = '\n'.join(['verdict/1 ' + verb] + list(fields)) + '\n'
    return Reply(nn_ask(endpoint, text.encode(), seconds).decode(
        'utf-8', 'replace'))


class FaultDns:
    """tests/lab/faultdns.py as a child; call it with a command's words."""

    def __init__(self, *arguments):
        self.directory = tempfile.mkdtemp(prefix='faultdns.')
        atexit.register(self.stop)
        socket_ = os.path.join(self.directory, 'control')
        self.child = subprocess.Popen(
            ['/usr/bin/python3', os.path.join(SRC, 'tests/lab/faultdns.py'),
             '-u', socket_, *arguments], stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        self.port = int(self.child.stdout.readline().split()[1])
        self.address = '127.0.0.1@%d' % self.port
        self.client = faultdns.Client(socket_)

    def __call__(self, *words):
        return self.client(*words)

    def count(self, target='*'):
        return self.client.count(target)

    def stop(self):
        if self.child.poll() is None:
            self.client.close()
            self.child.terminate()
            self.child.wait()
        self.child.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)


# --- The daemon --------------------------------------------------------------

class Daemon:
    """verdictd in a directory of its own, which outlives restarts.

    `resolver` and the others are lines added to the sections of the
    configuration; `extra` is added at its end.
    """

    def __init__(self, dns, anchor=None, resolver='', cache='', verdict='',
                 extra='', level='debug', preset='rfc9989', size='64M'):
        self.directory = tempfile.mkdtemp(prefix='verdictd.')
        atexit.register(self.clean)
        self.endpoint = 'ipc://' + self.path('verdictd.sock')
        self.control = 'ipc://' + self.path('control.sock')
        self.config = self.path('verdictd.conf')
        self.child = None
        trust = 'trust-anchor-file = "%s"\n    validate = true' % anchor \
            if anchor else 'validate = false'
        self.text = '''endpoint "%s" { mode = "0600" }
control "%s" { }
resolver {
    %s
    %s
    %s
}
cache {
    file = "%s"
    size = "%s"
    %s
}
spf { receiver = "mx.example.net" }
verdict {
    preset = "%s"
    %s
}
log { level = "%s" to = "stderr" }
%s
''' % (self.endpoint, self.control, 'forward = {"%s"}' % dns if dns else '',
            trust, resolver, self.path('cache.lmdb'), size, cache, preset,
            verdict, level, extra)
        self.write_config(self.text)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_config(self, text):
        with open(self.config, 'w', encoding='utf-8') as out:
            out.write(text)

    def start(self, wait=True):
        with open(self.path('log'), 'ab') as log:
            self.child = subprocess.Popen(
                [VERDICTD, '-c', self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=die_with_parent)
        if wait and not self.answers():
            raise RuntimeError('verdictd does not start:\n' + self.log())
        return self

    def answers(self):
        """Does it, sooner or later?"""
        return patiently(self.alive)

    def alive(self):
        if self.child.poll() is not None:
            raise RuntimeError('verdictd has exited with %d:\n%s' % (
                self.child.returncode, self.log()[-3000:]))
        try:
            return self.ask('ping', seconds=1).status == 'ok'
        except Unanswered:
            return False

    def ask(self, verb, *fields, seconds=PATIENCE):
        return ask(self.endpoint, verb, *fields, seconds=seconds)

    def ask_control(self, verb, *fields, seconds=PATIENCE):
        return ask(self.control, verb, *fields, seconds=seconds)

    def record(self, name, kind='TXT', seconds=PATIENCE):
        """What the daemon holds of a record, fetched if need be."""
        return self.ask_control('record', 'name=' + name, 'type=' + kind,
                                seconds=seconds)

    def flood_later(self, *arguments, limit=600):
        """Starts tests/lab/flood against it. The function that is returned
        waits for the end and returns its counts, as numbers."""
        child = subprocess.Popen([FLOOD, '-s', self.endpoint, '-t',
                                  str(PATIENCE), *arguments],
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True,
                                 preexec_fn=die_with_parent)

        def finish():
            try:
                out, err = child.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                child.kill()
                out, err = child.communicate()
            found = {name: float(value) for name, value in
                     re.findall(r'(\w+)=([\d.]+)', out)}
            found['text'] = out + err
            return found
        return finish

    def flood(self, *arguments, limit=600):
        return self.flood_later(*arguments, limit=limit)()

    def log(self):
        with open(self.path('log'), encoding='utf-8',
                  errors='replace') as log:
            return log.read()

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self, seconds=PATIENCE):
        """SIGTERM; the exit status, or None if it did not end in time."""
        if not self.child:
            return None
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        self.child.kill()
        self.child.wait()

    def clean(self):
        if self.child and self.child.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def command(*words, stdin=None, seconds=2 * PATIENCE):
    """Runs a program: (exit status, standard output, standard error)."""
    finished = subprocess.run(words, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=seconds,
                              check=False,
                              text=not isinstance(stdin, bytes))
    return finished.returncode, finished.stdout, finished.stderr
