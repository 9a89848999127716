#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The files of etc: what a supervisor would start, what the real ones do with
it, and what is set where."""
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, SRC, VERDICTD, Daemon, Unanswered,  # noqa: E402
                     command, die_with_parent, done, equal, free_port, note,
                     ok, patiently)

ETC = os.path.join(SRC, 'etc')
work = tempfile.mkdtemp(prefix='service.')
os.chmod(work, 0o755)


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def write(path, text, mode=0o644):
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    os.chmod(path, mode)


# A supervisor's programs, which say how they were called.
TOOLS = {
    'setuidgid': 'echo "user $1"; shift; exec "$@"',
    'chpst': 'echo "user $2"; shift 2; [ "$1" != -o ] || shift 2; exec "$@"',
    'multilog': 'echo "log $*"',
    'svlogd': 'echo "log $*"',
    'id': 'echo "group-of-$2"',
    'install': 'echo "install $*"',
    'verdictd': 'echo "daemon $*"; echo "to the log" >&2',
}


def run_service(*path):
    """What the run file does, as one line a step."""
    tools = os.path.join(work, 'tools')
    if not os.path.isdir(tools):
        os.mkdir(tools)
        for name, text in TOOLS.items():
            write(os.path.join(tools, name), '#!/bin/sh\n' + text + '\n',
                  0o755)
    script = os.path.join(ETC, *path)
    ok(os.stat(script).st_mode & stat.S_IXOTH, '/'.join(path) +
       ' is executable')
    copy = os.path.join(work, 'run')
    write(copy, read(script).replace('/usr/local/sbin/', tools + '/'), 0o755)
    finished = subprocess.run(
        [copy], env={'PATH': tools + ':/usr/bin:/bin'}, cwd=work, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal((finished.returncode, finished.stderr), (0, ''),
          '/'.join(path) + ': all goes to the log')
    return finished.stdout.splitlines()


def check_services():
    daemon = 'daemon -c /etc/verdictd/verdictd.conf'
    first = ['install -d -o verdictd -g group-of-verdictd -m %s' % last
             for last in ('750 /run/verdictd', '770 /run/verdictd/clients')]
    equal(run_service('daemontools', 'run'),
          first + ['user verdictd', daemon, 'to the log'],
          '... the daemon as its user')
    equal(run_service('runit', 'run'),
          first + ['user verdictd', daemon, 'to the log'],
          '... the daemon as its user, runit')
    equal(run_service('daemontools', 'log', 'run'),
          ['user verdictlog', 'log t s1000000 n20 ./main'], '... multilog')
    equal(run_service('runit', 'log', 'run'),
          ['user verdictlog', 'log -tt ./main'], '... svlogd')


# How each supervisor is run and told, and how it names the process.
SUPERVISORS = {
    'daemontools': {
        'scan': ['svscan'], 'hup': ['svc', '-h'], 'down': ['svc', '-d'],
        'up': ['svc', '-u'], 'end': ['svc', '-dx'], 'status': ['svstat']},
    'runit': {
        'scan': ['runsvdir'], 'hup': ['sv', 'reload'], 'down': ['sv', 'down'],
        'up': ['sv', 'up'], 'end': ['sv', 'exit'], 'status': ['sv', 'status']},
}


class Supervised:
    """The service directory of a real supervisor; for want of a user of its
    own and of the usual places the daemon is nobody, and all is in `work`."""

    def __init__(self, kind):
        self.words = SUPERVISORS[kind]
        self.home = os.path.join(work, kind)
        self.service = os.path.join(self.home, 'service', 'verdictd')
        self.daemon = Daemon('127.0.0.1@%d' % free_port())
        shutil.copytree(os.path.join(ETC, kind), self.service)
        for name in ('run', 'log/run'):
            path = os.path.join(self.service, name)
            write(path, self.moved(read(path)), 0o755)
        self.directory('service/verdictd/log/main', 'nobody')
        self.directory('cache', 'nobody')
        copy = shutil.copy(VERDICTD, self.home)
        os.chmod(copy, 0o755)
        write(os.path.join(self.home, 'verdictd.conf'),
              self.daemon.text.replace(self.daemon.directory + '/cache',
                                       self.home + '/cache/cache').replace(
                  self.daemon.directory, self.home + '/run'))
        for name in ('endpoint', 'control'):
            setattr(self.daemon, name, 'ipc://%s/run/%s.sock' % (
                self.home, name.replace('endpoint', 'verdictd')))

    def moved(self, text):
        for there, here in (('/usr/local/sbin', ''), ('/etc/verdictd', ''),
                            ('/run/verdictd', '/run')):
            text = text.replace(there, self.home + here)
        return re.sub(r'(?<= )(verdictd|verdictlog)(?=[ )])', 'nobody', text)

    def directory(self, name, user):
        path = os.path.join(self.home, name)
        os.mkdir(path)
        shutil.chown(path, user)

    def start(self):
        # The sanitizers' files may be out of nobody's reach.
        self.scan = subprocess.Popen(
            self.words['scan'] + [os.path.dirname(self.service)],
            env=dict(os.environ, LSAN_OPTIONS='detect_leaks=0'),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)

    def tell(self, what, part=''):
        return command(*self.words[what], self.service + part)[1]

    def pid(self):
        """Of the daemon, or None."""
        found = re.search(r'\bpid (\d+)\)|\(pid (\d+)\)',
                          self.tell('status').split(';')[0])
        return int(found.group(1) or found.group(2)) if found else None

    def answers(self):
        try:
            return self.daemon.ask('ping', seconds=1).status == 'ok'
        except Unanswered:
            return False

    def log(self):
        try:
            return read(self.service, 'log', 'main', 'current')
        except FileNotFoundError:
            return ''

    def stop(self):
        for part in ('', '/log'):
            self.tell('end', part)
        patiently(lambda: self.pid() is None)
        self.scan.terminate()
        self.scan.wait()


def check_supervised(kind):
    if os.geteuid() != 0 or not shutil.which(SUPERVISORS[kind]['scan'][0]):
        note('skipped: %s itself; it is not here, or not root' % kind)
        return
    it = Supervised(kind)
    it.start()
    try:
        ok(patiently(it.answers), kind + ': the daemon is started',
           it.tell('status'), it.log())
        first = it.pid()
        equal(os.stat('/proc/%d' % first).st_uid, pwd.getpwnam('nobody').pw_uid,
              '... as its user')
        ok(patiently(lambda: re.search(r'^@?[0-9a-f._:-]+ info ', it.log(),
                                       re.M)), '... and logs', it.log())
        it.tell('hup')
        ok(patiently(lambda: it.daemon.ask_control('stats').number('reloads')),
           '... is told to read its configuration again', it.log())
        os.kill(first, signal.SIGKILL)
        ok(patiently(lambda: it.pid() not in (None, first) and it.answers()),
           '... is started again when it dies', it.tell('status'), it.log())
        it.tell('down')
        ok(patiently(lambda: it.pid() is None) and
           not os.path.exists(it.daemon.endpoint[6:]),
           '... is stopped in good order', it.tell('status'), it.log())
        it.tell('up')
        ok(patiently(it.answers), '... and started again', it.log())
    finally:
        it.stop()


def check_unit():
    unit = os.path.join(work, 'verdictd.service')
    text = read(ETC, 'verdictd.service')
    write(unit, re.sub(r'^Documentation=.*\n', '', text, flags=re.M).replace(
        '/usr/local/sbin', BUILD))
    if not shutil.which('systemd-analyze'):
        note('skipped: there is no systemd-analyze')
        return
    status, out, err = command('systemd-analyze', 'verify', unit)
    equal((status, out + err), (0, ''), 'systemd-analyze verify')
    status, out, err = command('systemd-analyze', 'security',
                               '--offline=true', '--threshold=20', unit)
    if 'Unknown' in err or 'unrecognized' in err:
        note('skipped: it is too old to judge a file')
        return
    exposure = re.search(r'exposure level.*: ([\d.]+)', out)
    ok(status == 0 and exposure and float(exposure.group(1)) <= 2.0,
       'systemd-analyze security: 2.0 of 10 at most',
       exposure and exposure.group(0), err)


def check_client_conf():
    """All that is commented out in it is a setting that there is."""
    conf = os.path.join(work, 'client.conf')
    text = read(ETC, 'client.conf')
    names = re.findall(r'^#(\w+) = ', text, re.M)
    ok(len(names) >= 9, 'client.conf shows the settings', names)
    write(conf, re.sub(r'^#(\w+ = )', r'\1', text, flags=re.M).replace(
        '/run/verdictd/', work + '/'))
    env = {'VERDICT_CONF': conf, 'VERDICT_TIMEOUT': '100ms',
           'TCPREMOTEIP': '192.0.2.1'}
    for words, want in ((['verdict-check', 'true'], 0),
                        (['verdict-spp', 'mail'], 0)):
        ran = subprocess.run(
            [os.path.join(BUILD, words[0])] + words[1:], check=False,
            env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ok(ran.returncode == want and 'no verdict on 192.0.2.1' in ran.stderr
           and '451' not in ran.stdout,
           words[0] + ' takes each of them', ran.stdout, ran.stderr)
    write(conf, 'no_such = 1\n')
    ran = subprocess.run(
        [os.path.join(BUILD, 'verdict-check'), 'true'], check=False,
        env=dict(os.environ, **env), stderr=subprocess.PIPE, text=True)
    equal(ran.returncode, 111, '... and would not take another', ran.stderr)


RULES = [
    ('127.0.0.1', {'RELAYCLIENT': ''}),
    ('203.0.113.4', {'QMAILQUEUE': '/usr/local/bin/verdict-queue',
                     'VERDICT_QUEUE': '/var/qmail/bin/simscan'}),
    ('8.8.8.8', {'QMAILQUEUE': '/usr/local/bin/verdict-queue',
                 'ENABLE_SPP': ''}),
]


def check_tcp_rules():
    if not shutil.which('tcprules'):
        note('skipped: there is no tcprules')
        return
    cdb = os.path.join(work, 'cdb')
    status, _, err = command('tcprules', cdb, cdb + '.tmp',
                             stdin=read(ETC, 'tcp.smtp'))
    equal(status, 0, 'tcprules reads tcp.smtp', err)
    for ip, want in RULES:
        ran = subprocess.run(['tcprulescheck', cdb], check=False, text=True,
                             env=dict(os.environ, TCPREMOTEIP=ip),
                             stdout=subprocess.PIPE)
        got = dict(re.findall(r'^set environment variable (\w+)=(.*)$',
                              ran.stdout, re.M))
        equal(got, want, '... for ' + ip)


check_services()
for kind_ in SUPERVISORS:
    check_supervised(kind_)
check_unit()
check_client_conf()
check_tcp_rules()
shutil.rmtree(work)
done()
