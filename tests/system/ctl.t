#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""verdictctl: what it finds in rules, its truth table, and its orders to a
running daemon."""
import csv
import io
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, Daemon, FaultDns, command, done,  # noqa: E402
                     equal, ok)

CTL = os.path.join(BUILD, 'verdictctl')
BASE = 'resolver { validate = false }\n'


def ctl(*words):
    return command(CTL, *words)


# --- rules check -------------------------------------------------------------

# What it is about, configuration, findings as "rule: words" in order.
CHECKS = [
    ('rfc9989', 'verdict { preset = "rfc9989" }', []),
    ('spf-first', 'verdict { preset = "spf-first" }', []),
    ('askdns-score', 'verdict { preset = "askdns-score" }', []),
    ('both-must-pass', 'verdict { preset = "both-must-pass" }',
     ['both must pass, reject: rejects.*stricter than RFC 9989 5.3.5',
      'both must pass, quarantine: quarantines.*stricter']),
    ('monitor', 'verdict { preset = "monitor" }',
     ['dmarc reject: p=reject is never acted on.*shadow',
      'dmarc quarantine: p=quarantine is never acted on.*shadow']),
    ('no rules', 'verdict { preset = "none" }',
     ['p=reject is never acted on', 'p=quarantine is never acted on']),
    ('rules about senders', '''
rule "ours" { when = "client_ip in 192.0.2.0/24" action = "accept" }
rule "theirs" { when = "from in bad.example" action = "reject" }
rule "bank" { when = "from in bank.example and dmarc is not pass"
    action = "reject" }''', []),
    ('never true', 'rule "a" { when = "spf is pass and spf is fail" '
     'action = "reject" }', ['a: never true']),
    ('a result that DMARC does not have', 'rule "a" { when = "dmarc is '
     'permerror" action = "defer" }', ['a: never true']),
    ('true of two signatures', 'rule "a" { when = "dkim is fail and dkim is '
     'neutral and dmarc is fail and policy is reject" action = "reject" }',
     []),
    ('behind its own condition', '''
rule "a" { when = "from in a.example" action = "reject" }
rule "b" { when = "from in a.example" action = "defer" }''',
     ['b: never takes effect: rule "a".*same condition']),
    ('behind one that covers it', '''
rule "a" { when = "dmarc is fail" action = "quarantine" }
rule "b" { when = "dmarc is fail and from in a.example" action = "reject" }''',
     ['b: never takes effect: wherever it is true, rule "a"',
      'dmarc reject: never takes effect',
      'dmarc quarantine: never takes effect']),
    ('all are let in', 'rule "a" { action = "accept" }',
     ['a: lets everything through', 'dmarc reject: never takes effect',
      'dmarc quarantine: never takes effect', 'p=reject', 'p=quarantine']),
    ('SPF alone lets in', 'rule "a" { when = "spf is pass" '
     'action = "accept" }', ['a: lets mail through that fails DMARC']),
    ('an accept at the end changes nothing', '''verdict { preset = "none" }
rule "r" { when = "dmarc is fail and policy in {reject, quarantine}"
    action = "reject" }
rule "rest" { action = "accept" }''', []),
    ('stricter by score', '''verdict { preset = "none" }
score { reject = 10 }
rule "a" { when = "policy in {reject, quarantine} and not spf_aligned"
    score = 6 }
rule "b" { when = "policy in {reject, quarantine} and not dkim_aligned"
    score = 4 }
rule "c" { when = "policy in {reject, quarantine} and dkim is fail"
    score = 4 }''',
     ['a: its score rejects.*stricter', 'c: its score rejects']),
    ('rejects for failures', 'rule "a" { when = "spf is temperror" '
     'action = "reject" }', ['a: rejects because DNS fails']),
    ('defers for failures', 'rule "a" { when = "spf is temperror" '
     'action = "defer" }', []),
    ('undecided is rejected', 'verdict { undecided = "reject" }',
     ['undecided = reject']),
    ('rejected after a while', 'verdict { after-defer = "reject" }',
     ['after-defer = reject']),
    ('deferred for ever', 'verdict { defer-at-most = 0 }',
     ['defer-at-most = 0']),
    ('nothing can be undecided', 'verdict { preset = "monitor" '
     'undecided = "reject" }', ['p=reject', 'p=quarantine']),
]


def check_rules(path, what, text, wanted):
    with open(path, 'w', encoding='ascii') as out:
        out.write(BASE + text + '\n')
    status, output, error = ctl('-c', path, 'rules', 'check')
    lines = output.splitlines()
    findings = [re.sub(r'^.*?: (?:verdict: )?(?:rule "([^"]*)": )?',
                       lambda m: m[1] + ': ' if m[1] else '', line)
                for line in lines[:-1]]
    good = len(findings) == len(wanted) and \
        status == (1 if wanted else 0) and not error
    for finding, pattern in zip(findings, wanted):
        rule, _, words = pattern.rpartition(': ') if \
            re.match('[a-z, ]+: ', pattern) else ('', '', pattern)
        rule = pattern.partition(': ')[0] if rule else ''
        words = pattern[len(rule) + 2:] if rule else pattern
        good = good and finding.startswith(rule) and \
            bool(re.search(words, finding))
    ok(good, 'rules check: %s: %d findings' % (what, len(wanted)),
       'exit %d' % status, output, error)
    return lines


def check_lines(path):
    lines = check_rules(path, 'file and line', 'rule "good" { when = '
                        '"dmarc is fail" action = "quarantine" }\n\n'
                        'rule "bad" { when = "false" action = "reject" }\n'
                        'verdict { preset = "none" }',
                        ['bad: never true'])
    ok(lines[0].startswith(path + ':4: rule "bad": '),
       '... which are named', lines[0])
    with open(path, 'w', encoding='ascii') as out:
        out.write('rule "x" { when = "spf is maybe" action = "reject" }\n')
    status, _, error = ctl('-c', path, 'rules', 'check')
    ok(status == 100 and path + ':1' in error, 'a mistake: exit 100, and '
       'where it is', error)
    equal(ctl('-c', path + '.absent', 'rules', 'check')[0], 100,
          'no file: exit 100')


# --- rules table -------------------------------------------------------------

def table(path, text):
    with open(path, 'w', encoding='ascii') as out:
        out.write(BASE + text)
    status, output, error = ctl('-c', path, 'rules', 'table', '--csv')
    rows = list(csv.DictReader(io.StringIO(output)))
    ok(status == 0 and len(rows) == 8 * 5 * 5 and not error,
       'rules table: 8 x 5 x 5 rows', error, output[:300])
    return rows


def check_table(path):
    """By the standard's words: what rfc9989 must do in each row."""
    rows = table(path, 'verdict { preset = "rfc9989" '
                 'after-defer = "quarantine" }\n')
    wrong, undecided = [], 0
    for row in rows:
        passes = 'pass aligned' in (row['spf'], row['dkim'])
        open_ = 'temperror' in (row['spf'], row['dkim'])
        act = {'reject': 'reject', 'quarantine': 'quarantine'}.get(
            row['policy'], 'accept')
        if passes or row['policy'] in ('absent', 'none'):
            want = ('accept', 'yes', 'accept')
        elif open_ or row['policy'] == 'unknown':
            want = ('defer', 'no', 'quarantine')
            undecided += 1
        else:
            want = (act, 'yes', act)
        if (row['action'], row['decided'], row['later']) != want:
            wrong.append(row)
        failing = [what for what, fails in (
            ('spf', row['spf'] == 'temperror'),
            ('dkim key', row['dkim'] == 'temperror'),
            ('dmarc record', row['policy'] == 'unknown')) if fails]
        if row['dns_failure'] != (' + '.join(failing) or 'none'):
            wrong.append(row)
    ok(not wrong and undecided > 20, '... each as RFC 9989 has it', *wrong)
    rows = table(path, 'verdict { preset = "none" }\nrule "a, b" '
                 '{ action = "reject" }\n')
    equal({row['rule'] for row in rows}, {'a, b'}, '... CSV is quoted')
    status, output, _ = ctl('-c', path, 'rules', 'table')
    equal((status, len(output.splitlines())), (0, 201), '... and as text')


def check_presets(path):
    status, output, _ = ctl('rules', 'presets')
    names = [line.split()[0] for line in output.splitlines()]
    ok(status == 0 and 'rfc9989' in names and len(names) == 5,
       'rules presets', output)
    for name in names:
        by_name = table(path, 'verdict { preset = "%s" }\n' % name)
        copied = table(path, 'verdict { preset = "none" }\n' +
                       ctl('rules', 'preset', name)[1])
        equal(copied, by_name, '... %s: its text, copied, does the same'
              % name)
    equal(ctl('rules', 'preset', 'nonsense')[0], 100, 'no such preset')


# --- the daemon --------------------------------------------------------------

def check_daemon():
    dns = FaultDns('-x', 'add example.com 300 TXT v=spf1 -all',
                   '-x', 'add odd.example.com 300 TXT one\x1b[2Jtwo')
    daemon = Daemon(dns.address, level='info').start()

    def order(*words):
        return ctl('-s', daemon.control, *words)

    status, output, _ = order('ping')
    ok(status == 0 and 'version=' in output and 'uptime=' in output, 'ping',
       output)
    status, output, error = ctl('-c', daemon.config, 'ping')
    equal(status, 0, '-c: asks where that configuration listens', error)
    status, output, _ = order('record', 'example.com', 'txt')
    ok(status == 0 and 'state=present' in output and
       'data=v=spf1 -all' in output, 'record', output)
    equal(order('record', 'example.com')[1].count('data='), 1,
          '... TXT if no type is named')
    ok('data=one\\x1b[2Jtwo' in order('record', 'odd.example.com')[1],
       '... and no record can order a terminal about')
    asked = dns.count('example.com')
    order('record', 'example.com')
    equal(dns.count('example.com'), asked, '... from the cache')
    equal(order('flush', 'example.com')[0], 0, 'flush NAME')
    order('record', 'example.com')
    ok(dns.count('example.com') > asked, '... it is asked for again')
    asked = dns.count('example.com')
    equal(order('flush', '--all')[0], 0, 'flush --all')
    order('record', 'example.com')
    ok(dns.count('example.com') > asked, '... as well')
    dns('set', 'gone.example.com', 'refused')
    status, output, _ = order('record', 'gone.example.com')
    ok(status == 111 and 'state=failed' in output,
       'a record that cannot be had: exit 111', output)
    dns('clear')
    equal(order('flush', '--failures')[0], 0, 'flush --failures')
    ok('state=nxdomain' in order('record', 'gone.example.com')[1],
       '... and it is asked for at once')

    status, output, _ = order('stats')
    counters = dict(line.split('=') for line in output.splitlines())
    ok(status == 0 and int(counters['lookups']) >= 4, 'stats', output)
    status, output, _ = order('stats', '--json')
    numbers = json.loads(output)
    ok(status == 0 and counters.keys() <= numbers.keys() and
       numbers['connections'] > int(counters['connections']), 'stats --json',
       output)
    status, output, _ = order('status')
    ok(status == 0 and 'up 0' in output.replace('up 1', 'up 0') or
       ' s\n' in output, 'status', output)
    ok(all(word in output for word in ('questions', 'verdicts', 'lookups',
                                       'cache')) and
       len(output.splitlines()) < 24, '... fits on a screen', output)

    equal(order('loglevel', 'debug')[0], 0, 'loglevel')
    order('record', 'log.example.com')
    ok('debug lookup name=log.example.com' in daemon.log(),
       '... shows in the log')
    equal(order('loglevel', 'loud')[0], 100, 'no such level: exit 100')
    equal(order('reload')[0], 0, 'reload')
    daemon.write_config(daemon.text + 'nonsense = 1\n')
    status, _, error = order('reload')
    ok(status == 100 and 'nonsense' in error,
       'reload of a bad configuration: exit 100, and why', error)
    equal(order('ping')[0], 0, '... the daemon goes on')
    daemon.stop()
    dns.stop()
    status, _, error = order('ping')
    ok(status == 111 and len(error.splitlines()) == 1,
       'nobody there: exit 111 and one line', error)
    return daemon


def check_compare():
    """dmarc { compare = yes }: counted, logged, and no verdict changes."""
    dns = FaultDns('-x', 'add _dmarc.example.com 300 TXT v=DMARC1; p=reject',
                   '-x', 'add _dmarc.b.example.com 300 TXT '
                   'v=DMARC1; p=none; psd=n')
    answers, counted = [], []
    for compare in ('false', 'true'):
        daemon = Daemon(dns.address, level='info', extra='dmarc { compare = '
                        '%s pct-key = "secret" }' % compare)
        daemon.start()
        replies = [daemon.ask('check', 'client_ip=192.0.2.1',
                              'mail_from=a@example.net',
                              'from_domain=' + author)
                   for author in ('example.com', 'a.b.example.com')]
        answers.append([(r['action'], r['rule'], r['policy']) for r in replies])
        stats = ctl('-s', daemon.control, 'stats')[1]
        counted.append([int(n) for n in re.findall(
            '^dmarc_(?:compared|policy_differs|org_differs)=([0-9]+)$',
            stats, re.M)])
        logged = re.findall('info dmarc.differs name=.*', daemon.log())
        daemon.stop()
    equal(answers[1], answers[0], 'compare = yes: the same verdicts')
    equal(counted, [[0, 0, 0], [2, 1, 0]], '... two compared, one differs')
    ok(len(logged) == 1 and 'a.b.example.com' in logged[0] and
       'tree_walk="none by b.example.com' in logged[0] and
       'psl="reject by example.com' in logged[0], '... and it is logged',
       *logged)
    dns.stop()


def check_usage():
    for words in ((), ('nonsense',), ('rules',), ('rules', 'nonsense'),
                  ('flush',), ('flush', '--nonsense'), ('record',),
                  ('loglevel',), ('stats', '-x'), ('ping', 'x'),
                  ('-t', '0', 'ping'), ('-s', 'nonsense', 'ping'),
                  ('-x',)):
        status, output, error = ctl(*words)
        ok(status == 100 and not output and error,
           'usage: verdictctl %s' % ' '.join(words), status, output, error)
    equal(ctl('-h')[0], 0, '-h')
    ok(re.match(r'verdictctl \d', ctl('-V')[1]), '-V')


check_usage()
check_compare()
with_daemon = check_daemon()
os.makedirs(with_daemon.directory, exist_ok=True)
scratch = with_daemon.path('rules.conf')
for row in CHECKS:
    check_rules(scratch, *row)
check_lines(scratch)
check_table(scratch)
check_presets(scratch)
done()
