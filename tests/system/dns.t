#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What the daemon makes of each kind of DNS answer: state, DNSSEC status and
TTL, as the control verb "record" shows them, over a signed DNS and NSD."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (Daemon, FaultDns, Lab, done, equal,  # noqa: E402
                     note, ok, patiently)

lab = Lab()
lab.start()

# name, type, state, dnssec, ttl (None: a failure has none), failure, records
ROWS = [
    ('signed data', 'text.example.com', 'TXT',
     'present', 'secure', 300, 'none', 2),
    ('unsigned data', 'text.example.net', 'TXT',
     'present', 'insecure', 300, 'none', 1),
    ('an address', 'mail.example.com', 'A',
     'present', 'secure', 300, 'none', 1),
    ('an IPv6 address', 'mail.example.com', 'AAAA',
     'present', 'secure', 300, 'none', 1),
    ('a mail exchanger', 'example.com', 'MX',
     'present', 'secure', 300, 'none', 1),
    # RFC 2308 5: the lesser of the SOA's TTL and its last field.
    ('NXDOMAIN, signed', 'nothing.example.com', 'TXT',
     'nxdomain', 'secure', 120, 'none', 0),
    ('NXDOMAIN, unsigned', 'nothing.example.net', 'TXT',
     'nxdomain', 'insecure', 120, 'none', 0),
    ('NODATA, signed', 'six.example.com', 'TXT',
     'nodata', 'secure', 120, 'none', 0),
    ('NODATA, unsigned', 'text.example.net', 'A',
     'nodata', 'insecure', 120, 'none', 0),
    ('an empty non-terminal', 'eu.news.example.com', 'TXT',
     'nodata', 'secure', 120, 'none', 0),
    ('a wildcard', 'any.wild.example.com', 'TXT',
     'present', 'secure', 300, 'none', 1),
    ('a CNAME chain over two zones: its least TTL', 'chain1.example.com',
     'TXT', 'present', 'secure', 100, 'none', 1),
    ('a CNAME from a signed to an unsigned zone', 'toinsecure.example.com',
     'TXT', 'present', 'insecure', 300, 'none', 1),
    ('a CNAME to NXDOMAIN', 'tonothing.example.com', 'TXT',
     'nxdomain', 'secure', 120, 'none', 0),
    ('a CNAME to NODATA', 'tonodata.example.com', 'TXT',
     'nodata', 'secure', 120, 'none', 0),
    ('TTL 0', 'zero.example.com', 'TXT',
     'present', 'secure', 0, 'none', 1),
    ('bogus data', 'text.bogus.example', 'TXT',
     'failed', 'bogus', None, 'bogus', 0),
    ('bogus denial', 'nothing.bogus.example', 'TXT',
     'failed', 'bogus', None, 'bogus', 0),
    ('expired signatures', 'text.expired.example', 'TXT',
     'failed', 'bogus', None, 'bogus', 0),
    ('a DS without a key', 'text.nokey.example', 'TXT',
     'failed', 'bogus', None, 'bogus', 0),
    ('SERVFAIL', 'text.servfail.example', 'TXT',
     'failed', 'indeterminate', None, 'servfail', 0),
    ('a CNAME loop', 'loop1.example.com', 'TXT',
     'failed', 'indeterminate', None, 'servfail', 0),
]


def check_row(daemon, row):
    what, name, kind, state, dnssec, ttl, failure, count = row
    reply = daemon.record(name, kind)
    got = (reply['state'], reply['dnssec'], reply['failure'],
           reply.number('count'))
    good = got == (state, dnssec, failure, count)
    if good and ttl is not None:
        # The clock may have gone on by some seconds since the answer.
        good = ttl - 20 <= (reply.number('ttl') or 0) <= ttl
    if good and ttl is None:
        good = not reply.all('data')
    ok(good, what + ': ' + ' '.join(filter(None, (
        state, dnssec, '' if ttl is None else 'ttl %d' % ttl,
        '' if failure == 'none' else 'failure ' + failure))),
       'wanted state=%s dnssec=%s failure=%s count=%s ttl=%s' % (
           state, dnssec, failure, count, ttl), reply)


def check_big(daemon):
    before = lab.main.queries('TXT'), lab.main.tcp_queries()
    reply = daemon.record('big.example.com')
    ok(reply['state'] == 'present' and reply['dnssec'] == 'secure' and
       len(reply['data'] or '') > 4096, 'a TXT of 4 kB: whole, secure', reply)
    ok(lab.main.tcp_queries() > before[1], '... and it came over TCP')


def check_root_said(daemon):
    ok(patiently(lambda: re.search('root.*secure', daemon.log())),
       'the daemon says that the root is secure', daemon.log()[:1000])


def check_lame():
    """One of the two servers that the stub names only knows the delegation.
    libunbound then often reports NOERROR without data for what exists, by
    chance: six daemons with five names each are thirty chances to be wrong."""
    stub = 'stub "lame.example" { address = {"%s", "%s"} }' % (
        lab.main.address(), lab.far.address())
    names = ['n%d.many.lame.example' % i for i in range(5)]
    daemons = [Daemon(lab.main.address(), lab.anchor, stub).start()
               for _ in range(6)]
    first = [(daemon, name, daemon.record(name))
             for daemon in daemons for name in names]
    wrong = [reply for _, _, reply in first
             if reply['state'] not in ('present', 'failed')]
    lame = [(daemon, name) for daemon, name, reply in first
            if (reply['state'], reply['failure']) == ('failed', 'lame')]
    ok(not wrong, 'a lame server beside a good one: never "no such record"',
       *wrong[:3])
    ok(lab.far.queries() > 0 and len(lame) <= 10,
       'the lame server was asked %d times, and %d of %d names found at once'
       % (lab.far.queries(), len(first) - len(lame), len(first)), first[0][2])
    # A failure is tried again.
    ok(not lame or patiently(lambda: any(
        daemon.record(name)['state'] == 'present' for daemon, name in lame)),
       '... and what is there is found at a later try')
    for daemon in daemons:
        daemon.stop()


def check_only_lame():
    """A forwarder that only refers elsewhere."""
    daemon = Daemon(lab.main.address(), lab.anchor).start()
    reply = daemon.record('text.lame.example')
    equal((reply['state'], reply['failure'] in ('lame', 'servfail')),
          ('failed', True), 'a referral instead of an answer: failed', reply)
    daemon.stop()


def check_dead():
    stub = 'timeout = 2\n    stub "dead.example" { address = {"%s"} }' % (
        lab.dead)
    daemon = Daemon(lab.main.address(), lab.anchor, stub).start()
    start = time.monotonic()
    reply = daemon.record('text.dead.example')
    took = time.monotonic() - start
    equal((reply['state'], reply['dnssec']), ('failed', 'indeterminate'),
          'a dead server: failed', reply)
    ok(reply['failure'] in ('timeout', 'servfail'),
       '... for want of an answer', reply)
    note('after %.1f s; the timeout is 2 s' % took)
    daemon.stop()


def check_faults():
    """The other ways to fail, by a server made for it; not signed."""
    server = FaultDns('-x', 'add good.example 60 TXT fine')
    daemon = Daemon(server.address, None, 'timeout = 2').start()
    for how, failures in (('servfail', ('servfail',)),
                          ('refused', ('servfail',)),
                          ('formerr', ('servfail',)),
                          ('notimp', ('servfail',)),
                          ('nosoa', ('lame',)),
                          ('lame', ('lame', 'servfail')),
                          ('drop', ('timeout', 'servfail'))):
        name = how + '.example'
        server('set', name, how)
        reply = daemon.record(name)
        ok(reply['state'] == 'failed' and reply['failure'] in failures and
           reply['dnssec'] == 'indeterminate',
           '%s: failed (%s)' % (how, reply['failure']), reply)
    server('add', 'slow.example', 60, 'TXT', 'late')
    server('set', 'slow.example', 'delay', 600)
    equal(daemon.record('slow.example')['state'], 'present',
          'an answer that takes 0.6 s is waited for')
    server('add', 'cut.example', 60, 'TXT', 'over TCP')
    server('set', 'cut.example', 'truncate')
    equal(daemon.record('cut.example')['state'], 'present',
          'a truncated answer is asked for over TCP')
    reply = daemon.record('good.example')
    equal((reply['state'], reply['dnssec'], reply['data']),
          ('present', 'indeterminate', reply['data']),
          'without a trust anchor nothing is secure or insecure', reply)
    daemon.stop()
    server.stop()


def check_many():
    """One dead server must not hold up the others."""
    stub = 'stub "dead.example" { address = {"%s"} }' % lab.dead
    daemon = Daemon(lab.main.address(), lab.anchor, stub).start()
    dead = daemon.flood_later('-n', '300', '-j', '5', 'dmarc',
                              'from_domain=n%d.dead.example')
    patiently(lambda: daemon.ask_control('stats').number('lookups') >= 300)
    start = time.monotonic()
    good = daemon.flood('-n', '50', '-e', 'result=pass', 'spf',
                        'client_ip=192.0.2.1',
                        'mail_from=x@n%d.bulk.example.net')
    took = time.monotonic() - start
    equal(good.get('ok'), 50, '50 good lookups beside 300 stuck ones',
          good['text'])
    note('they took %.2f s' % took)
    counts = dead()
    ok(counts.get('sent') == 300 and counts.get('lost') == 0,
       '... and the 300 are answered, too', counts['text'])
    daemon.stop()


main = Daemon(lab.main.address(), lab.anchor).start()
check_root_said(main)
for row_ in ROWS:
    check_row(main, row_)
check_big(main)
equal(main.stop(), 0, 'the daemon ends with 0')
check_lame()
check_only_lame()
check_dead()
check_faults()
check_many()
lab.stop()
done()
