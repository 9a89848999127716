#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Answers to real questions over a real signed DNS, and what becomes of them
when DNS fails."""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (SIGN, VERDICT, Daemon, FaultDns, Lab,  # noqa: E402
                     command, done, equal, ok, patiently)

lab = Lab()
lab.start()
STUB = '''timeout = 2
    stub "dead.example" { address = {"%s"} }''' % lab.dead

# verb, fields, what the reply must say. "name~text": the value holds text;
# "-name": there is no such field.
ANSWERS = [
    ('ping', '', 'version~. uptime~'),

    # SPF
    ('spf', 'client_ip=192.0.2.25 mail_from=a@example.com',
     'result=pass domain=example.com identity=mailfrom mechanism~mx '
     'dnssec=secure stale=0'),
    ('spf', 'client_ip=192.0.2.9 mail_from=a@example.com',
     'result=pass mechanism~ip4'),
    ('spf', 'client_ip=198.51.100.7 mail_from=a@example.com',
     'result=pass mechanism~include'),
    ('spf', 'client_ip=2001:db8::25 mail_from=a@example.com',
     'result=pass mechanism~mx'),
    ('spf', 'client_ip=::ffff:192.0.2.25 mail_from=a@example.com',
     'result=pass'),
    ('spf', 'client_ip=203.0.113.1 mail_from=a@example.com', 'result=fail'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@softfail.example.com',
     'result=softfail'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@neutral.example.com',
     'result=neutral'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@plain.example', 'result=none'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@broken.example.com',
     'result=permerror problem~'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@twice.example.com',
     'result=permerror problem~'),
    ('spf', 'client_ip=198.51.100.25 mail_from=a@redirect.example.com',
     'result=pass dnssec=secure'),
    ('spf', 'client_ip=192.0.2.2 mail_from=joe@macro.example.com',
     'result=pass mechanism~exists'),
    ('spf', 'client_ip=192.0.2.2 mail_from=ann@macro.example.com',
     'result=fail'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@explained.example.com',
     'result=fail explanation~192.0.2.2'),
    ('spf', 'client_ip=203.0.113.1 mail_from=a@example.net',
     'result=pass dnssec=insecure'),
    ('spf', 'client_ip=192.0.2.25 helo=example.com mail_from=',
     'result=pass domain=example.com'),
    ('spf', 'client_ip=192.0.2.25 helo=example.com identity=helo '
     'mail_from=a@plain.example', 'result=pass identity=helo'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@bogus.example',
     'result=temperror dnssec=bogus'),
    ('spf', 'client_ip=192.0.2.1 mail_from=a@half.example.com',
     'result=pass'),
    ('spf', 'client_ip=192.0.2.2 mail_from=a@half.example.com',
     'result=temperror failed_for~'),
    ('spf', 'client_ip=192.0.2.25 mail_from=a@example.com',
     'received_spf~pass received_spf~client-ip=192.0.2.25'),

    # DMARC
    ('dmarc', 'from_domain=example.com',
     'status=found policy=reject published=reject policy_domain=example.com '
     'org_domain=example.com adkim=r aspf=r rua=mailto:dmarc@example.com '
     'dnssec=secure record~v=DMARC1;'),
    ('dmarc', 'from_domain=EXAMPLE.COM.', 'status=found policy=reject'),
    ('dmarc', 'from_domain=alerts.eu.news.example.com',
     'status=found policy=reject policy_domain=example.com '
     'org_domain=example.com'),
    ('dmarc', 'from_domain=lists.example.com',
     'status=found policy=none policy_domain=lists.example.com adkim=s'),
    ('dmarc', 'from_domain=example.org', 'policy=quarantine'),
    ('dmarc', 'from_domain=nothing.example.org',
     'policy=reject policy_domain=example.org'),
    ('dmarc', 'from_domain=example.net', 'policy=none dnssec=insecure'),
    ('dmarc', 'from_domain=plain.example', 'status=none -policy'),
    ('dmarc', 'from_domain=bogus.example',
     'status=temperror dnssec=bogus -policy'),
    ('dmarc', 'from_domain=dead.example', 'status=temperror failed_for~'),

    # The verdict
    ('check', 'client_ip=192.0.2.25 mail_from=a@example.com '
     'from_domain=example.com',
     'action=accept decided=yes spf=pass spf_aligned=yes dmarc=pass '
     'policy=reject'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@example.com '
     'from_domain=example.com',
     'action=reject decided=yes spf=fail dmarc=fail policy=reject rule~'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@example.net '
     'from_domain=example.com',
     'action=reject spf=pass spf_aligned=no dmarc=fail'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@example.net '
     'from_domain=example.com dkim=pass_d=example.com_s=rsa_a=rsa-sha256',
     'action=accept dkim_aligned=yes dmarc=pass'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@example.net '
     'from_domain=example.com dkim=fail_d=example.com_s=rsa_a=rsa-sha256',
     'action=reject dkim_aligned=no dmarc=fail'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@plain.example '
     'from_domain=example.org', 'action=quarantine policy=quarantine'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@example.net '
     'from_domain=plain.example', 'action=accept dmarc=none'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@plain.example '
     'from_domain=example.net', 'action=accept dmarc=fail policy=none'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@plain.example '
     'from_domain=bogus.example',
     'action=defer decided=no dmarc=temperror'),
    # An aligned pass cannot be undone by an SPF that DNS keeps back.
    ('check', 'client_ip=203.0.113.1 mail_from=a@half.example.com '
     'from_domain=example.com dkim=pass_d=example.com_s=rsa_a=rsa-sha256',
     'action=accept decided=yes spf=temperror dmarc=pass'),
    # Nor can a foreign name's broken DNS help a forger.
    ('check', 'client_ip=203.0.113.1 mail_from=a@dead.example '
     'from_domain=example.com', 'action=reject decided=yes dmarc=fail'),
    # An aligned name's broken DNS leaves it open.
    ('check', 'client_ip=192.0.2.2 mail_from=a@half.example.com '
     'from_domain=example.com',
     'action=defer decided=no spf=temperror spf_aligned=unknown'),
    ('check', 'client_ip=203.0.113.1 mail_from=a@example.com '
     'from_domain=example.com dkim=temperror_d=example.com_s=rsa',
     'action=defer decided=no dkim_aligned=unknown'),
    ('check', 'client_ip=192.0.2.25 mail_from=a@example.com '
     'from_domain=example.com', 'authentication_results~dmarc=pass '
     'received_spf~pass'),
]

# key, what follows in the answer
KEYS = [
    ('rsa example.com', r'status=ok dnssec=secure ttl=\d+ stale=0 bits=2048 '
     r'alg=rsa flags= record=v=DKIM1; k=rsa; p='),
    ('ed example.com', r'status=ok dnssec=secure .* bits=256 alg=ed25519'),
    ('short example.com', r'status=ok .* bits=2048'),
    ('revoked example.com', r'status=revoked'),
    ('broken example.com', r'status=invalid'),
    ('two example.com', r'status=invalid'),
    ('absent example.com', r'status=none dnssec=secure'),
    ('rsa example.net', r'status=ok dnssec=insecure'),
    ('ed bogus.example', r'status=temperror dnssec=bogus'),
]


def says(reply, wanted):
    """The wanted things that `reply` does not say."""
    missing = []
    for want in wanted.split():
        if want[0] == '-':
            good = reply[want[1:]] is None
        elif re.match(r'\w+~', want):
            name, _, text = want.partition('~')
            good = text in (reply[name] or ('' if text else '\0')) \
                and reply[name] is not None
        else:
            name, _, text = want.partition('=')
            good = reply[name] == text
        if not good:
            missing.append(want)
    return missing


def check_answers(daemon):
    for verb, fields, wanted in ANSWERS:
        words = [field.replace('_d=', ' d=').replace('_s=', ' s=')
                 .replace('_a=', ' a=') if field.startswith('dkim=')
                 else field for field in fields.split()]
        reply = daemon.ask(verb, *words)
        missing = says(reply, wanted)
        ok(reply.status == 'ok' and not missing,
           '%s %s: %s' % (verb, fields, wanted),
           'missing: ' + ' '.join(missing), reply)


def check_keys(daemon):
    reply = daemon.ask('dkim-key', *['key=' + key for key, _ in KEYS])
    answers = reply.all('key')
    equal(len(answers), len(KEYS), 'several keys in one question')
    for (key, pattern), answer in zip(KEYS, answers):
        ok(re.match(re.escape(key) + ' ' + pattern, answer),
           'dkim-key %s: %s' % (key, pattern), answer)


def check_again(daemon):
    """All of it once more: from the cache, the same, and no question."""
    asked = lab.queries('TXT')
    start = time.monotonic()
    wrong = []
    for verb, fields, wanted in ANSWERS:
        if 'temperror' in wanted or 'dead' in fields or '_d=' in fields:
            continue
        wrong += says(daemon.ask(verb, *fields.split()), wanted)
    equal((wrong, lab.queries('TXT') - asked), ([], 0),
          'all asked again: the same answers, no question to DNS (%.0f ms)' %
          ((time.monotonic() - start) * 1000))


# --- Messages, through the command -------------------------------------------

MESSAGE = '''From: Alice <alice@news.example.com>
To: Bob <bob@example.net>
Subject: lunch
Date: Mon, 01 Jan 2024 12:00:00 +0000
Message-ID: <lunch@news.example.com>

See you at noon.
'''


def signed(message, domain='example.com', selector='rsa', *options):
    key = {'rsa': 'RSA', 'ed': 'ED25519'}[selector]
    status, out, err = command(
        SIGN, '-d', domain, '-s', selector, '-k',
        lab.variables()['LAB_' + key], '-a',
        'rsa' if selector == 'rsa' else 'ed25519', *options, stdin=message)
    if status:
        raise RuntimeError(err)
    return out


def check_message(daemon, what, message, status, *wanted):
    got, out, err = command(
        VERDICT, '-s', daemon.endpoint, 'message', '-i', '203.0.113.9', '-e',
        'forwarder.example.net', '-f', 'list@example.net', stdin=message)
    ok(got == status and all(text in out for text in wanted),
       'message, %s: exit %d' % (what, status), 'exit %d' % got, out, err)


def check_messages(daemon):
    rsa = signed(MESSAGE)
    both = signed(rsa, 'example.com', 'ed')
    forged = rsa.replace('noon', 'dusk')
    accept = ('action=accept', 'dmarc=pass')
    check_message(daemon, 'signed with RSA', rsa, 0, *accept)
    check_message(daemon, 'with CRLF', rsa.replace('\n', '\r\n'), 0, *accept)
    check_message(daemon, 'signed with ed25519',
                  signed(MESSAGE, 'example.com', 'ed'), 0, *accept)
    check_message(daemon, 'with both signatures', both, 0, *accept)
    check_message(daemon, 'one of two broken',
                  signed(forged, 'example.com', 'ed'), 0, *accept)
    check_message(daemon, 'forged body', forged, 1, 'action=reject',
                  'dmarc=fail')
    check_message(daemon, 'not signed', MESSAGE, 1, 'action=reject')
    check_message(daemon, 'signed by another domain',
                  signed(MESSAGE, 'example.org'), 1, 'dkim_aligned=no')
    check_message(daemon, 'p=quarantine', MESSAGE.replace(
        'news.example.com>\nTo', 'example.org>\nTo'), 2, 'action=quarantine')
    check_message(daemon, 'key out of reach', signed(MESSAGE.replace(
        'news.example.com>\nTo', 'bogus.example>\nTo'), 'bogus.example',
        'ed'), 111, 'action=defer', 'decided=no')
    check_message(daemon, 'Authentication-Results', rsa, 0,
                  'dkim=pass', 'dmarc=pass')

    status, out, _ = command(VERDICT, '-s', daemon.endpoint, '-j', 'dmarc',
                             'from_domain=example.com')
    equal((status, json.loads(out).get('policy')), (0, 'reject'),
          'verdict -j prints JSON', out)
    equal(command(VERDICT, '-s', daemon.endpoint, 'dmarc', 'nonsense')[0],
          100, 'bad usage: exit 100')
    equal(command(VERDICT, '-s', 'ipc:///nonexistent/socket', '-t', '300',
                  'ping')[0], 111, 'nobody there: exit 111')


# --- DNS that fails ----------------------------------------------------------

def check_after_defer():
    """When DNS has failed for longer than defer-at-most: after-defer."""
    daemon = Daemon(lab.main.address(), lab.anchor, 'timeout = 1',
                    verdict='defer-at-most = "3s"\n    after-defer = "accept"'
                    ).start()
    words = ('check', 'client_ip=203.0.113.1', 'mail_from=a@plain.example',
             'from_domain=bogus.example')
    equal(daemon.ask(*words)['action'], 'defer', 'at first: defer')
    reply = patiently(lambda: (lambda r: r if r['action'] == 'accept'
                                   else None)(daemon.ask(*words)))
    ok(reply and reply['decided'] == 'no' and
       (reply.number('failed_for') or 0) >= 3,
       'after defer-at-most: after-defer, and not called decided', reply)
    daemon.stop()


def check_names_in_turn():
    """Each lookup of one forged message fails in turn, in each way. The
    verdict may be open then, but never one that full knowledge denies."""
    relay = FaultDns('-f', lab.main.address())
    words = ('check', 'client_ip=203.0.113.1', 'mail_from=a@example.com',
             'from_domain=example.com')
    names = ('example.com/TXT', 'example.com/MX', 'mail.example.com/A',
             '_spf.example.org/TXT', '_dmarc.example.com/TXT')
    wrong, open_ = [], 0
    for name in names:
        for how in ('servfail', 'refused', 'drop', 'bogus', 'nosoa', 'lame'):
            relay('clear')
            relay('set', name, how)
            daemon = Daemon(relay.address, lab.anchor, 'timeout = 1').start()
            reply = daemon.ask(*words)
            open_ += reply['decided'] == 'no'
            if reply['action'] not in ('reject', 'defer') or \
                    reply['action'] == 'defer' and reply['decided'] != 'no':
                wrong.append('%s %s: %s' % (name, how, reply))
            daemon.kill()
            daemon.clean()
    ok(not wrong, 'a lookup fails: %d names x 6 ways, %d verdicts left open, '
       'none wrong' % (len(names), open_), *wrong)
    ok(open_ > 0, '... and the failures did reach the daemon')
    relay.stop()


main = Daemon(lab.main.address(), lab.anchor, STUB).start()
check_answers(main)
check_keys(main)
check_again(main)
check_messages(main)
main.stop()
check_after_defer()
check_names_in_turn()
lab.stop()
done()
