#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What a reload makes of each option that has changed: it holds, or the log
says that it waits for a restart; and of a file that is none: nothing."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (VERDICTD, Daemon, FaultDns, command,  # noqa: E402
                     done, equal, ok, patiently)

dns = FaultDns()
dns('add', 'good.example', 60, 'TXT', 'v=spf1 ip4:192.0.2.1 -all')
dns('add', 'fail.example', 60, 'TXT', 'v=spf1 -all')
daemon = Daemon(dns.address)
TEXT = daemon.text
daemon.start()


def stats(name):
    return daemon.ask_control('stats').number(name) or 0


def reload(text):
    """Gives it that configuration; what it logs of it, or of refusing it."""
    before = stats('reloads') + stats('reloads_failed')
    start = len(daemon.log())
    daemon.write_config(text)
    daemon.signal(signal.SIGHUP)
    patiently(lambda: stats('reloads') + stats('reloads_failed') > before)
    return '\n'.join(line for line in daemon.log()[start:].splitlines()
                     if re.match(r'\w+ reload', line))


def changed(old, new):
    if old not in TEXT:
        raise RuntimeError('the configuration lacks ' + old)
    return TEXT.replace(old, new)


# --- What holds at once -------------------------------------------------------

number = 0


def ttl_of_new_record():
    global number
    number += 1
    name = 'n%d.example' % number
    dns('add', name, 60, 'TXT', 'text')
    return daemon.record(name).number('ttl')


def verdict(domain='fail.example'):
    return daemon.ask('check', 'client_ip=192.0.2.2', 'helo=a.example',
                      'mail_from=a@' + domain, 'from_domain=' + domain)


def spf_text():
    return daemon.ask('spf', 'client_ip=192.0.2.2',
                      'mail_from=a@fail.example')['received_spf']


def check_taken():
    cases = [
        # what the configuration gets, what is then to be seen
        (changed('size = "64M"', 'size = "64M" max-ttl = 7'),
         'cache.max-ttl', lambda: ttl_of_new_record() == 7),
        (changed('size = "64M"', 'size = "64M" min-ttl = 90'),
         'cache.min-ttl', lambda: ttl_of_new_record() == 90),
        (changed('mx.example.net', 'other.example.net'),
         'spf.receiver', lambda: 'other.example.net' in (spf_text() or '')),
        (TEXT + 'rule "new" { when = "spf is fail" action = reject }\n',
         'rule', lambda: verdict()['rule'] == 'new'),
        (changed('preset = "rfc9989"', 'preset = "spf-first"'),
         'verdict.preset', lambda: verdict()['rule'] == 'spf fail'),
        (changed('level = "debug"', 'level = "warning"'),
         'log.level', lambda: not logs_questions()),
        (changed('to = "stderr"', 'to = "stderr" verdicts = none'),
         'log.verdicts', lambda: not re.search(
             r'info verdict .*fail\.example', log_of(verdict))),
        (TEXT, 'all of it back', lambda: ttl_of_new_record() == 60 and
         verdict()['rule'] == 'default' and logs_questions()),
    ]
    for text, what, seen in cases:
        said = reload(text)
        ok('reload.refused' not in said and 'restart' not in said,
           what + ': taken', said)
        ok(seen(), '... and it holds', daemon.log()[-2000:])


def log_of(action):
    start = len(daemon.log())
    action()
    # What is logged of a question is there before that of the next one.
    daemon.ask('ping')
    return daemon.log()[start:]


def logs_questions():
    return 'debug' in log_of(verdict)


# --- What waits for a restart -------------------------------------------------

def check_waits():
    cases = [
        (changed('mode = "0600"', 'mode = "0660"'), 'endpoint'),
        (TEXT + 'endpoint "ipc://%s" { }\n' % daemon.path('more.sock'),
         'endpoint'),
        (changed(daemon.control, 'ipc://' + daemon.path('new.sock')),
         'control'),
        (changed('cache.lmdb', 'other.lmdb'), 'file'),
        (changed('"64M"', '"65M"'), 'size'),
        (TEXT + 'sandbox = no\n', 'sandbox'),
        (TEXT + 'user = root\n', 'user'),
    ]
    for text, option in cases:
        said = reload(text)
        ok(re.search(r'warning reload option=%s problem=.*restart' % option,
                     said), option + ': a restart is asked for', said)
        ok('option=' + option in reload(text), '... and again, until it comes')
        ok('restart' not in reload(TEXT), '... and not when it is put back')


# --- What is none -------------------------------------------------------------

def check_refused():
    reload(TEXT + 'rule "kept" { when = "spf is fail" action = reject }\n')
    cases = [
        ('log {\n level = loud\n to = file\n}\n',
         [':2: level: .loud', ':3: to: .file']),
        ('log {\n level = info\n', [':1: what begins here is not closed']),
        ('log {\n level = "info\n}\n', [':2: a text that begins here']),
        ('/* no end', [':1: a comment that begins here']),
        ('*/** ', [':1: a comment that begins here']),
        ('rule "x" {\n when = "spf is loud"\n action = reject\n}\n',
         [':2:17: rule .x']),
        ('cache { }\ncolour = red\n', [':2: no such option .colour.; there']),
    ]
    for text, wanted in cases:
        said = reload(text)
        ok(all(re.search('reload.refused problem=.*' + part, said)
               for part in wanted), 'refused: ' + repr(text[:30]), said)
    equal(verdict()['rule'], 'kept', 'what was in force is in force')


def check_no_files():
    path = daemon.path('none')
    for make, name in ((lambda: os.mkfifo(path), 'a FIFO'),
                       (lambda: os.mkdir(path), 'a directory'),
                       (lambda: os.symlink('/dev/zero', path), 'a device'),
                       (lambda: os.symlink(path, path), 'a loop of links'),
                       (lambda: None, 'nothing')):
        make()
        status, out, err = command(VERDICTD, '-n', '-c', path)
        ok(status == 100 and out == '' and err.startswith(path + ': '),
           name + ': exit 100', status, out, err)
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)
    with open(path, 'w', encoding='ascii'):
        pass
    equal(command(VERDICTD, '-n', '-c', path), (0, '', ''),
          'an empty file: all defaults, exit 0')
    status, out, _ = command('/bin/sh', '-c',
                             '"$0" -n -v -c "$1" >/dev/full', VERDICTD, path)
    equal(status, 111, 'what cannot be printed: exit 111')


check_taken()
check_waits()
check_refused()
check_no_files()
equal(daemon.stop(), 0, 'after all that it ends in good order')
daemon.clean()
dns.stop()
done()
