#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Each name that a message's evaluation looks up fails in turn, in each way,
for each preset, over a real signed DNS: no failure gives a verdict other than
the one full information gives, but for the configured "undecided", which says
so. With stale records at hand the verdict is the one of full information.

A reload gives the daemon a new resolver, whose own caches are empty.
"""
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import Daemon, FaultDns, Lab, done, note, ok  # noqa: E402

# Each preset with its own fallback, so that one is not taken for another.
PRESETS = [('rfc9989', 'defer'), ('both-must-pass', 'accept'),
           ('askdns-score', 'quarantine'), ('monitor', 'reject'),
           ('spf-first', 'defer')]
TIMEOUT = 350  # ms, of a lookup
WAYS = ['servfail', 'bogus', 'drop', 'delay %d' % (4 * TIMEOUT)]

# client_ip, mail_from, from_domain, "selector domain" of a signature.
MESSAGES = [
    ('direct', '192.0.2.25', 'a@example.com', 'example.com', ''),
    ('forged', '203.0.113.1', 'a@example.com', 'example.com', ''),
    ('forwarded', '203.0.113.1', 'a@softfail.example.com',
     'news.example.com', 'rsa example.com'),
    ('softfail', '203.0.113.1', 'a@example.org', 'example.org', ''),
    ('no policy', '203.0.113.1', 'a@nopolicy.example', 'nopolicy.example',
     ''),
]
NO_POLICY = 'nopolicy TXT "v=spf1 -all"\n'
# What proves the names is looked up as well.
PROOFS = ['example.com DNSKEY', 'example.com DS']


class Verdict:
    """What became of a message: as a mail host asks, the key first."""

    def __init__(self, daemon, message, verb='check'):
        _, client_ip, mail_from, author, signature = message
        words = ['client_ip=' + client_ip, 'mail_from=' + mail_from,
                 'from_domain=' + author]
        self.lookups = set()
        if signature:
            selector, domain = signature.split()
            key = daemon.ask('dkim-key', 'key=' + signature)['key']
            status = re.search(r' status=(\w+)', key).group(1)
            words.append('dkim=%s d=%s s=%s' % (
                'pass' if status == 'ok' else status, domain, selector))
            self.lookups.add('%s._domainkey.%s TXT' % (selector, domain))
        self.reply = daemon.ask(verb, *words)
        self.action, self.rule = self.reply['action'], self.reply['rule']
        self.decided = self.reply['decided'] == 'yes'
        self.failed = self.reply['failed_for'] is not None
        self.stale = bool(self.reply.number('stale'))
        self.lookups |= {' '.join(record.split()[:2])
                         for record in self.reply.all('record')}

    def same(self, full):
        return self.decided and (self.action, self.rule) == (
            full.action, full.rule)


class Column:
    """One preset. `stale`: everything is past its life at once, and serves."""

    def __init__(self, preset, undecided, stale):
        self.preset, self.undecided, self.stale = preset, undecided, stale
        cache = 'max-ttl = 0\n    negative-max-ttl = 0\n    stale-max = "1h"' \
            if stale else 'stale-max = 0'
        self.daemon = Daemon(
            relay.address, lab.anchor, 'timeout = "%dms"' % TIMEOUT, cache,
            'undecided = "%s"' % undecided, level='info', preset=preset)
        self.daemon.start()
        self.full = None

    def ask(self, verb='check'):
        return list(pool.map(lambda m: Verdict(self.daemon, m, verb),
                             MESSAGES))

    def learn(self):
        """A busy machine may be too slow for the timeout: then again."""
        for _ in range(5):
            self.full = self.ask('explain')
            if all(full.decided for full in self.full):
                break
            self.daemon.ask_control('flush', 'what=all')

    def renew(self):
        self.daemon.ask_control('reload')

    def empty(self):
        """Nothing in the cache, or just what the messages need."""
        for _ in range(5):
            self.daemon.ask_control('flush', 'what=all')
            if not self.stale:
                break
            # The resolver may remember a key that could not be had.
            self.renew()
            if all(map(Verdict.same, self.ask(), self.full)):
                break

    def good(self, got, full):
        if got.decided:
            return got.same(full)
        return not self.stale and got.rule == 'undecided' and \
            got.action == self.undecided


def each(function):
    list(outer.map(function, columns))


def check_lookup(lookup, way, counts, wrong):
    """One name fails in one way: every message that asks for it."""
    relay('clear')
    each(Column.empty)
    relay('set', lookup.replace(' ', '/'), *way.split())
    each(Column.renew)
    answers = list(outer.map(Column.ask, columns))
    for column, verdicts in zip(columns, answers):
        for message, got, full in zip(MESSAGES, verdicts, column.full):
            if lookup not in PROOFS and lookup not in full.lookups:
                continue
            counts['cells'] += 1
            counts['stale'] += got.stale
            counts['failed'] += got.failed
            counts['undecided'] += not got.decided
            if not column.good(got, full):
                wrong.append('%s, %s, %s %s%s: not %s by %s\n%s' % (
                    message[0], column.preset, lookup, way,
                    ', stale data' if column.stale else '', full.action,
                    full.rule, got.reply))


started = time.monotonic()
lab = Lab()
lab.change('example', NO_POLICY)
lab.start()
relay = FaultDns('-f', lab.main.address())
pool = ThreadPoolExecutor(16)
outer = ThreadPoolExecutor(16)
columns = [Column(preset, undecided, stale) for preset, undecided in PRESETS
           for stale in (False, True)]
each(Column.learn)
ok(all(full.decided for column in columns for full in column.full),
   'without a failure all is decided')
ok(len({(full.action, full.rule) for column in columns
        for full in column.full}) > 4, '... in different ways')
lookups = sorted({lookup for column in columns for full in column.full
                  for lookup in full.lookups}) + PROOFS
totals = dict.fromkeys(('cells', 'stale', 'failed', 'undecided'), 0)
for way in WAYS:
    counts, wrong = dict.fromkeys(totals, 0), []
    for lookup in lookups:
        check_lookup(lookup, way, counts, wrong)
    ok(not wrong, '%s: %d cells, none wrong' % (way, counts['cells']), *wrong)
    ok(counts['stale'] > 0 and counts['undecided'] > 0,
       '... %d by stale data, %d met a failure without, %d undecided' % (
           counts['stale'], counts['failed'], counts['undecided']))
    for name, count in counts.items():
        totals[name] += count
note('%d lookups of %d messages x %d ways to fail x %d presets, each with and '
     'without stale data: %d cells, %d undecided, %d by stale data, %.0f s' % (
         len(lookups), len(MESSAGES), len(WAYS), len(PRESETS),
         totals['cells'], totals['undecided'], totals['stale'],
         time.monotonic() - started))
for column in columns:
    column.daemon.stop()
relay.stop()
lab.stop()
done()
