#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""An outage from its beginning to its end, with clients that go on asking:
the right verdict as long as stale data may serve, then "defer", then what
after-defer says; and all is well soon after the name servers are back."""
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import PATIENCE, Daemon, Lab, done, equal, note, ok  # noqa: E402

TIMEOUT = 1
# Seconds; the records live for 2. An answer may need two rounds of TIMEOUT, so
# each phase has room for several answers to each question.
# As by default stale data serves for longer than anything is deferred, and
# deferring begins when it has served.
STALE_MAX, DEFER_AT_MOST = 7, 6
PAUSE = 0.15

FORGED = ('check', 'client_ip=203.0.113.1', 'mail_from=a@brief.example',
          'from_domain=brief.example')
HONEST = ('check', 'client_ip=192.0.2.1', 'mail_from=a@brief.example',
          'from_domain=brief.example')
KEY = ('dkim-key', 'key=ed brief.example')
RIGHT = {FORGED: 'reject', HONEST: 'accept', KEY: 'ok'}


class Seen:
    """One answer: when, to what, and which phase of the outage it shows."""

    def __init__(self, question, reply, asked, answered):
        self.question, self.reply = question, reply
        self.asked, self.answered = asked, answered
        if question is KEY:
            self.action = re.search(r' status=(\w+)', reply['key']).group(1)
            stale = int(re.search(r' stale=(\d+)', reply['key']).group(1))
            self.phase = 'undecided' if self.action == 'temperror' else \
                'stale' if stale else 'fresh'
            return
        self.action = reply['action']
        self.phase = reply['rule'] if reply['decided'] == 'no' else \
            'stale' if reply.number('stale') else 'fresh'

    def right(self):
        """Is it what the configuration promises in this phase?"""
        failed = self.reply.number('failed_for') or 0
        if self.phase in ('fresh', 'stale'):
            return self.action == RIGHT[self.question]
        if self.question is KEY:
            return self.action == 'temperror'
        if self.phase == 'undecided':
            return self.action == 'defer' and \
                failed <= STALE_MAX + DEFER_AT_MOST + 1
        return self.phase == 'after-defer' and \
            self.action == 'quarantine' and \
            failed >= STALE_MAX + DEFER_AT_MOST - 1

    def __str__(self):
        return '%s at %.1f s, took %.2f s\n%s' % (
            self.phase, self.asked - origin, self.answered - self.asked,
            self.reply)


class Asking(threading.Thread):
    """Goes on asking one question, until an answer is the last one."""

    def __init__(self, question, is_last):
        super().__init__()
        self.question, self.is_last, self.seen = question, is_last, []
        self.start()

    def run(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            asked = time.monotonic()
            reply = daemon.ask(*self.question)
            self.seen.append(Seen(self.question, reply, asked,
                                  time.monotonic()))
            if self.is_last(self.seen[-1]):
                return
            time.sleep(PAUSE)


def ask_until(is_last):
    """All of them side by side, so that none waits for another's answer."""
    asking = [Asking(question, is_last) for question in RIGHT]
    for one in asking:
        one.join()
    return [seen for one in asking for seen in one.seen]


def phases(seen, question):
    """The phases in order, repeats taken together."""
    found = []
    for one in seen:
        if one.question is question and found[-1:] != [one.phase]:
            found.append(one.phase)
    return found


def check_phases(seen):
    for question, what in ((FORGED, 'a forged message'),
                           (HONEST, 'an honest message')):
        equal(phases(seen, question),
              ['fresh', 'stale', 'undecided', 'after-defer'], what +
              ': right, right by stale data, deferred, after-defer')
    equal(phases(seen, KEY), ['fresh', 'stale', 'undecided'],
          'a key: there, there by stale data, temporary failure')
    ok(all(one.right() for one in seen), '%d answers, none of them other '
       'than promised' % len(seen), *[s for s in seen if not s.right()])


def check_stale(seen, stopped, expiry):
    """Until stale-max is over nothing is deferred."""
    early = [one for one in seen if one.question is not KEY and
             stopped < one.asked and one.answered < expiry + STALE_MAX]
    ok(len(early) > 4 and
       all(one.phase in ('fresh', 'stale') for one in early),
       'up to stale-max: %d verdicts, all decided' % len(early),
       *[one for one in early if one.phase not in ('fresh', 'stale')])


def retry_in(daemon):
    """Seconds until the last of the failed records is asked for again."""
    reply = daemon.ask('explain', *FORGED[1:])
    return max([int(n) for n in re.findall(r'retry_in=(\d+)', reply.text)] +
               [0])


origin = time.monotonic()
lab = Lab()
lab.start()
daemon = Daemon(lab.main.address(), lab.anchor, 'timeout = %d' % TIMEOUT,
                cache='stale-max = %d' % STALE_MAX,
                verdict='defer-at-most = "%ds"\n    after-defer = "quarantine"'
                % DEFER_AT_MOST).start()
seen = ask_until(lambda one: one.answered > origin + 1)
ok(all(one.phase == 'fresh' and one.right() for one in seen),
   'before the outage', *seen)
verdicts = [one for one in seen if one.question is not KEY]
expiry = min(one.asked + one.reply.number('ttl') for one in verdicts)
lab.main.stop()
stopped = time.monotonic()
# The key has no after-defer; a while of it will do.
seen += ask_until(lambda one: one.phase == 'after-defer' or (
    one.question is KEY and one.phase == 'undecided' and
    one.asked > expiry + STALE_MAX + 2))
check_phases(seen)
check_stale(seen, stopped, expiry)
note('an outage of %.0f s, %d answers, the slowest after %.2f s' % (
    time.monotonic() - stopped, len(seen),
    max(one.answered - one.asked for one in seen)))

lab.main.start()
back = time.monotonic()
pause = retry_in(daemon)
after = ask_until(lambda one: one.phase == 'fresh')
took = time.monotonic() - back
ok({one.question for one in after if one.phase == 'fresh'} == set(RIGHT) and
   took < pause + PATIENCE / 2,
   'servers back: all fresh within one failure TTL',
   'after %.1f s; the failures had %d s left' % (took, pause), *after[-3:])
ok(all(one.right() for one in after), '... and nothing wrong on the way',
   *[one for one in after if not one.right()])
note('normal %.1f s after the return; failures had %d s left' % (took, pause))
daemon.stop()
lab.stop()
done()
