#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The cache and what joins in front of it, counted at the name server."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (Daemon, FaultDns, Lab, done, equal,  # noqa: E402
                     ok, patiently)

lab = Lab()
lab.start()

SPF = ('spf', 'client_ip=192.0.2.1', 'mail_from=x@n%d.bulk.example.net')


def started(**options):
    return Daemon(lab.main.address(), lab.anchor, **options).start()


def restart():
    """Positive, negative and failed answers survive a restart."""
    names = [('text.example.com', 'TXT'), ('rsa._domainkey.example.com', 'TXT'),
             ('nothing.example.com', 'TXT'), ('six.example.com', 'TXT'),
             ('text.example.net', 'TXT'), ('chain1.example.com', 'TXT'),
             ('big.example.com', 'TXT'), ('mail.example.com', 'A')]
    same = ('state', 'dnssec', 'failure', 'count', 'data')
    daemon = started()
    before = [daemon.record(*name) for name in names]
    equal(daemon.stop(), 0, 'SIGTERM: the daemon ends with 0')
    asked = lab.queries('TXT'), lab.queries('A')
    daemon.start()
    after = [daemon.record(*name) for name in names]
    equal((lab.queries('TXT'), lab.queries('A')), asked,
          'after a restart no question is asked twice')
    ok(all([a.all(f) for f in same] == [b.all(f) for f in same]
           for a, b in zip(before, after)), 'and the answers are the same',
       *map(str, before + after))
    ok(all((a.number('ttl') or 0) <= (b.number('ttl') or 0)
           for a, b in zip(after, before)), 'and no TTL has grown')
    daemon.stop()


def killed():
    """kill -9 in the middle of much writing, then a warm start."""
    daemon = started()
    known = ('-n', '500', '-e', 'result=pass', *SPF)
    counts = daemon.flood(*known)
    equal(counts.get('ok'), 500, '500 names asked', counts['text'])
    load = daemon.flood_later('-n', '200000', '-j', '4', '-t', '5', *SPF)
    patiently(lambda: lookups(daemon) > 2000)
    daemon.kill()
    partly = load()
    ok(0 < partly.get('ok', 0) < 200000,
       'killed under load, after %d answers' % partly.get('ok', 0),
       partly['text'])
    asked = lab.queries('TXT')
    daemon.start()
    counts = daemon.flood(*known)
    equal(counts.get('ok'), 500, 'the warm start answers', counts['text'])
    equal(lab.queries('TXT'), asked, '... without a question to DNS',
          daemon.log()[-2000:])
    counts = daemon.flood('-n', '3000', '-e', 'result=pass', *SPF)
    equal(counts.get('ok'), 3000, '... and what was cut off, rightly',
          counts['text'])
    ok('set aside' not in daemon.log() and 'damaged' not in daemon.log(),
       '... from a file that was whole')
    daemon.stop()


def behind_slow(delay):
    """A daemon whose only name server takes `delay` ms for each answer. It
    has learned so: else libunbound would soon send the question again."""
    slow = FaultDns('-f', lab.main.address())
    slow('set', '*', 'delay', delay)
    daemon = Daemon(slow.address, lab.anchor).start()
    for i in range(3):
        daemon.record('warm%d.bulk.example.net' % i)
    slow('reset')
    return slow, daemon


def lookups(daemon):
    return int(daemon.ask_control('stats')['lookups'])


def crowd(daemon, selector, queries):
    """Ten thousand questions for a key nobody has asked for. Returns flood's
    counts, the names given to libunbound and the questions DNS was asked,
    which queries() counts."""
    name = '%s bulk.example.net' % selector
    before = lookups(daemon), queries()
    counts = daemon.flood('-n', '10000', '-j', '157', '-w', '64', '-e',
                          'key=%s status=ok' % name, 'dkim-key',
                          'key=' + name)
    return counts, lookups(daemon) - before[0], queries() - before[1]


def one_cold_name(what, daemon, queries):
    """libunbound sends a question again when a busy machine is late with the
    answer; so there are some chances to see that one is enough."""
    for attempt in range(8):
        counts, looked_up, asked = crowd(daemon, 'cold%d' % attempt, queries)
        if asked == 1 or looked_up != 1:
            break
    equal(counts.get('ok'), 10000, '10,000 questions for one cold name, %s: '
          'all answered (%.0f a second)' % (what,
                                            counts.get('per_second', 0)),
          counts['text'])
    equal((looked_up, asked), (1, 1), '... at the cost of one DNS query')


def cold_names():
    daemon = started()
    one_cold_name('as fast as DNS is', daemon, lambda: lab.queries('TXT'))
    daemon.stop()
    # With a server that takes its time, all are there before the answer is.
    slow, daemon = behind_slow(300)
    one_cold_name('0.3 s from DNS', daemon,
                  lambda: slow.count('*.bulk.example.net/TXT'))
    many_cold_names(slow, daemon)
    daemon.stop()
    slow.stop()


def many_cold_names(slow, daemon):
    """A thousand different names under way at once."""
    slow('reset')
    before = lookups(daemon)
    start = time.monotonic()
    counts = daemon.flood('-n', '1000', '-j', '16', '-w', '64', '-e',
                          'result=pass', *SPF)
    took = time.monotonic() - start
    equal(counts.get('ok'), 1000, '1,000 cold names, 0.3 s from DNS: all '
          'answered in %.1f s' % took, counts['text'])
    # 300 s one after the other.
    ok(took < 150, '... side by side')
    seen = {pair.partition('=')[0] for pair in slow('counts').split()
            if re.match(r'n\d+\.bulk\.example\.net/TXT=', pair)}
    equal((len(seen), lookups(daemon) - before), (1000, 1000),
          '... each looked up once (%d DNS queries)' % slow.count('*'))


def counts_down(server, daemon):
    """A record's TTL from one query to the next."""
    seen = []

    def anew():
        time.sleep(0.1)
        seen.append(daemon.record('five.example'))
        return seen[-1].number('ttl') == 5 and seen[-2].number('ttl') < 5
    seen.append(daemon.record('five.example'))
    equal(seen[0].number('ttl'), 5, 'a fresh record: its whole TTL', seen[0])
    ok(patiently(anew), 'expired: it lives anew', *seen[-3:])
    ttls = [reply.number('ttl') for reply in seen[:-1]]
    ok(ttls == sorted(ttls, reverse=True) and
       {reply['stale'] for reply in seen} == {'0'},
       '... until then the TTL counts down', ttls)
    equal(server.count('five.example/TXT'), 2, '... with no query between')


def prefetched(server, daemon, name):
    """Was it asked for again while it lived? By the test's own clock, which
    began before the record's; a busy machine may miss the last tenth."""
    server('add', name, 10, 'TXT', 'prefetched')
    end = time.monotonic() + 10
    daemon.record(name)
    daemon.record('beside.' + name)  # else libunbound has it as its last one
    while time.monotonic() < end:
        reply = daemon.record(name)
        if reply['state'] != 'present' or reply['stale'] != '0':
            ok(False, 'it always serves', reply)
        if server.count(name + '/TXT') > 1:
            return time.monotonic() < end
        time.sleep(0.05)
    return False


def lifetimes():
    server = FaultDns('-t', '60', '-n', '60')
    server('add', 'five.example', 5, 'TXT', 'short')
    server('add', 'zero.example', 0, 'TXT', 'v=spf1 -all')
    daemon = Daemon(server.address, None,
                    cache='prefetch = true').start()
    counts_down(server, daemon)

    def zero():
        reply = daemon.ask('spf', 'client_ip=192.0.2.1', 'helo=h.example',
                           'mail_from=a@zero.example')
        return reply['result'] == 'fail' and server.count('zero.example/TXT')
    ok(zero(), 'TTL 0 serves the one who asked')
    # libunbound keeps its last answer for the rest of the second.
    ok(patiently(lambda: zero() > 1), '... and nobody else')

    for _ in range(2):
        daemon.record('none.example')
    equal(server.count('none.example/TXT'), 1, 'NXDOMAIN is remembered')

    ok(any(prefetched(server, daemon, 'ten%d.example' % i)
           for i in range(4)), 'in the last tenth of its life a record '
       'serves and is fetched again behind the answer', server('counts'))
    daemon.stop()
    server.stop()


def is_remembered(daemon, name, queries):
    """Asked 20 times, with no query for it? The pause before the next try, 1 s
    at first, grows with every try, so that there is time for this once."""
    asked = queries()
    for _ in range(20):
        daemon.record(name)
    return queries() == asked


def failures():
    """RFC 9520 3.2: a failure is not tried again at once."""
    server = FaultDns()
    server('set', '*.bad.example', 'servfail')
    daemon = Daemon(server.address, None).start()
    equal(daemon.record('x.bad.example')['state'], 'failed', 'a failure')
    ok(patiently(lambda: is_remembered(
        daemon, 'x.bad.example', lambda: server.count('x.bad.example'))),
       '... is remembered: 20 more questions, no query', server('counts'))
    server('clear')
    server('add', 'x.bad.example', 60, 'TXT', 'good again')
    ok(patiently(lambda: daemon.record('x.bad.example')['state'] ==
                 'present'), 'it is tried again soon, and is well')
    daemon.stop()

    daemon = started()
    daemon.record('text.bogus.example')
    ok(patiently(lambda: is_remembered(daemon, 'text.bogus.example',
                                       lab.queries)),
       'a bogus answer is remembered, too')
    daemon.stop()
    server.stop()


def damage(what, change):
    """A cache may be lost, but never lies and never stops the daemon."""
    daemon = started()
    daemon.record('text.example.com')
    daemon.stop()
    path = daemon.path('cache.lmdb')
    ok(os.path.isfile(path), what + ': the cache is one file', path)
    change(path)
    try:
        daemon.start()
        reply = daemon.record('text.example.com')
        equal((reply['state'], reply['dnssec'], reply['count']),
              ('present', 'secure', '2'), what + ': right answers', reply)
        equal(daemon.stop(), 0, what + ': and a clean end')
    except RuntimeError as why:
        ok(False, what + ': the daemon starts', why)


def overwrite(path):
    """Everything behind the two meta pages."""
    with open(path, 'r+b') as stream:
        size = os.path.getsize(path)
        stream.seek(8192)
        stream.write(os.urandom(max(size - 8192, 4096)))


def bit_rot(path):
    with open(path, 'r+b') as stream:
        data = stream.read()
        at = data.find(b' and second')
        while at >= 0:
            stream.seek(at)
            stream.write(b' BUT second')
            at = data.find(b' and second', at + 1)


def foreign(path):
    with open(path, 'w', encoding='ascii') as stream:
        stream.write('this is somebody\'s letter\n' * 1000)


def truncated(path):
    os.truncate(path, os.path.getsize(path) // 2)


restart()
killed()
cold_names()
lifetimes()
failures()
damage('garbage in the file', overwrite)
damage('changed octets of a value', bit_rot)
damage('a foreign file', foreign)
damage('a file cut in half', truncated)
damage('an empty file', lambda path: os.truncate(path, 0))
lab.stop()
done()
