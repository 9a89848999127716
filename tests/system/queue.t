#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""verdict-queue between a qmail-smtpd and a qmail-queue that take notes, with
the real daemon and the lab's DNS."""
import glob
import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (BUILD, SIGN, Daemon, Lab, command, done,  # noqa: E402
                     equal, note, ok, patiently)
from smtpd import Smtpd, envelope  # noqa: E402

QUEUE = os.path.join(BUILD, 'verdict-queue')
TAKER = os.path.join(BUILD, 'obj', 'tests', 'lab', 'taker')
STRANGER = '203.0.113.9'
ID = 'mx.example.net'
# Where 5 s and less are wanted, a wrong wait would be one of 60 s, or endless.
LATE = 40
# There is no daemon.
DOWN = {'VERDICT_SERVERS': 'ipc:///nonexistent/socket',
        'VERDICT_TIMEOUT': '500ms'}

lab = Lab()
lab.start()
variables = lab.variables()
work = tempfile.mkdtemp(prefix='queue.')
daemon = Daemon(variables['LAB_DNS'], variables['LAB_ANCHOR'],
                resolver='timeout = 2', extra='''
rule "local score" { when = "helo is \\"score.example.org\\"" score = 3.5 }
''').start()
# Never acts: so every message shows its results.
watcher = Daemon(variables['LAB_DNS'], variables['LAB_ANCHOR'],
                 resolver='timeout = 2', preset='monitor').start()
# Address sanitizer's shadow memory knows no limit.
SANITIZED = b'__asan_init' in open(QUEUE, 'rb').read()


class Taken:
    """What the next program got; .count is how often it was called."""

    def __init__(self, directory):
        names = glob.glob(os.path.join(directory, '*.about'))
        self.count = len(names)
        self.message = self.envelope = self.about = None
        if self.count:
            for what in ('message', 'envelope', 'about'):
                with open(os.path.join(directory, '1.' + what), 'rb') as file:
                    setattr(self, what, file.read())

    def pid(self):
        return int(re.search(rb'pid (\d+)', self.about).group(1))

    def fds(self):
        return sorted(int(n) for n in re.findall(rb'fd (\d+)', self.about))


def settings(**more):
    """The environment of a connection from a stranger. None: not set."""
    env = {'TCPREMOTEIP': STRANGER, 'VERDICT_QUEUE': TAKER, 'PATH': '/bin',
           'VERDICT_SERVERS': daemon.endpoint, 'VERDICT_AUTHSERV_ID': ID,
           'VERDICT_CONF': '/dev/null', 'SMTPHELOHOST': 'out.example.net',
           'VERDICT_TIMEOUT': '60s'}
    for name in os.environ:
        if name.startswith(('ASAN_', 'UBSAN_', 'LSAN_')):
            env[name] = os.environ[name]
    env.update(more)
    return {name: value for name, value in env.items() if value is not None}


def deliver(message, envelope_=None, error_fd=4, limits=(), cwd='/',
            program=QUEUE, how=None, **more):
    """(Outcome, Taken) of one message."""
    directory = tempfile.mkdtemp(dir=work)
    out = Smtpd(program, settings(TAKER_DIR=directory, **more), error_fd,
                limits, cwd).deliver(
        message, envelope() if envelope_ is None else envelope_,
        **(how or {}))
    return out, Taken(directory)


def fields(taken, message):
    """The fields put on top, unfolded: {name: [values]}."""
    top = taken.message[:len(taken.message) - len(message)].decode()
    found = {}
    for line in re.sub(r'\n(?=[ \t])', '', top).splitlines():
        name, _, value = line.partition(': ')
        found.setdefault(name, []).append(value)
    return found


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def same_below(taken, message):
    """Is the message, octet for octet, at the end of what was passed on, and
    nothing but whole fields above it?"""
    if taken.count != 1 or len(taken.message) < len(message):
        return False
    at = len(taken.message) - len(message)
    top = taken.message[:at]
    return digest(taken.message[at:]) == digest(message) and \
        (top == b'' or top.endswith(b'\n')) and b'\n\n' not in top and \
        all(re.match(rb'[A-Za-z-]+: \S|[ \t]+\S', line)
            for line in top.splitlines())


def sign(message, domain='example.com', selector='rsa', *options):
    key = variables['LAB_ED25519' if selector == 'ed' else 'LAB_RSA']
    algorithm = 'ed25519' if selector == 'ed' else 'rsa'
    status, out, err = command(
        SIGN, '-d', domain, '-s', selector, '-k', key, '-a', algorithm,
        *options, stdin=message)
    if status:
        raise RuntimeError(err)
    return out


RECEIVED = b'''Received: from out.example.net (HELO mail) (203.0.113.9)
  by mx.example.net with SMTP; 1 Jan 2024 12:00:00 -0000
'''
BASE = b'''From: Alice <alice@news.example.com>
To: Bob <bob@example.net>
Subject: lunch  today
Date: Mon, 01 Jan 2024 12:00:00 +0000
Message-ID: <lunch@news.example.com>

See you  at noon.

'''


PLAIN = b'From: a@plain.example\n\nHello\n'


# --- The corpus --------------------------------------------------------------

def huge():
    line = b'The quick brown fox jumps over the lazy dog, again and again.\n'
    return BASE + line * (5 * 1024 * 1024 // len(line))


def two_authors(signed):
    return signed.replace(b'\nFrom: ', b'\nFrom: eve@example.org\nFrom: ', 1)


rsa = sign(BASE)
ed = sign(BASE, 'example.com', 'ed')
simple = sign(BASE, 'example.com', 'rsa', '-t')
limited = sign(BASE, 'example.com', 'rsa', '-l', '10')
oversigned = sign(BASE, 'example.com', 'rsa', '-o')
eight_bit = BASE.replace(b'noon', b'n\xf6\xf6n \x00 \x80\xff')
long_line = BASE + b'x' * 5000 + b'\n'
bare_cr = BASE + b'one\rtwo\r\rthree\n'
five = BASE
for word in ('rsa', 'ed', 'rsa', 'ed', 'rsa'):
    five = sign(five, 'example.com' if word == 'ed' else 'example.org', word)

# what, message, results of DKIM from the top, what becomes of it
CORPUS = [
    ('rsa-sha256, relaxed (RFC 6376)', rsa, 'pass', 'accept'),
    ('ed25519-sha256 (RFC 8463 3)', ed, 'pass', 'accept'),
    ('simple/simple (3.4.1, 3.4.3)', simple, 'pass', 'accept'),
    ('two algorithms (RFC 8463 5.1)', sign(rsa, 'example.com', 'ed'),
     'pass pass', 'accept'),
    ('five signatures', five, 'pass pass pass pass pass', 'accept'),
    ('no signature', BASE, 'none', 'reject'),
    ('lines end in CRLF', rsa.replace(b'\n', b'\r\n'), 'pass', 'accept'),
    ('below the server\'s Received', RECEIVED + rsa, 'pass', 'accept'),
    ('relaxed: white space changed (3.4.2, 3.4.4)',
     rsa.replace(b'lunch  today', b'lunch today').replace(b'you  at',
                                                          b'you at'),
     'pass', 'accept'),
    ('simple: white space in the header changed (3.4.1)',
     simple.replace(b'lunch  today', b'lunch today'), 'fail', 'reject'),
    ('simple: white space in the body changed (3.4.3)',
     simple.replace(b'you  at', b'you at'), 'fail', 'reject'),
    ('simple: empty lines added at the end (3.4.3)', simple + b'\n\n',
     'pass', 'accept'),
    ('body changed (6.1.3)', rsa.replace(b'noon', b'dusk'), 'fail',
     'reject'),
    ('subject changed (6.1.3)', rsa.replace(b': lunch', b': dinner'), 'fail',
     'reject'),
    ('footer added (6.1.3)', rsa + b'--\nA list.\n', 'fail', 'reject'),
    ('footer added, another signature still good',
     sign(rsa + b'--\nA list.\n', 'example.com', 'ed'), 'pass fail',
     'accept'),
    ('l=, footer added (3.5)', limited + b'--\nA list.\n', 'pass', 'accept'),
    ('l= longer than the body (3.5)',
     sign(BASE + b'and more\n', 'example.com', 'rsa', '-l', '32')
     .replace(b'and more\n', b'').replace(b'noon.\n', b''), 'fail', 'reject'),
    ('expired, x= (3.5, 6.1.1)', sign(BASE, 'example.com', 'rsa', '-x'),
     'permerror', 'reject'),
    ('good, of another domain (RFC 9989 4.4)', sign(BASE, 'example.org'),
     'pass', 'reject'),
    ('of a domain above the author\'s', sign(BASE, 'example.com'), 'pass',
     'accept'),
    ('oversigned (5.4.2, 8.15)', oversigned, 'pass', 'accept'),
    ('oversigned, a Subject added (8.15)',
     oversigned.replace(b'\nSubject:', b'\nSubject: win\nSubject:', 1),
     'fail', 'reject'),
    ('another From above (8.15; RFC 9989 5.3.1)', two_authors(rsa), 'pass',
     'quarantine'),
    ('selector that is not there (6.1.2)', sign(BASE, 'example.com', 'rsa')
     .replace(b's=rsa;', b's=absent;'), 'permerror', 'reject'),
    ('selector revoked (6.1.2)', sign(BASE, 'example.com', 'rsa')
     .replace(b's=rsa;', b's=revoked;'), 'permerror', 'reject'),
    ('two records for a selector (3.6.2.2)',
     rsa.replace(b's=rsa;', b's=two;'), 'permerror', 'reject'),
    ('key out of reach (6.1.2)', sign(
        BASE.replace(b'news.example.com', b'bogus.example'), 'bogus.example',
        'ed'), 'temperror', 'defer'),
    ('d= of another name than signed (6.1.3)',
     sign(BASE, 'example.org').replace(b'd=example.org', b'd=example.com'),
     'fail', 'reject'),
    ('rsa-sha1 (RFC 8301 3.1)', rsa.replace(b'a=rsa-sha256', b'a=rsa-sha1'),
     'permerror', 'reject'),
    ('a tag missing (6.1.1)', re.sub(rb' bh=[^;]*;', b'', rsa), 'neutral',
     'reject'),
    ('v=2 (6.1.1)', rsa.replace(b'v=1', b'v=2'), 'neutral', 'reject'),
    ('an empty signature above a good one',
     b'DKIM-Signature:\n' + rsa, 'neutral pass', 'accept'),
    ('a line that is no field', b'>From nobody\n' + rsa, 'pass', 'accept'),
    ('5 MB', sign(huge()), 'pass', 'accept'),
    ('8-bit and NUL in the body', sign(eight_bit), 'pass', 'accept'),
    ('a line of 5000', sign(long_line), 'pass', 'accept'),
    ('bare CR', sign(bare_cr), 'pass', 'accept'),
    ('NUL in the header', b'X-Odd: a\0b\n' + rsa, 'permerror', 'reject'),
    ('CR CR LF in the body, signed', sign(
        BASE.replace(b'\n', b'\r\n').replace(b'noon.', b'noon.\r')),
     'pass', 'accept'),
    ('CR CR LF in the body, added (3.4.4)', rsa.replace(b'noon.', b'noon.\r'),
     'fail', 'reject'),
    ('a From behind a bare CR (RFC 5322 2.2)', PLAIN.replace(
        b'From', b'X: y\rFrom: <alice@news.example.com>\r\n ?\nFrom'),
     'none', 'reject'),
    ('a From that ends in a bare CR', PLAIN.replace(
        b'plain', b'news.example.com\r.plain'), 'none', 'reject'),
    ('a From that ends in a NUL', PLAIN.replace(
        b'plain', b'news.example.com\0.plain'), 'none', 'reject'),
    ('a NUL in a From', PLAIN.replace(b'plain.ex', b'news.ex\0').replace(
        b'ample\n', b'ample.com\n'), 'none', 'reject'),
    ('a header of 170 000 fields', BASE.replace(
        b'\n\n', b'\n' + b'A:\n' * 170000 + b'\n', 1), 'none', 'reject'),
    ('no line end at the end', rsa.rstrip(b'\n'), 'pass', 'accept'),
    ('no body', sign(BASE.split(b'\n\n')[0] + b'\n\n'), 'pass', 'accept'),
    ('no empty line', b'From: a@plain.example\nSubject: x\n', 'none',
     'accept'),
    ('no From', b'Subject: x\n\nHello\n', 'none', 'accept'),
    ('no header', b'\nHello\n', 'none', 'accept'),
    ('nothing at all', b'', 'none', 'accept'),
    ('From of no domain', b'From: nobody\n\nHello\n', 'none', 'accept'),
    ('p=quarantine', BASE.replace(b'news.example.com>\nTo',
                                  b'example.org>\nTo'), 'none',
     'quarantine'),
]


def action_of(out, taken, message):
    if out.status == 82:
        return {b'D': 'reject', b'Z': 'defer'}.get(out.text[:1])
    if out.status == 0 and taken.count == 1:
        return fields(taken, message).get('X-Verdict-Action', [None])[0]
    return 'exit %s' % out.status


def check_corpus():
    for what, message, results, action in CORPUS:
        out, taken = deliver(message)
        got = action_of(out, taken, message)
        seen, shown = deliver(message, VERDICT_SERVERS=watcher.endpoint)
        line = fields(shown, message).get('Authentication-Results', [''])[0]
        dkim = ' '.join(re.findall(r'; dkim=(\w+)', line))
        good = got == action and dkim == results and \
            line.startswith(ID + '; spf=pass ') and \
            same_below(shown, message) and shown.envelope == envelope()
        if got in ('accept', 'quarantine'):
            good = good and same_below(taken, message) and \
                taken.envelope == envelope()
        else:
            good = good and taken.count == 0
        ok(good, '%s: dkim=%s, %s' % (what, results, action),
           'got %s, dkim=%s' % (got, dkim), out.text, out.stderr,
           seen.stderr, (shown.message or b'')[:1500])


def check_fields():
    out, taken = deliver(rsa, SMTPHELOHOST='score.example.org')
    top = fields(taken, rsa)
    equal(list(top), ['Authentication-Results', 'Received-SPF',
                      'X-Verdict-Action', 'X-Verdict-Rule',
                      'X-Verdict-Score'], 'the fields and their order')
    equal(top['X-Verdict-Score'], ['3.5'], 'the score is passed on')
    ok(re.match(r'pass \(', top['Received-SPF'][0]) and
       'client-ip=' + STRANGER in top['Received-SPF'][0], 'Received-SPF',
       top)
    line = top['Authentication-Results'][0]
    ok(re.search(r'; spf=pass \(\w+\) smtp.mailfrom=list@example.net; '
                 r'dkim=pass header.d=example.com header.s=rsa '
                 r'header.a=rsa-sha256 header.b=\S{8,}; dmarc=pass '
                 r'\([^)]*\) header.from=news.example.com '
                 r'policy.dmarc=reject$', line),
       'only registered methods and properties', line)
    ok(max(map(len, taken.message.split(b'\n\n')[0].splitlines())) < 100,
       'lines are folded', taken.message)
    equal((out.pid, taken.fds()), (taken.pid(), [0, 1, 2, 4]),
          'the next program has our process id and the same descriptors')


CLAIMS = [
    ('ours', b'Authentication-Results: mx.example.net; spf=pass', True),
    ('in other case', b'AUTHENTICATION-results:\n\tMX.Example.NET; x', True),
    ('behind a comment', b'Authentication-Results: (a (b) \\)) '
     b'mx.example.net 1; none', True),
    ('quoted', b'Authentication-Results: "mx.ex\\ample.net"; none', True),
    ('with a final dot', b'Authentication-Results: mx.example.net.;x', True),
    ('space before the colon', b'Authentication-Results : mx.example.net;',
     True),
    ('unreadable', b'Authentication-Results: (mx.example.net; spf=pass',
     True),
    ('empty', b'Authentication-Results:', True),
    ('of another host', b'Authentication-Results: mx.example.org; spf=pass',
     False),
    ('of a host below', b'Authentication-Results: a.mx.example.net; none',
     False),
    ('of a chain (RFC 8617)', b'ARC-Authentication-Results: i=1; '
     b'mx.example.net; spf=pass', False),
    ('another field', b'X-Authentication-Results: mx.example.net; none',
     False),
]


def check_claims():
    for what, field, ours in CLAIMS:
        message = b'X-First: 1\n' + field + b'\n' + rsa
        _, taken = deliver(message)
        name = b'X-Claimed-Auth-Results' if ours else field[:22]
        wanted = message.replace(field, name + field[22:])
        ok(same_below(taken, wanted), 'Authentication-Results %s: %s' %
           (what, 'renamed' if ours else 'left alone'), taken.message)
    forged = b'X-Verdict-Score: -100\nx-verdict-action: accept\n' + rsa
    _, taken = deliver(forged)
    ok(same_below(taken, forged.replace(b'X-Verdict-', b'X-Claimed-')
                  .replace(b'x-verdict-', b'X-Claimed-')),
       'X-Verdict-... from outside is renamed', taken.message)
    signed = sign(b'Authentication-Results: mx.example.net; none\n' + BASE)
    _, taken = deliver(signed)
    ok('dkim=pass' in fields(taken, signed)['Authentication-Results'][0],
       'signatures are verified before anything is renamed', taken.message)
    body = rsa + b'\nAuthentication-Results: mx.example.net; none\n'
    _, taken = deliver(sign(body))
    ok(taken.message.endswith(body), 'the body is not touched')
    _, taken = deliver(forged, **DOWN)
    ok(same_below(taken, forged.replace(b'X-Verdict-', b'X-Claimed-')
                  .replace(b'x-verdict-', b'X-Claimed-')),
       '... without a verdict, too', taken.message)


# --- Who is asked about ------------------------------------------------------

def check_pass_through():
    odd = b'Authentication-Results: mx.example.net; none\n' + BASE
    for what, env in (('RELAYCLIENT', {'RELAYCLIENT': ''}),
                      ('RELAYCLIENT with text', {'RELAYCLIENT': '@x'}),
                      ('no TCPREMOTEIP', {'TCPREMOTEIP': None})):
        out, taken = deliver(odd, VERDICT_SERVERS='ipc:///nonexistent', **env)
        equal((out.status, taken.message, taken.envelope, taken.pid()),
              (0, odd, envelope(), out.pid), what + ': untouched')


def spf_line(message=None, sender='list@example.net', **env):
    _, taken = deliver(rsa if message is None else message, envelope(sender),
                       **env)
    return fields(taken, message or rsa).get('Received-SPF', [''])[0]


def check_peer():
    ok('client-ip=192.0.2.25' in spf_line(TCPREMOTEIP='::ffff:192.0.2.25'),
       'an IPv4 address in IPv6 clothes')
    ok('client-ip="2001:db8::25"' in spf_line(
        TCPREMOTEIP=None, TCP6REMOTEIP='2001:db8::25'),
       'TCP6REMOTEIP')
    bare = {'SMTPHELOHOST': None}
    top = b'Received: from %s\n  by mx.example.net with SMTP; date\n'
    for what, line, helo in (
            ('HELO name', b'host.example (HELO helo.example) (203.0.113.9)',
             'helo=helo.example;'),
            ('HELO and ident',
             b'unknown (HELO helo.example) (a@b c@203.0.113.9)',
             'helo=helo.example;'),
            ('HELO as in DNS', b'host.example (203.0.113.9)',
             'helo=host.example;'),
            ('another client', b'host.example (HELO odd.example) (192.0.2.1)',
             'helo="";')):
        text = spf_line(top % line + rsa, **bare)
        ok(helo in text or helo == 'helo="";' and 'odd.example' not in text,
           'Received: %s' % what, text)
    text = spf_line(b'X: y\n' + top % b'a (HELO odd.example) (203.0.113.9)' +
                    rsa, **bare)
    ok('helo=' in text and 'odd.example' not in text,
       'a Received that is not the first', text)
    ok('helo=hh.example;' in spf_line(HELOHOST='hh.example', **bare),
       'HELOHOST')
    note_ = 'spf=pass client_ip=%s helo=n.example mail_from=%s'
    ok('helo=n.example;' in spf_line(VERDICT_SPP=note_ % (
        STRANGER, 'list@example.net'), **bare), 'verdict-spp\'s note')
    ok('n.example' not in spf_line(VERDICT_SPP=note_ % (
        STRANGER, 'other@example.net'), **bare), '... about another sender')
    ok('domain of example.net ' in spf_line(
        sender='alice@attacker.example@example.net'),
       'the sender\'s domain is behind the last @')
    ok('domain of out.example.net ' in spf_line(sender=''),
       'the null sender: HELO counts')


# --- How it says no ----------------------------------------------------------

FORGED = rsa.replace(b'noon', b'dusk')
LATER = sign(BASE.replace(b'news.example.com', b'bogus.example'),
             'bogus.example', 'ed')


def check_dialects():
    for dialect, fd, env in (
            ('netqmail', 4, {}), ('simscan', 4, {}), ('sagredo', 4, {}),
            ('sagredo', 9, {'ERROR_FD': '9'}), ('notqmail', 6, {}),
            ('indimail', 2, {}), ('indimail', 9, {'ERROR_FD': '9'}),
            ('indimail', None, {'ERROR_FD': '-1'}), ('plain', None, {})):
        for given in (True, False):
            # What cannot be told from a log on standard error.
            blind = dialect == 'indimail' and fd == 2 and not given
            name = '%s, descriptor %s, %s' % (
                dialect, fd, 'set' if given else 'detected')
            more = dict(env, VERDICT_DIALECT=dialect if given else None)
            no, taken = deliver(FORGED, error_fd=fd, **more)
            later, taken_later = deliver(LATER, error_fd=fd, **more)
            text = fd is not None and not blind
            equal((no.reply(dialect)[:4], later.reply(dialect)[:4],
                   taken.count + taken_later.count, no.status, later.status),
                  (b'554 ', b'451 ', 0, 82 if text else 31,
                   82 if text else 71), name, no.text, no.stderr)
            if text:
                ok(re.fullmatch(rb'D[ -~]{2,254}', no.text) and
                   b'5.7.1 ' in no.text and b'DMARC' in no.text and
                   re.fullmatch(rb'Z[ -~]{2,254}', later.text),
                   '... and one line of text', no.text, later.text)

    out, _ = deliver(FORGED, error_fd=None, VERDICT_DIALECT='notqmail')
    equal(out.status, 31, 'set, but there is no such descriptor: plain')
    out, _ = deliver(FORGED, error_fd=4, SSLWRITEFD='4')
    equal((out.status, out.text), (31, b''), 'a pipe of sslserver is none')
    out, taken = deliver(rsa, TAKER_EXIT='82', TAKER_SAY='Dfrom the next one')
    equal((out.status, out.text), (82, b'Dfrom the next one'),
          'the next program can use the descriptor')
    for code in (11, 31, 71, 53, 120):
        out, taken = deliver(rsa, TAKER_EXIT=str(code))
        equal((out.status, taken.count), (code, 1),
              'exit %d of the next program is ours' % code)


def check_quarantine():
    message = BASE.replace(b'news.example.com>\nTo', b'example.org>\nTo')
    many = envelope('list@example.net', 'joe@a@example.org', 'ann',
                    'x' * 1000)
    for target, wanted in (
            ('-junk', envelope('list@example.net', 'joe@a-junk@example.org',
                               'ann-junk', 'x' * 1000)),
            ('held@example.org', envelope('list@example.net',
                                          'held@example.org')),
            ('', many)):
        out, taken = deliver(message, many, VERDICT_QUARANTINE=target)
        equal((out.status, taken.envelope,
               fields(taken, message)['X-Verdict-Action']),
              (0, wanted, ['quarantine']), 'quarantine to "%s"' % target)
    out, taken = deliver(rsa, many, VERDICT_QUARANTINE='-junk')
    equal(taken.envelope, many, 'accepted: the recipients stay')


# --- Configuration -----------------------------------------------------------

def check_configuration():
    path = os.path.join(work, 'client.conf')

    def write(text):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    plain = {'VERDICT_QUEUE': None, 'VERDICT_SERVERS': None,
             'VERDICT_AUTHSERV_ID': None}
    text = '''# a comment
queue = %s
servers=%s
  authserv_id =  other.example.net

''' % (TAKER, daemon.endpoint)
    _, taken = deliver(rsa, VERDICT_CONF=write(text), **plain)
    ok(fields(taken, rsa)['Authentication-Results'][0].startswith(
        'other.example.net; '), 'client.conf')
    _, taken = deliver(rsa, VERDICT_CONF=path, **dict(
        plain, VERDICT_AUTHSERV_ID='third.example.net'))
    ok(fields(taken, rsa)['Authentication-Results'][0].startswith(
        'third.example.net; '), '... the environment counts more')
    home = tempfile.mkdtemp(dir=work)
    os.mkdir(os.path.join(home, 'control'))
    with open(os.path.join(home, 'control', 'me'), 'w',
              encoding='ascii') as me:
        me.write('me.example.net\n')
    _, taken = deliver(rsa, cwd=home, VERDICT_AUTHSERV_ID=None)
    ok(fields(taken, rsa)['Authentication-Results'][0].startswith(
        'me.example.net; '), 'authserv-id from control/me')
    for what, env in (
            ('no such file', {'VERDICT_CONF': '/nonexistent'}),
            ('unknown name', {'VERDICT_CONF': write('queu = x\n')}),
            ('no value', {'VERDICT_CONF': write('queue\n')}),
            ('dialect', {'VERDICT_DIALECT': 'exim'}),
            ('fallback', {'VERDICT_FALLBACK': 'reject'}),
            ('timeout', {'VERDICT_TIMEOUT': 'soon'}),
            ('servers', {'VERDICT_SERVERS': 'tcp://localhost'}),
            ('authserv_id', {'VERDICT_AUTHSERV_ID': 'a b'}),
            ('queue is verdict-queue', {'VERDICT_QUEUE': QUEUE})):
        out, taken = deliver(rsa, **env)
        equal((out.status, taken.count, len(out.stderr) > 15),
              (55, 0, True), 'bad configuration (%s): try later' % what,
              out.stderr)


# --- What goes wrong ---------------------------------------------------------

def is_fallback(taken, message):
    return list(fields(taken, message)) == ['X-Verdict-Fallback'] and \
        same_below(taken, message)


def check_unreachable():
    out, taken = deliver(FORGED, **DOWN)
    ok(out.status == 0 and is_fallback(taken, FORGED) and out.seconds < LATE,
       'nobody there: accepted and marked, after %.2f s' % out.seconds,
       out.stderr, taken.message)
    for fd, status in ((4, 82), (None, 71)):
        out, taken = deliver(FORGED, error_fd=fd, VERDICT_FALLBACK='defer',
                             **DOWN)
        equal((out.status, out.text[:1], taken.count),
              (status, b'Z' if fd else b'', 0), '... or deferred, as set')

    daemon.signal(signal.SIGSTOP)
    out, taken = deliver(FORGED, VERDICT_TIMEOUT='700ms')
    ok(out.status == 0 and is_fallback(taken, FORGED) and
       0.4 < out.seconds < LATE, 'it hangs: accepted and marked after %.2f s' %
       out.seconds, out.stderr)
    out, taken = deliver(BASE, VERDICT_TIMEOUT=None)
    ok(out.status == 0 and 4.5 < out.seconds < LATE,
       '... after the default of 5 s: %.2f s' % out.seconds, out.stderr)

    def kill(pid):
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
    out, taken = deliver(rsa, how={'meanwhile': kill})
    equal((out.signal, taken.count, out.reply('sagredo')[:3]),
          (signal.SIGKILL, 0, b'451'), 'killed while it waits: nothing queued')

    def restart(_):
        time.sleep(0.3)
        daemon.kill()
    out, taken = deliver(rsa, how={'meanwhile': restart},
                         VERDICT_TIMEOUT='1500ms')
    ok(out.status == 0 and is_fallback(taken, rsa) and out.seconds < LATE,
       'the daemon dies between question and answer: fallback after %.2f s' %
       out.seconds, out.stderr)

    daemon.start()

    def hang(_):
        daemon.signal(signal.SIGSTOP)
        time.sleep(0.2)
        daemon.kill()
        daemon.start()
    out, taken = deliver(rsa, how={'meanwhile': hang, 'pause': 0.1})
    ok(out.status == 0 and same_below(taken, rsa) and out.seconds < LATE,
       'the daemon restarts meanwhile: %s' % ', '.join(fields(taken, rsa)),
       out.stderr)


def check_invalid_author():
    """Domains that are none must not keep the others from being judged."""
    bad = b'From: a@' + b'x' * 70 + b'.example, '
    message = BASE.replace(b'From: ', bad)
    out, taken = deliver(message)
    equal((out.status, out.text[:6], taken.count), (82, b'D5.7.1', 0),
          'an author domain that is none beside a real one', out.stderr)
    message = bad.rstrip(b', ') + b'\n\nHello\n'
    out, taken = deliver(message)
    equal((out.status, taken.count), (0, 1), '... and alone', out.stderr)
    many = b''.join(b'a@d%d.plain.example, ' % i for i in range(9))
    out, taken = deliver(BASE.replace(b'From: ', b'From: ' + many))
    equal((out.status, out.text[:6], taken.count), (82, b'Z4.7.1', 0),
          'more author domains than are looked at', out.stderr)
    out, taken = deliver(b'DKIM-Signature: x\n' * 30 + rsa)
    equal((out.status, out.text[:6], taken.count), (82, b'D5.7.1', 0),
          'a signature below 20 others counts for nothing', out.stderr)
    long_header = BASE.replace(b'\n\n', b'\nX-Long: %s\n\n' %
                               (b' y\n' * 300000))
    out, taken = deliver(long_header)
    equal((out.status, out.text[:6], taken.count), (82, b'D5.3.4', 0),
          'a header without end')


def check_envelope():
    whole = envelope('a@example.net', 'b@example.org', 'c@example.org')
    wrong = []
    for size in range(len(whole)):
        out, taken = deliver(rsa, whole[:size])
        if out.status != 54 or taken.count:
            wrong.append((size, out.status, taken.count))
    equal(wrong, [], 'an envelope cut anywhere: 54, nothing queued')
    for what, text, status in (
            ('not an envelope', b'Xa\0\0', 91), ('no T', b'Fa\0b\0\0', 91),
            ('no recipients', b'Fa@example.net\0\0', 0),
            ('long sender', b'F' + b'a' * 1003 + b'\0Tb\0\0', 11),
            ('long recipient', b'Fa\0T' + b'b' * 1003 + b'\0\0', 11),
            ('many recipients', b'Fa@example.net\0' +
             b'Tb@example.org\0' * 50000 + b'\0', 0),
            ('rubbish behind it', whole + b'x' * 10, 0)):
        out, taken = deliver(rsa, text)
        equal((out.status, taken.count, b'the envelope: ' in out.stderr),
              (status, int(status == 0), status != 0), what, out.stderr)
        if status == 0:
            equal(digest(taken.envelope), digest(text.rstrip(b'x')),
                  '... and the same envelope')


def check_parent():
    """The caller is slow, or the next program does not do its part."""
    out, taken = deliver(rsa, how={'chunk': 37, 'pause': 0.01})
    ok(out.status == 0 and same_below(taken, rsa), 'a slow writer')
    out, taken = deliver(rsa, VERDICT_QUEUE='/nonexistent/queue')
    equal((out.status, taken.count), (120, 0), 'no next program', out.stderr)
    out, taken = deliver(huge(), VERDICT_DIALECT='exim')
    equal((out.status, out.wrote_all), (55, False),
          'it fails before the message is read: the writer sees it')
    out, taken = deliver(b'x' * 100, b'')
    equal((out.status, taken.count), (54, 0),
          'the client goes away in the message: nothing queued')


def check_disk():
    big = sign(huge())
    small = os.path.join(work, 'disk')
    os.mkdir(small)
    out, taken = deliver(rsa, VERDICT_SPOOL=small)
    ok(out.status == 0 and same_below(taken, rsa) and not os.listdir(small),
       'spooled to a file, which is gone afterwards')
    out, taken = deliver(big, VERDICT_SPOOL=small)
    ok(out.status == 0 and same_below(taken, big), '... of 5 MB')
    for spool in (small, 'memory'):
        out, taken = deliver(big, VERDICT_SPOOL=spool, limits=[
            (resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))])
        equal((out.status, taken.count), (53, 0),
              'file size limit, %s: try later' % os.path.basename(spool),
              out.signal, out.stderr)
    equal(os.listdir(small), [], '... and nothing is left there')
    out, taken = deliver(rsa, VERDICT_SPOOL='/nonexistent')
    equal((out.status, taken.count), (53, 0), 'no such directory')
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none',
                       small], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        note('disk full not tested: no right to mount')
        return
    try:
        out, taken = deliver(big, VERDICT_SPOOL=small)
        equal((out.status, taken.count), (53, 0), 'disk full: try later',
              out.stderr)
        equal(os.listdir(small), [], '... and nothing is left there')
    finally:
        subprocess.run(['umount', small], check=False)


def script(name, text):
    path = os.path.join(work, name)
    with open(path, 'w', encoding='ascii') as out:
        out.write('#!/bin/sh\n' + text)
    os.chmod(path, 0o755)
    return path


def check_next():
    """The next program fails in its own ways: so does verdict-queue."""
    for name, text, want in (
            ('killed', 'kill -KILL $$', (None, signal.SIGKILL)),
            ('terminated', 'kill -TERM $$', (None, signal.SIGTERM)),
            ('does not read', 'exit 53', (53, None)),
            ('reads half', 'head -c 100 >/dev/null; exit 54', (54, None)),
            ('reads slowly', 'sleep 0.3; head -c 9 >/dev/null; sleep 0.3; '
             'cat >/dev/null; exec %s' % TAKER, (0, None)),
            ('reads the envelope first', 'cat <&1 >/dev/null; cat >/dev/null',
             (0, None))):
        out, taken = deliver(rsa, VERDICT_QUEUE=script('next', text + '\n'))
        equal((out.status, out.signal), want, 'the next program %s: %s' % (
            name, out.reply('sagredo')[:3].decode()), out.stderr)
    out, taken = deliver(rsa, VERDICT_QUEUE=script(
        'next', 'trap "" PIPE; kill -XFSZ $$; exit 3\n'))
    equal((out.status, out.signal), (None, signal.SIGXFSZ),
          'it has its signals as they were')


def check_descriptors():
    """Missing ones, and fewer than are needed: nothing is lost for that."""
    for shut in ('<&-', '>&-', '<&- >&-'):
        out, taken = deliver(rsa, program=script(
            'shut', 'exec %s %s\n' % (QUEUE, shut)))
        equal((out.status, taken.count), (54, 0), 'closed: %s' % shut)
    out, taken = deliver(rsa, program=script(
        'shut', 'exec %s 2>&-\n' % QUEUE))
    ok(out.status == 0 and same_below(taken, rsa), 'closed: 2>&-', out.status)
    if SANITIZED:
        note('few descriptors not tested: sanitizers need some')
        return
    seen = set()
    for most in range(3, 24):
        out, taken = deliver(rsa, limits=[
            (resource.RLIMIT_NOFILE, (most, most))])
        if out.signal or (out.status == 0) != (taken.count == 1) or \
                (out.status == 0 and not same_below(taken, rsa)):
            ok(False, '%d descriptors' % most, out.status, out.signal,
               out.stderr, taken.count)
        elif out.status == 0:
            seen.add('X-Verdict-Action' in fields(taken, rsa) and 'judged' or
                     'fallback')
        else:
            seen.add(out.status)
    ok('judged' in seen and seen <= {'judged', 'fallback', 53, 54, 55, 120,
                                     127},
       '3 to 23 descriptors: %s' % ', '.join(sorted(map(str, seen))))


def check_costly():
    """However much work a message is made to be: an answer, never a reject."""
    body = b'0123456789 0123456789 0123456789 0123456789 012345678\n' * 40000
    line = b'DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=rsa; ' \
        b'h=From; bh=Zm9v; b=Zm9v; l=%d\n'
    many = b''.join(line % (1000000 + i) for i in range(4000)) + rsa + body
    out, taken = deliver(many)
    ok(out.status == 82 and out.text[:4] == b'D5.7', '4000 signatures, each '
       'of another part of 2 MB: %.1f s' % out.seconds, out.text, out.stderr)
    names = b'DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=rsa; ' \
        b'bh=Zm9v; b=Zm9v; h=From' + b':A' * 10000 + b'\n'
    out, taken = deliver(names * 5 + b'B:\n' * 100000 + BASE)
    ok(out.status == 82 and out.text[:4] == b'Z4.7', '10 000 names in h= and '
       '100 000 fields: %.1f s' % out.seconds, out.text, out.stderr)


def softlimit(octets):
    """A program that is verdict-queue with the limits of softlimit -m."""
    return script('limit.%d' % octets, ''.join(
        'ulimit -%s %d\n' % (letter, octets // 1024)
        for letter in 'dslv') + 'exec %s\n' % QUEUE)


def check_softlimit():
    if SANITIZED:
        note('memory limits not tested with sanitizers')
        return
    line = b'0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghi\n'
    message = BASE + line * (20 * 1000 * 1000 // len(line))
    for word in ('rsa', 'ed', 'rsa', 'ed', 'rsa'):
        message = sign(message, 'example.com' if word == 'ed' else
                       'example.org', word)
    out, taken = deliver(message, program=softlimit(16000000))
    ok(out.status == 0 and same_below(taken, message) and
       fields(taken, message)['Authentication-Results'][0].count(
           'dkim=pass') == 5,
       'softlimit -m 16000000: 20 MB with five signatures, %.2f s' %
       out.seconds, out.status, out.signal, out.stderr)
    out, taken = deliver(message, program=softlimit(16000000), **DOWN)
    ok(out.status == 0 and is_fallback(taken, message),
       '... and without a daemon', out.status, out.signal, out.stderr)
    # Twenty bodies of different lengths to hash: the worst to be had.
    body = BASE + line * (10 * 1000 * 1000 // len(line))
    signature, end = sign(body, 'example.com', 'rsa', '-l', '9000000').split(
        b'From: Alice', 1)
    worst = b''.join(signature.replace(b'l=9000000', b'l=%d' % (9000000 + i))
                     for i in range(20)) + b'From: Alice' + end
    out, taken = deliver(worst, program=softlimit(16000000))
    ok(out.status == 0, '10 MB with twenty signatures of different lengths: '
       '%.1f s' % out.seconds, out.signal, out.stderr, out.text)
    least = None
    for limit in range(15500000, 2000000, -500000):
        out, taken = deliver(rsa, program=softlimit(limit))
        if out.status == 0 and taken.count and \
                'X-Verdict-Action' in fields(taken, rsa):
            least = limit
        elif out.signal or out.status == 0 and not is_fallback(taken, rsa):
            ok(False, 'limit %d: %s' % (limit, out.signal), out.stderr)
            break
        elif out.status == 127:
            break
    ok(least and least < 16000000, 'a verdict with %s octets, and with less '
       'no crash' % least)


try:
    check_corpus()
    check_fields()
    check_claims()
    check_pass_through()
    check_peer()
    check_dialects()
    check_quarantine()
    check_configuration()
    check_envelope()
    check_invalid_author()
    check_parent()
    check_next()
    check_descriptors()
    check_costly()
    check_disk()
    check_softlimit()
    check_unreachable()
finally:
    daemon.stop()
    watcher.stop()
    lab.stop()
    shutil.rmtree(work, ignore_errors=True)
done()
