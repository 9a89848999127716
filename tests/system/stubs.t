#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""verdict-check and verdict-spp as qmail's programs run them, and verdict in a
delivery, with the real daemon and the lab's DNS."""
import os
import re
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, VERDICT, Daemon, Lab, command,  # noqa: E402
                     die_with_parent, done, equal, note, ok)

CHECK = os.path.join(BUILD, 'verdict-check')
SPP = os.path.join(BUILD, 'verdict-spp')
GOOD, STRANGER = '192.0.2.25', '203.0.113.1'
# Where a wait of 0.5 s is wanted, a wrong one would be that of the 20 s which
# are the deadline here.
LATE = 15
SANITIZED = b'__asan_init' in open(CHECK, 'rb').read()

lab = Lab()
lab.start()
daemon = Daemon(lab.main.address(), lab.anchor, '''timeout = 2
    stub "dead.example" { address = {"%s"} }''' % lab.dead, extra='''
rule "early spf" {
    when = "spf is fail and not has_from"
    action = reject
    reply = "5.7.23 SPF: %{client_ip} may not send for %{spf_domain}"
}
''').start()


def environment(**more):
    """As tcpserver and qmail-smtpd leave it. None: not set."""
    env = {'PATH': os.environ['PATH'], 'PROTO': 'TCP', 'TCPREMOTEIP': STRANGER,
           'SMTPHELOHOST': 'mail.example.com', 'VERDICT_CONF': '/dev/null',
           'SMTPMAILFROM': 'a@example.com', 'VERDICT_TIMEOUT': '20s',
           'VERDICT_SERVERS': daemon.endpoint}
    for name in os.environ:
        if name.startswith(('ASAN_', 'UBSAN_', 'LSAN_')):
            env[name] = os.environ[name]
    env.update(more)
    return {name: value for name, value in env.items() if value is not None}


class Ran:
    """A program's end. `fd3`: octets for descriptor 3, which is closed if it
    is None; `closed`: standard descriptors it starts without."""

    def __init__(self, words, fd3=None, keep_open=False, closed=(), limits=(),
                 **env):
        read, write = os.pipe()

        def prepare():
            die_with_parent()
            if fd3 is not None:
                os.dup2(read, 3)
                os.set_inheritable(3, True)
            else:
                os.closerange(3, 4)
            os.closerange(4, 256)
            for what, limit in limits:
                resource.setrlimit(what, (limit, limit))
            for fd in closed:
                os.close(fd)
        start = time.monotonic()
        # preexec_fn speaks to its parent over a descriptor that it must not
        # close, so an error there would look like success: none is expected.
        child = subprocess.Popen(
            ['/bin/sh', '-c', 'exec "$@"', 'sh', *words] if fd3 is None else
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, env=environment(**env),
            close_fds=False, preexec_fn=prepare)
        os.close(read)
        try:
            os.write(write, fd3 or b'')
        except BrokenPipeError:
            pass  # it does not read more than is allowed
        if not keep_open:
            os.close(write)
        try:
            out, err = child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
        if keep_open:
            os.close(write)
        self.seconds = time.monotonic() - start
        self.status = child.returncode
        self.out, self.err = out.decode(), err.decode()

    def __str__(self):
        return 'exit %s after %.2f s\n%s\n%s' % (
            self.status, self.seconds, self.out, self.err)

    def variables(self):
        return dict(line.partition('=')[::2] for line in self.out.split('\n')
                    if line.startswith('VERDICT_'))


# --- verdict-check -----------------------------------------------------------

def fields(ip=GOOD, helo='mail.example.com', mail_from='a@example.com',
           from_domain='example.com', *more):
    return b''.join(text.encode() + b'\0' for text in
                    (ip, helo, mail_from, from_domain) + more)


def check(fd3, *program, **more):
    return Ran([CHECK] + list(program or ('env',)), fd3, **more)


DKIM = 'dkim=pass d=example.com s=rsa a=rsa-sha256'
# what, descriptor 3, environment, exit status (0: the program ran)
CHECKS = [
    ('SPF passes, aligned', fields(), {}, 0),
    ('forged', fields(STRANGER), {}, 1),
    ('SPF fails, DKIM passes', fields(
        STRANGER, 'h', 'a@example.com', 'example.com', DKIM), {}, 0),
    ('no author yet: the early rule', fields(
        STRANGER, 'h', 'a@example.com', ''), {}, 1),
    ('null sender', fields(GOOD, 'example.com', '', ''), {}, 0),
    ('IPv6', fields('2001:db8::25'), {}, 0),
    ('p=quarantine', fields(STRANGER, 'h', 'a@plain.example', 'example.org'),
     {}, 1),
    ('p=quarantine, and the program is to run', fields(
        STRANGER, 'h', 'a@plain.example', 'example.org'),
     {'VERDICT_CHECK_QUARANTINE': 'run'}, 0),
    ('DNS out of reach', fields(
        STRANGER, 'h', 'a@plain.example', 'bogus.example'), {}, 111),
    ('RELAYCLIENT', fields(STRANGER), {'RELAYCLIENT': ''}, 0),
    ('RELAYCLIENT, malformed', b'x', {'RELAYCLIENT': ''}, 2),
    ('nothing', b'', {}, 2),
    ('three fields', b'192.0.2.25\0h\0a@example.com\0', {}, 2),
    ('the last not ended', fields()[:-1], {}, 2),
    ('a field without a name', fields() + b'x\0', {}, 2),
    ('no address', fields(''), {}, 2),
    ('what is no address', fields('mail.example.com'), {}, 2),
    ('garbage', bytes(range(256)), {}, 2),
    ('512 octets', fields() + b'x=' + b'y' * (509 - len(fields())) + b'\0',
     {}, 0),
    ('513 octets', fields() + b'x=' + b'y' * (510 - len(fields())) + b'\0',
     {}, 2),
    ('far too long', fields() + b'x=' + b'y' * 60000 + b'\0', {}, 2),
    ('closed: from the environment', None, {'TCPREMOTEIP': GOOD}, 0),
    ('closed: from the environment, forged', None, {}, 1),
    ('closed: with an author', None,
     {'TCPREMOTEIP': GOOD, 'VERDICT_FROM_DOMAIN': 'example.org'}, 1),
    ('closed, IPv4 as IPv6', None, {'TCPREMOTEIP': '::ffff:' + GOOD}, 0),
    ('closed, TCP6REMOTEIP', None,
     {'TCPREMOTEIP': None, 'TCP6REMOTEIP': '2001:db8::25'}, 0),
    ('closed, and no client', None, {'TCPREMOTEIP': None}, 2),
    ('closed, RELAYCLIENT', None, {'RELAYCLIENT': '@relay'}, 0),
    ('a setting that is none', fields(),
     {'VERDICT_CHECK_QUARANTINE': 'maybe'}, 111),
    ('a timeout that is none', fields(), {'VERDICT_TIMEOUT': 'soon'}, 111),
    ('a fallback that is none', fields(), {'VERDICT_FALLBACK': 'reject'},
     111),
    ('a server that is none', fields(), {'VERDICT_SERVERS': 'here'}, 111),
    ('a configuration that is not there', fields(),
     {'VERDICT_CONF': '/nonexistent'}, 111),
]


def check_statuses():
    for what, fd3, env, status in CHECKS:
        ran = check(fd3, **env)
        # The program ran if and only if it can be seen.
        equal((ran.status, 'PATH=' in ran.out), (status, status == 0),
              'verdict-check, %s: %s' % (
                  what, 'runs' if status == 0 else 'exit %d' % status), ran)


def check_program():
    ran = check(fields(), VERDICT_OVERRIDE='left over', VERDICT_REPLY='x')
    got = ran.variables()
    want = {'VERDICT_ACTION': 'accept', 'VERDICT_DECIDED': 'yes',
            'VERDICT_SPF': 'pass', 'VERDICT_SPF_DOMAIN': 'example.com',
            'VERDICT_SPF_ALIGNED': 'yes', 'VERDICT_DMARC': 'pass',
            'VERDICT_POLICY': 'reject', 'VERDICT_DNSSEC': 'secure'}
    equal({name: got.get(name) for name in want}, want,
          'the program learns the results', ran)
    equal((got.get('VERDICT_OVERRIDE'), got.get('VERDICT_REPLY')),
          (None, None), '... and none that are left over', ran)
    ok('dmarc=pass' in got.get('VERDICT_AUTHENTICATION_RESULTS', ''),
       '... and Authentication-Results', ran)
    ran = check(fields(STRANGER, 'h', 'a@plain.example', 'example.org'),
                VERDICT_CHECK_QUARANTINE='run')
    equal(ran.variables().get('VERDICT_ACTION'), 'quarantine',
          '... and that it is quarantine', ran)
    ran = check(fields(STRANGER), RELAYCLIENT='', VERDICT_ACTION='reject')
    equal(ran.variables().get('VERDICT_ACTION'), None,
          'RELAYCLIENT: there is no result', ran)
    ran = check(fields(), 'sh', '-c', 'ls /proc/$$/fd; echo "$0 $*"; '
                'grep Threads /proc/$$/status', 'one', 'two words', '*')
    equal(ran.out.split('\n')[:5], ['0', '1', '2', 'one two words *',
                                    'Threads:\t1'],
          'it has its arguments, no descriptor of ours and one thread', ran)
    equal(check(fields(), '/nonexistent/program').status, 111,
          'the program is not there: exit 111')
    equal(Ran([CHECK], fields()).status, 2, 'no program: exit 2')
    ran = check(fields(), closed=(0, 1, 2))
    equal(ran.status, 0, 'without standard descriptors: runs', ran)


def check_deadline():
    ran = check(fields(), keep_open=True, VERDICT_TIMEOUT='500ms')
    ok(ran.status == 111 and 0.4 < ran.seconds < LATE,
       'descriptor 3 never ends: exit 111 after 0.5 s', ran)
    os.kill(daemon.child.pid, signal.SIGSTOP)
    try:
        for fallback, status in (('accept', 0), ('defer', 111)):
            ran = check(fields(STRANGER), VERDICT_TIMEOUT='500ms',
                        VERDICT_FALLBACK=fallback)
            ok(ran.status == status and 0.4 < ran.seconds < LATE,
               'the daemon hangs, fallback %s: exit %d after 0.5 s' % (
                   fallback, status), ran)
        ran = Ran([SPP, 'mail'], VERDICT_TIMEOUT='500ms')
        ok(ran.out == 'UVERDICT_SPP\n' and 0.4 < ran.seconds < LATE,
           'verdict-spp, the daemon hangs: 0.5 s', ran)
    finally:
        os.kill(daemon.child.pid, signal.SIGCONT)


def check_no_daemon():
    for where in ('ipc:///nonexistent/socket', 'tcp://127.0.0.1:1'):
        for fallback, status in ((None, 0), ('defer', 111)):
            ran = check(fields(STRANGER), VERDICT_SERVERS=where,
                        VERDICT_FALLBACK=fallback, VERDICT_TIMEOUT='500ms')
            got = ran.variables()
            ok(ran.status == status and ran.seconds < LATE and
               'no verdict on 203.0.113.1: ' in ran.err and
               (status or (got.get('VERDICT_ACTION'),
                           got.get('VERDICT_DECIDED')) == ('accept', 'no') and
                got.get('VERDICT_PROBLEM')),
               'verdict-check, nobody at %s, fallback %s: %s' % (
                   where, fallback, 'exit 111' if status else 'runs'), ran)
    ran = check(fields(), VERDICT_SERVERS='ipc:///nonexistent/socket ' +
                daemon.endpoint)
    equal(ran.variables().get('VERDICT_SPF'), 'pass',
          'the second of two daemons is asked', ran)


def check_memory():
    """softlimit -m 16000000, as qmail's programs run; and far too little."""
    if SANITIZED:
        note('skipped: a sanitizer needs terabytes of addresses')
        return
    limits = ((resource.RLIMIT_AS, 16000000),)
    ran = check(fields(), limits=limits)
    equal(ran.variables().get('VERDICT_SPF'), 'pass',
          'verdict-check in 16 MB', ran)
    ran = Ran([SPP, 'mail'], limits=limits)
    ok('\nE550 5.7.23 ' in ran.out, 'verdict-spp in 16 MB', ran)
    worst = [check(fields(STRANGER), '/bin/true', limits=(
        (resource.RLIMIT_AS, megabytes * 250000),)) for megabytes in
        range(8, 64, 4)]
    ok(all(ran.status in (0, 1, 111, 127) or ran.status == -9
           for ran in worst), 'in less, it does not crash',
       *['%d kB: %s' % (size * 250, ran) for size, ran in
         zip(range(8, 64, 4), worst)])


# --- verdict-spp -------------------------------------------------------------

NOTE = 'SVERDICT_SPP=spf=%s client_ip=%s helo=%s mail_from=%s\n'
FAIL = '550 5.7.23 SPF: 203.0.113.1 may not send for example.com\n'
FORGED = NOTE % ('fail', STRANGER, 'mail.example.com', 'a@example.com')
PASSED = NOTE % ('pass', GOOD, 'mail.example.com', 'a@example.com')
# what, section, environment, what qmail-smtpd is told
PLUGINS = [
    ('SPF passes', 'mail', {'TCPREMOTEIP': GOOD}, PASSED),
    ('SPF fails', 'mail', {}, FORGED + 'E' + FAIL),
    ('softfail: no rule', 'mail', {'SMTPMAILFROM': 'a@softfail.example.com'},
     NOTE % ('softfail', STRANGER, 'mail.example.com',
             'a@softfail.example.com')),
    ('DNS out of reach', 'mail', {'SMTPMAILFROM': 'a@bogus.example'},
     re.compile(r'SVERDICT_SPP=spf=temperror .*\nE451 4\.\S+ [ -~]+\n')),
    ('null sender', 'mail', {'SMTPMAILFROM': '', 'SMTPHELOHOST': 'h'},
     NOTE % ('none', STRANGER, 'h', '')),
    ('no sender', 'mail', {'SMTPMAILFROM': None},
     NOTE % ('none', STRANGER, 'mail.example.com', '')),
    ('null sender, HELO fails', 'mail',
     {'SMTPMAILFROM': '', 'SMTPHELOHOST': 'example.com'},
     NOTE % ('fail', STRANGER, 'example.com', '') + 'E' + FAIL),
    ('RELAYCLIENT', 'mail', {'RELAYCLIENT': ''}, ''),
    ('no client', 'mail', {'TCPREMOTEIP': None}, ''),
    ('later, at RCPT', 'mail', {'VERDICT_SPP_REFUSE': 'rcpt'},
     FORGED + 'LR' + FAIL),
    ('later, at DATA', 'mail', {'VERDICT_SPP_REFUSE': 'data'},
     FORGED + 'LD' + FAIL),
    ('and hang up', 'mail', {'VERDICT_SPP_REFUSE': 'disconnect'},
     FORGED + 'R' + FAIL),
    ('HELO fails', 'helo', {'SMTPHELOHOST': 'example.com',
                            'SMTPMAILFROM': None}, 'E' + FAIL),
    ('HELO again, with the sender of before', 'helo',
     {'SMTPHELOHOST': 'plain.example'}, ''),
    ('HELO fails, later', 'helo', {'SMTPHELOHOST': 'example.com',
                                   'VERDICT_SPP_REFUSE': 'rcpt'},
     'LR' + FAIL),
    ('a recipient', 'rcpt', {'SMTPRCPTTO': 'bob@example.net'},
     FORGED + 'E' + FAIL),
    ('a recipient, now is later', 'rcpt',
     {'SMTPRCPTTO': 'bob@example.net', 'VERDICT_SPP_REFUSE': 'rcpt'},
     FORGED + 'E' + FAIL),
    ('to postmaster', 'rcpt', {'SMTPRCPTTO': 'PostMaster@example.net'}, ''),
    ('to postmaster alone', 'rcpt', {'SMTPRCPTTO': 'postmaster'}, ''),
    ('to postmasters', 'rcpt', {'SMTPRCPTTO': 'postmasters@example.net'},
     FORGED + 'E' + FAIL),
    ('the message', 'data', {'SMTPRCPTTO': 'postmaster'},
     FORGED + 'E' + FAIL),
    ('section by the environment: MAIL', None, {}, FORGED + 'E' + FAIL),
    ('section by the environment: RCPT', None,
     {'SMTPRCPTTO': 'postmaster@example.net'}, ''),
    ('section by the environment: HELO', None,
     {'SMTPMAILFROM': None, 'SMTPHELOHOST': 'example.com'}, 'E' + FAIL),
    ('an odd HELO', 'mail', {'TCPREMOTEIP': GOOD, 'SMTPHELOHOST':
                             'a b%\nSx=y\r\x80\udcff'},
     NOTE % ('pass', GOOD, 'a%20b%25%0ASx=y%0D%C2%80%FF', 'a@example.com')),
    ('an odd sender', 'mail', {'SMTPMAILFROM': 'a\nAb@softfail.example.com'},
     NOTE % ('softfail', STRANGER, 'mail.example.com',
             'a%0AAb@softfail.example.com')),
    ('what is no domain', 'mail', {'SMTPMAILFROM': 'a@' + 'x' * 300},
     NOTE % ('none', STRANGER, 'mail.example.com', 'a@' + 'x' * 300)),
    ('a sender too long to hand on', 'mail',
     {'SMTPMAILFROM': 'x' * 5000 + '@example.com'}, re.compile(
         'UVERDICT_SPP\nE' + re.escape(FAIL))),
    ('nobody there', 'mail',
     {'VERDICT_SERVERS': 'ipc:///nonexistent/x', 'VERDICT_TIMEOUT': '100ms'},
     'UVERDICT_SPP\n'),
    ('nobody there, fallback defer', 'mail',
     {'VERDICT_SERVERS': 'ipc:///nonexistent/x', 'VERDICT_FALLBACK': 'defer',
      'VERDICT_TIMEOUT': '100ms'},
     re.compile(r'UVERDICT_SPP\nE451 4\.3\.0 [ -~]+\n')),
    ('no address', 'mail', {'TCPREMOTEIP': 'mail.example.com'},
     'UVERDICT_SPP\n'),
    ('no section', 'quit', {}, re.compile(r'E451 4\.3\.5 [ -~]+\n')),
    ('a setting that is none', 'mail', {'VERDICT_SPP_REFUSE': 'never'},
     re.compile(r'E451 4\.3\.5 [ -~]+\n')),
]


def check_plugins():
    for what, section, env, want in PLUGINS:
        # As qmail-spp does it: without standard input.
        ran = Ran([SPP] + ([section] if section else []), closed=(0,),
                  **env)
        good = ran.out == want if isinstance(want, str) else \
            want.fullmatch(ran.out)
        ok(good and ran.status == 0, 'verdict-spp, %s: %s' % (
            what, 'silent' if want == '' else 'answers'), ran,
           'want %r' % (want,), 'got  %r' % ran.out)
    ran = Ran([SPP, 'mail'], closed=(0, 1, 2))
    equal(ran.status, 0, 'without any descriptor', ran)
    ran = Ran(['sh', '-c', 'exec "$0" mail >/dev/full', SPP])
    equal(ran.status, 111, 'standard output is full: exit 111', ran)


def check_configuration():
    conf = daemon.path('client.conf')
    with open(conf, 'w', encoding='ascii') as out:
        out.write('''# where the daemon is
servers = %s
fallback=defer
spp_refuse = rcpt
check_quarantine = run
''' % daemon.endpoint)
    env = {'VERDICT_CONF': conf, 'VERDICT_SERVERS': None}
    equal(Ran([SPP, 'mail'], **env).out, FORGED + 'LR' + FAIL,
          'verdict-spp takes its settings from client.conf')
    equal(check(fields(STRANGER, 'h', 'a@plain.example', 'example.org'),
                **env).status, 0, 'verdict-check, too')
    env['VERDICT_SPP_REFUSE'] = ''
    equal(Ran([SPP, 'mail'], **env).out, FORGED + 'E' + FAIL,
          'set to nothing in the environment: the default is back')


# --- verdict in a delivery ---------------------------------------------------

def delivered(client, sender='a@example.com'):
    return '''Received: (qmail 4711 invoked from network); 1 Jan 2024
Received: from unknown (HELO mail.example.com) (%s)
  by mx.example.net with SMTP; 1 Jan 2024 12:00:00 -0000
From: Alice <%s>
Subject: lunch

See you.
''' % (client, sender)


def check_deliveries():
    words = {'condredirect': (1, 0, 0), 'qmail': (0, 100, 0),
             'qmail-stop': (0, 99, 99), 'maildrop': (0, 77, 2)}
    messages = (delivered(GOOD), delivered(STRANGER),
                delivered(STRANGER, 'a@example.org'))
    for style, statuses in words.items():
        got = tuple(command(VERDICT, '-s', daemon.endpoint, '-x', style,
                            'message', '-r', '-f', 'a@example.com',
                            stdin=message)[0] for message in messages)
        equal(got, statuses,
              'verdict -x %s: accept, reject, quarantine' % style)
    local = delivered(STRANGER).split('\n', 3)[3]
    equal(command(VERDICT, '-s', daemon.endpoint, '-x', 'qmail', 'message',
                  '-r', '-f', 'a@example.com', stdin=local)[0], 0,
          'mail of our own is not judged')


check_statuses()
check_program()
check_deadline()
check_no_daemon()
check_memory()
check_plugins()
check_configuration()
check_deliveries()
daemon.stop()
lab.stop()
done()
