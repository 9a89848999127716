#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The files of etc: what a supervisor would start, and what is set where."""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import BUILD, SRC, command, done, equal, note, ok  # noqa: E402

ETC = os.path.join(SRC, 'etc')
work = tempfile.mkdtemp(prefix='service.')


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
check_unit()
check_client_conf()
check_tcp_rules()
shutil.rmtree(work)
done()
