#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""verdict-qmail(7) with the tools it names: tcprules, tcpserver, envdir,
softlimit, procmail and maildrop are the real ones, qmail's own programs are
stand-ins. What is typed there is taken from the pages and from etc/."""
import glob
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, SIGN, SRC, Daemon, Lab, command,  # noqa: E402
                     die_with_parent, done, equal, free_port, note, ok,
                     patiently)

SMTPD = os.path.join(SRC, 'tests', 'system', 'smtpd.py')
TAKER = os.path.join(BUILD, 'obj', 'tests', 'lab', 'taker')
SANITIZED = b'__asan_init' in open(
    os.path.join(BUILD, 'verdict-queue'), 'rb').read()
TOOLS = ('tcprules', 'tcprulescheck', 'tcpserver', 'envdir', 'softlimit')

missing = [tool for tool in TOOLS if not shutil.which(tool)]
if missing:
    print('1..0 # SKIP not installed: ' + ' '.join(missing))
    sys.exit(0)

lab = Lab()
lab.start()
work = tempfile.mkdtemp(prefix='qmail.')
# 127.0.0.2 may send for example.net, whose policy is none.
daemon = Daemon(lab.main.address(), lab.anchor, 'timeout = 2').start()


def path(name, text=None, mode=0o755):
    where = os.path.join(work, name)
    if text is not None:
        with open(where, 'w', encoding='utf-8') as out:
            out.write(text)
        os.chmod(where, mode)
    return where


# --- The rules of tcprules ---------------------------------------------------

def rules_make(text):
    with open(path('tcp.smtp', text), encoding='ascii') as rules:
        subprocess.run(['tcprules', path('tcp.smtp.cdb'),
                        path('tcp.smtp.tmp')], stdin=rules, check=True)


def rule_of(address):
    """{variable: value} for a client."""
    out = subprocess.run(
        ['tcprulescheck', path('tcp.smtp.cdb')], check=True,
        env=dict(os.environ, TCPREMOTEIP=address),
        stdout=subprocess.PIPE).stdout.decode()
    return dict(re.findall('^set environment variable (.*?)=(.*)$', out,
                           re.M))


def check_rules():
    with open(os.path.join(SRC, 'etc', 'tcp.smtp'), encoding='ascii') as text:
        rules_make(text.read())
    queue = '/usr/local/bin/verdict-queue'
    for address, want in (
            ('127.0.0.1', {'RELAYCLIENT': ''}),
            ('192.0.2.77', {'RELAYCLIENT': ''}),
            ('198.51.100.25', {'QMAILQUEUE': queue}),
            ('203.0.113.9', {'QMAILQUEUE': queue,
                             'VERDICT_QUEUE': '/var/qmail/bin/simscan'}),
            ('198.51.100.26', {'QMAILQUEUE': queue, 'ENABLE_SPP': ''})):
        equal(rule_of(address), want, 'etc/tcp.smtp: ' + address)


# --- A server ----------------------------------------------------------------

def server_start(port):
    """tcpserver, with what verdict-queue is told in a directory for envdir."""
    queue = os.path.join(BUILD, 'verdict-queue')
    if not SANITIZED:
        queue = path('limited', '#!/bin/sh\nexec softlimit -m 16000000 %s\n' %
                     queue)
    rules_make('127.0.0.1:allow,RELAYCLIENT=""\n'
               ':allow,QMAILQUEUE="%s"\n' % queue)
    os.mkdir(path('env'))
    os.mkdir(path('taken'))
    for name, value in (('VERDICT_SERVERS', daemon.endpoint),
                        ('VERDICT_CONF', '/dev/null'),
                        ('VERDICT_AUTHSERV_ID', 'mx.example.net'),
                        ('VERDICT_QUEUE', TAKER), ('QMAIL_QUEUE', TAKER),
                        ('TAKER_DIR', path('taken'))):
        path('env/' + name, value + '\n')
    return subprocess.Popen(
        ['tcpserver', '-RHl0', '-x', path('tcp.smtp.cdb'), '127.0.0.1',
         str(port), 'envdir', path('env'), '/usr/bin/python3', SMTPD],
        preexec_fn=die_with_parent)


def send(port, address, message):
    """(code, text) of the reply to the message from a client."""
    client = patiently(lambda: connect(port, address))
    with client:
        client.helo('out.example.net')
        client.mail('list@example.net')
        client.rcpt('bob@example.org')
        code, text = client.data(message)
    return code, text.decode()


def connect(port, address):
    try:
        return smtplib.SMTP('127.0.0.1', port, timeout=30,
                            source_address=(address, 0))
    except ConnectionRefusedError:
        return None


def taken():
    names = sorted(glob.glob(path('taken/*.message')))
    with open(names[-1], encoding='utf-8') as file:
        return len(names), file.read()


BASE = '''From: Alice <alice@%s>
To: Bob <bob@example.org>
Subject: lunch

.
See you at noon.
'''


def check_server():
    port = free_port()
    server = server_start(port)
    try:
        _, signed, _ = command(
            SIGN, '-d', 'example.com', '-s', 'rsa', '-k',
            lab.variables()['LAB_RSA'], '-a', 'rsa',
            stdin=BASE % 'news.example.com')
        code, text = send(port, '127.0.0.2', signed)
        count, message = taken()
        ok(code == 250 and re.search(r' qp \d+$', text) and count == 1,
           'a signed message is taken', code, text)
        ok(message.startswith('Authentication-Results: mx.example.net;\n') and
           'dkim=pass header.d=example.com' in message and
           message.endswith(signed),
           '... judged, and as it was sent', message)
        code, text = send(port, '127.0.0.2', BASE % 'news.example.com')
        ok(code == 554 and 'DMARC' in text and taken()[0] == 1,
           'a forged one is refused', code, text)
        code, text = send(port, '127.0.0.1', BASE % 'news.example.com')
        count, message = taken()
        ok(code == 250 and count == 2 and message.startswith('Received: '),
           'whoever may relay is not judged', code, text, message)
    finally:
        server.terminate()
        server.wait()


# --- Deliveries --------------------------------------------------------------

# As preline puts it in front, and qmail-smtpd and qmail-queue.
DELIVERED = '''From a@example.com Thu Jan  1 00:00:00 1970
Return-Path: <a@example.com>
Delivered-To: joe@example.org
Received: (qmail 4711 invoked from network); 1 Jan 2024 12:00:00 -0000
Received: from unknown (HELO mail.example.com) (%s)
  by mx.example.net with SMTP; 1 Jan 2024 12:00:00 -0000
From: Alice <a@example.com>
Subject: lunch

See you.
'''


def recipe(first):
    """The example in verdict(1) that begins with this line."""
    with open(os.path.join(SRC, 'man', 'verdict.1'), encoding='ascii') as page:
        text = page.read()
    start = text.index('\n' + first) + 1
    lines = text[start:text.index('.Ed', start)].replace('\\&', '')
    return lines.replace('verdict -x', os.path.join(BUILD, 'verdict') + ' -x')


def check_delivery(tool, words, conf, text):
    if not shutil.which(tool):
        note('skipped: there is no ' + tool)
        return
    home = path(tool)
    for folder in ('Maildir', 'Maildir/.Doubtful'):
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(home, folder, part))
    path(os.path.join(tool, conf), text, 0o600)
    for client, folder in (('192.0.2.25', 'Maildir'),
                           ('203.0.113.1', 'Maildir/.Doubtful')):
        ran = subprocess.run(
            words, input=(DELIVERED % client).encode(), cwd=home,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            env={'HOME': home, 'PATH': os.environ['PATH'],
                 'SENDER': 'a@example.com', 'USER': 'root'})
        found = glob.glob(os.path.join(home, folder, 'new', '*'))
        equal((ran.returncode, len(found)), (0, 1), '%s: %s into %s' % (
            tool, client, folder), ran.stdout)


def check_deliveries():
    server = 'VERDICT_SERVERS="%s"\n' % daemon.endpoint
    # It takes the home from /etc/passwd; so it is called with -m, where the
    # sender is $1, too.
    check_delivery('procmail', ['procmail', '-m', '.procmailrc',
                                'a@example.com'], '.procmailrc',
                   'MAILDIR=%s\nDEFAULT=./\n' % path('procmail/Maildir') +
                   server + recipe('SENDER=$1'))
    check_delivery('maildrop', ['maildrop', '.mailfilter'], '.mailfilter',
                   server + recipe('`verdict -x maildrop') +
                   'to "Maildir"\n')


try:
    check_rules()
    check_server()
    check_deliveries()
finally:
    daemon.stop()
    lab.stop()
    shutil.rmtree(work, ignore_errors=True)
done()
