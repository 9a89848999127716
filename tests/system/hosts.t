#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Several hosts on one machine, each a network namespace: three that ask and
two that answer, in a network of their own. Under a steady load of checks one
daemon is killed, frozen, cut off and restarted.

    c1 c2 c3   d1 d2
     |  |  |   |  |
    =+==+==+===+==+=   a bridge in a namespace, 198.18.0.0/24

Needs root, and iproute2."""
import atexit
import contextlib
import ctypes
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, VERDICT, Daemon, FaultDns, command,  # noqa: E402
                     done, equal, note, ok, patiently)

CLONE_NEWNET = 0x40000000
NAME = 'verdict-test-%d-' % os.getpid()
ADDRESSES = {'d1': 1, 'd2': 2, 'c1': 11, 'c2': 12, 'c3': 13}
PORT = 5705
TIMEOUT_MS = 6000
SLACK = 3  # seconds, for a process to start and end on a busy machine
PAUSE = 0.02  # seconds between two questions of a worker
WORKERS = 2  # of each client host
libc = ctypes.CDLL(None, use_errno=True)


def skip(why):
    print('1..0 # SKIP ' + why)
    sys.exit(0)


# --- Namespaces ------------------------------------------------------------------

def ip(*words):
    subprocess.run(('ip',) + words, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def namespaces_remove():
    for host in list(ADDRESSES) + ['hub']:
        subprocess.run(('ip', 'netns', 'del', NAME + host), check=False,
                       stderr=subprocess.DEVNULL)


def namespaces_make():
    """Addresses are of RFC 2544's range for tests, and lead nowhere else."""
    hub = NAME + 'hub'
    ip('netns', 'add', hub)
    atexit.register(namespaces_remove)
    ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge')
    ip('-n', hub, 'link', 'set', 'br0', 'up')
    for host, number in ADDRESSES.items():
        there = NAME + host
        ip('netns', 'add', there)
        ip('-n', hub, 'link', 'add', host, 'type', 'veth', 'peer', 'name',
           'eth0', 'netns', there)
        ip('-n', hub, 'link', 'set', host, 'master', 'br0', 'up')
        ip('-n', there, 'link', 'set', 'lo', 'up')
        ip('-n', there, 'addr', 'add', '198.18.0.%d/24' % number, 'dev',
           'eth0')
        ip('-n', there, 'link', 'set', 'eth0', 'up')


def enter(path):
    with open(path, 'rb') as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), 'setns')


@contextlib.contextmanager
def inside(host):
    """What this thread starts now, starts on that host."""
    enter('/run/netns/' + NAME + host)
    yield
    enter('/proc/%d/ns/net' % os.getpid())


# --- Daemons and load ------------------------------------------------------------

RECORDS = (('good.example', 'v=spf1 ip4:192.0.2.1 -all'),
           ('_dmarc.good.example', 'v=DMARC1; p=reject'))
QUESTION = ('check', 'helo=mx.good.example', 'mail_from=a@good.example',
            'from_domain=good.example')
# the client, the exit status and a line of the right verdict
VERDICTS = (('client_ip=192.0.2.1', 0, 'action=accept'),
            ('client_ip=192.0.2.66', 1, 'action=reject'))


def server(host):
    return 'tcp://198.18.0.%d:%d' % (ADDRESSES[host], PORT)


class Host:
    """A daemon, with a DNS server of its own behind it."""

    def __init__(self, name, keys):
        self.name = name
        with inside(name):
            self.dns = FaultDns()
            for record, text in RECORDS:
                self.dns('add', record, 3600, 'TXT', text)
            self.daemon = Daemon(self.dns.address, level='warning', extra='''
endpoint "%s" { key-file = "%s" hosts = {"198.18.0.0/24"} }
''' % (server(name), keys))
        self.start()

    def start(self):
        with inside(self.name):
            self.daemon.start()

    def cut(self):
        ip('-n', NAME + 'hub', 'link', 'set', self.name, 'down')

    def join(self):
        ip('-n', NAME + 'hub', 'link', 'set', self.name, 'up')


class Worker(threading.Thread):
    """Asks on, in turn for the two verdicts, a process for each question."""

    def __init__(self, host, servers, key, state):
        super().__init__(daemon=True)
        self.host = host
        self.words = [VERDICT, '-t', str(TIMEOUT_MS), '-k', key]
        for one in servers:
            self.words += ['-s', server(one)]
        self.words += QUESTION
        self.environment = dict(os.environ, VERDICT_STATE_DIR=state)
        self.over = False
        self.asked = []  # (when, how long, 'right', 'wrong' or 'lost', all)

    def ask(self, client, status, line):
        start = time.monotonic()
        done_ = subprocess.run(self.words + [client], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=self.environment, check=False)
        took = time.monotonic() - start
        if done_.returncode == 111:
            outcome = 'lost'
        elif done_.returncode == status and \
                line in done_.stdout.splitlines():
            outcome = 'right'
        else:
            outcome = 'wrong'
        self.asked.append((start, took, outcome,
                           done_.stdout + done_.stderr))

    def run(self):
        enter('/run/netns/' + NAME + self.host)
        while not self.over:
            for client, status, line in VERDICTS:
                self.ask(client, status, line)
                time.sleep(PAUSE)


def down_files(directory):
    """Of the servers that some client has found to be down."""
    return glob.glob(os.path.join(directory, '*-state-*', '*.down'))


def phase(name, workers, directory, fault, mend, seconds, noticed=True,
          calm=1.0):
    """A fault and its end, with what was asked from one to the other."""
    for path in down_files(directory):  # all begin with their first server
        with contextlib.suppress(OSError):
            os.unlink(path)
    time.sleep(0.3)
    start = time.monotonic()
    fault()
    time.sleep(seconds)
    if noticed:
        ok(patiently(lambda: down_files(directory)), name + ': noticed')
    mend()
    time.sleep(calm)
    for worker in workers:  # those that are out now belong to this fault
        count = len(worker.asked)
        patiently(lambda worker=worker, count=count:
                  len(worker.asked) > count)
    asked = [one for worker in workers for one in worker.asked
             if one[0] >= start]
    wrong = [one for one in asked if one[2] == 'wrong']
    lost = [one for one in asked if one[2] == 'lost']
    late = [one for one in asked if one[1] > TIMEOUT_MS / 1000 + SLACK]
    times = sorted(one[1] for one in asked)
    equal((len(wrong), len(lost), len(late)), (0, 0, 0),
          '%s: %d checks; wrong, lost, late' % (name, len(asked)),
          *[one[3] for one in (wrong + lost)[:3]])
    slow = sum(1 for one in times if one > 0.1)
    note('%-28s worst %4.0f ms, median %2.0f ms, %d over 100 ms' % (
        name, times[-1] * 1000, times[len(times) // 2] * 1000, slow))


def load_start(keys, directory, hedge):
    workers = []
    os.environ['VERDICT_HEDGE'] = hedge
    for host, servers in (('c1', ('d1', 'd2')), ('c2', ('d1', 'd2')),
                          ('c3', ('d2', 'd1'))):
        state = os.path.join(directory, host + '-state-' + hedge)
        os.mkdir(state)
        workers += [Worker(host, servers, keys[host], state)
                    for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    return workers


def load_stop(workers):
    for worker in workers:
        worker.over = True
    for worker in workers:
        worker.join()


def keys_write(directory):
    """A key for each client host; the daemons have all."""
    keys = {}
    for host in ('c1', 'c2', 'c3', 'all'):
        keys[host] = os.path.join(directory, host + '.keys')
        open(os.open(keys[host], os.O_CREAT, 0o600), 'rb').close()
    for host in ('c1', 'c2', 'c3'):
        line = command(os.path.join(BUILD, 'verdictctl'), 'keygen',
                       host + '-a', host + '.example.net')[1]
        for name in (host, 'all'):
            with open(keys[name], 'a', encoding='ascii') as out:
                out.write(line)
    return keys


def main():
    directory = tempfile.mkdtemp(prefix='hosts.')
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    keys = keys_write(directory)
    d1, d2 = Host('d1', keys['all']), Host('d2', keys['all'])
    for hedge in ('0', '30'):
        workers = load_start(keys, directory, hedge)
        time.sleep(0.5)
        title = 'hedged 30 ms, ' if hedge != '0' else ''
        if hedge == '0':
            phase('nothing happens', workers, directory, lambda: None,
                  lambda: None, 1, noticed=False)
        phase(title + 'kill -9', workers, directory, d1.daemon.kill,
              d1.start, 2)
        phase(title + 'frozen (SIGSTOP)', workers, directory,
              lambda: d1.daemon.signal(signal.SIGSTOP),
              lambda: d1.daemon.signal(signal.SIGCONT), 3)
        phase(title + 'link cut', workers, directory, d1.cut, d1.join,
              3)
        if hedge == '0':
            phase('restarted, one by one', workers, directory,
                  lambda: (d1.daemon.stop(), d1.start()),
                  lambda: (d2.daemon.stop(), d2.start()), 0.5,
                  noticed=False)
        load_stop(workers)
    for host in (d1, d2):
        counters = host.daemon.ask_control('stats')
        ok(counters.number('seal_refused') == 0 and
           counters.number('checks') > 0, host.name + ': asked, and every '
           'seal was good', counters)
        equal(host.daemon.stop(), 0, host.name + ' ends in good order')
        host.dns.stop()


if os.geteuid() != 0 or shutil.which('ip') is None:
    skip('needs root and iproute2, for network namespaces')
try:
    namespaces_make()
except (OSError, subprocess.CalledProcessError) as why:
    skip('no network namespaces here: %s' % (
        getattr(why, 'stderr', None) or why))
main()
done()
