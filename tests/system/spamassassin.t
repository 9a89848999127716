#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""SpamAssassin reads what verdict-queue writes: every Authentication-Results
that the daemon can make, and the scores of scripts/spamassassin."""
import itertools
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, SIGN, SRC, Daemon, Lab, command,  # noqa: E402
                     done, equal, note, ok)
from smtpd import Smtpd, envelope  # noqa: E402

QUEUE = os.path.join(BUILD, 'verdict-queue')
TAKER = os.path.join(BUILD, 'obj', 'tests', 'lab', 'taker')
SPAM = os.path.join(SRC, 'tests', 'lab', 'spam.pl')
RULES = os.path.join(SRC, 'scripts', 'spamassassin')
ID = 'mail.example.org'
GOOD, STRANGER = '192.0.2.25', '203.0.113.9'

if command('/usr/bin/perl', '-MMail::SpamAssassin', '-e', '1')[0]:
    print('1..0 # SKIP there is no SpamAssassin')
    sys.exit(0)

lab = Lab()
lab.start()
# It never acts, so that every message comes through with its results.
daemon = Daemon(lab.main.address(), lab.anchor, 'timeout = 2',
                preset='monitor').start()
work = tempfile.mkdtemp(prefix='spam.')


# --- Every result ------------------------------------------------------------

# SPF result: client and sender that have it.
SPF = {
    'pass': (GOOD, 'a@example.com'),
    'fail': (STRANGER, 'a@example.com'),
    'softfail': (STRANGER, 'a@softfail.example.com'),
    'neutral': (STRANGER, 'a@neutral.example.com'),
    'none': (STRANGER, 'a@plain.example'),
    'permerror': (STRANGER, 'a@broken.example.com'),
    'temperror': (STRANGER, 'a@bogus.example'),
}
DKIM = ('none', 'pass', 'fail', 'policy', 'neutral', 'temperror', 'permerror')
# Author domain with each policy, with none, and out of reach.
AUTHORS = ('example.com', 'example.org', 'example.net', 'plain.example',
           'bogus.example', '')
# What a sender can put into a value.
ODD = ('a@b@example.com', '"a b"@example.com', 'a"b@example.com', 'a;b@x.y',
       'a(b@x.y', 'a)b@x.y', 'a\\b@x.y', '=@x.y', 'a=b/c@x.y', '@x.y', 'a@',
       'a', 'a..b@x.y', '.a@x.y', 'a b', 'a@[192.0.2.1]', '\u00e9@\u00e9.y',
       'a@x.y; dmarc=pass', 'dmarc=pass', 'x' * 300 + '@x.y', '%{i}@x.y',
       "o'b@x.y", '\t@x.y', '\x7f@x.y', '*@x.y', '{}|~^`@x.y')
NAMES = ('k1', 'k.1', 'k;1', '"', '(', '\\', '=', 'a@b', '\u00e9', '%', "'",
         '*', '[1]', 'x' * 255)


def questions():
    for (result, (ip, sender)), dkim, author in itertools.product(
            SPF.items(), DKIM, AUTHORS):
        fields = ['client_ip=' + ip, 'mail_from=' + sender,
                  'helo=mail.example.com',
                  'dkim=%s d=%s s=rsa a=rsa-sha256 b=dzdVyOfA' % (
                      dkim, author or 'example.com')]
        yield fields + (['from_domain=' + author] if author else []), \
            'spf=' + result, 'dkim=' + dkim
    for odd in ODD:
        yield ['client_ip=' + STRANGER, 'helo=h', 'mail_from=' + odd,
               'from_domain=example.com'], None, 'dkim=none'
        yield ['client_ip=' + STRANGER, 'helo=' + odd, 'mail_from=',
               'from_domain=example.com'], None, 'dkim=none'
    for odd in NAMES:
        yield ['client_ip=' + STRANGER, 'helo=h', 'mail_from=a@x.y',
               'from_domain=example.com',
               'dkim=fail d=%s s=%s a=%s b=%s' % (odd, odd, odd, odd)], \
            None, 'dkim=fail'
    yield ['from_domain=example.com'], None, 'dkim=none'
    yield ['client_ip=2001:db8::25', 'helo=h', 'mail_from=a@example.com',
           'from_domain=' + 'x' * 70 + '.example'], 'spf=pass', 'dkim=none'


def check_results():
    asked, lines, wanted = [], [], []
    for fields, spf, dkim in questions():
        reply = daemon.ask('check', *fields)
        text = reply['authentication_results'] or reply.text
        asked.append(fields)
        # The results that are on the line, in the order of spam.pl.
        plain = re.sub(r'"(?:[^"\\]|\\.)*"|\([^()]*\)', '', text)
        found = sorted(re.findall(r'(?:^|; )(\w+=\w+)', plain))
        wanted.append(found)
        lines.append('Authentication-Results: %s; %s' % (ID, text))
        if (spf and spf not in found) or dkim not in found:
            ok(False, 'asked: ' + ' '.join(fields), text)
    _, out, err = command('/usr/bin/perl', SPAM, 'parse',
                          stdin='\n'.join(lines) + '\n')
    answers = out.splitlines()
    wrong = ['%s\n%s\n%s' % (' '.join(fields), line, answer)
             for fields, line, answer, found in zip(asked, lines, answers,
                                                    wanted)
             if answer != ' '.join(['ok'] + found)]
    ok(len(answers) == len(lines) and not wrong,
       'AuthRes reads all of %d different results as they are' %
       len(set(lines)), err, *wrong[:5])
    kinds = set(word for found in wanted for word in found)
    ok(kinds >= {'spf=' + word for word in SPF} |
       {'dkim=' + word for word in DKIM} |
       {'dmarc=' + word for word in ('pass', 'fail', 'none', 'temperror')},
       '... among them every result that there is', sorted(kinds))
    _, out, _ = command('/usr/bin/perl', SPAM, 'parse', stdin=(
        'Authentication-Results: x; spf=tempfail\n'
        'Authentication-Results: x; dmarc=pass dns.sec=y\n'
        'Authentication-Results: x; none\n'))
    equal([line[:7] for line in out.splitlines()], ['skipped'] * 3,
          '... and would throw away what is not registered', out)


# --- The scores --------------------------------------------------------------

RECEIVED = '''Received: from out.example.net (HELO mail) (203.0.113.9)
  by mail.example.org with SMTP; 1 Jan 2024 12:00:00 -0000
'''
MESSAGE = '''From: Alice <alice@%s>
To: Bob <bob@example.org>
Subject: lunch
Date: Mon, 01 Jan 2024 12:00:00 +0000
Message-ID: <lunch@news.example.com>

See you at noon.
'''
FORGED_PASS = 'Authentication-Results: mail.example.org; dmarc=pass ' \
    '(x) header.from=example.com policy.dmarc=none\n'
FORGED_FAIL = 'Authentication-Results: mail.example.org; spf=pass; ' \
    'dmarc=fail (x) header.from=example.com policy.dmarc=reject\n'
OTHERS = 'Authentication-Results: mx.example.com; spf=pass; ' \
    'dmarc=fail (x) header.from=example.com policy.dmarc=reject\n'


def signed(message, domain='example.com'):
    status, out, err = command(SIGN, '-d', domain, '-s', 'rsa', '-k',
                               lab.variables()['LAB_RSA'], '-a', 'rsa',
                               stdin=message)
    if status:
        raise RuntimeError(err)
    return out


COM = MESSAGE % 'news.example.com'
# what, message, rules that hit, score
MESSAGES = [
    ('signed', signed(COM), '', 0),
    ('p=reject, forged', COM, 'VERDICT_DMARC_REJECT', 10),
    ('p=reject, signed by another',
     signed(COM, 'example.org'), 'VERDICT_DMARC_REJECT', 10),
    ('p=quarantine, forged', MESSAGE % 'example.org',
     'VERDICT_DMARC_QUARANTINE', 5),
    ('p=none, forged', MESSAGE % 'lists.example.com', 'VERDICT_DMARC_NONE',
     0.1),
    ('no policy', MESSAGE % 'plain.example', '', 0),
    ('DNS out of reach', MESSAGE % 'bogus.example', '', 0),
    ('no author', 'Subject: x\n\nHello\n', '', 0),
    ('forged, and says that it passes', FORGED_PASS + COM,
     'VERDICT_DMARC_REJECT', 10),
    ('forged, and says so in the name of another', FORGED_PASS.replace(
        ID, 'mx.example.com') + COM, 'VERDICT_DMARC_REJECT', 10),
    ('signed, and says that it fails', FORGED_FAIL + signed(COM), '', 0),
    ('signed, and another says that it fails', OTHERS + signed(COM), '', 0),
]


def through_queue(message):
    directory = tempfile.mkdtemp(dir=work)
    env = {'TCPREMOTEIP': STRANGER, 'VERDICT_QUEUE': TAKER, 'PATH': '/bin',
           'VERDICT_SERVERS': daemon.endpoint, 'VERDICT_AUTHSERV_ID': ID,
           'VERDICT_CONF': '/dev/null', 'TAKER_DIR': directory}
    out = Smtpd(QUEUE, dict(os.environ, **env), 4).deliver(
        (RECEIVED + message).encode(), envelope('list@example.net'))
    path = os.path.join(directory, '1.message')
    if not os.path.exists(path):
        raise RuntimeError('verdict-queue: exit %s, %s %s' % (
            out.status, out.text, out.stderr))
    return path


def site(name):
    """A directory with one of the files, as its first lines say."""
    directory = tempfile.mkdtemp(dir=work)
    with open(os.path.join(RULES, name), encoding='ascii') as file:
        text = file.read()
    recipe = re.search(r"sed 's/(.*?)/(.*?)/g'", text)
    with open(os.path.join(directory, name), 'w', encoding='ascii') as out:
        out.write(re.sub(recipe.group(1), recipe.group(2), text))
    equal(recipe.group(2), ID, name + ' is told our name')
    return directory


def check_scores(name, paths):
    directory = site(name)
    # What every installation has.
    with open(os.path.join(directory, 'v320.pre'), 'w',
              encoding='ascii') as pre:
        pre.write('loadplugin Mail::SpamAssassin::Plugin::Check\n')
    with open(os.path.join(directory, '20_tlds.cf'), 'w',
              encoding='ascii') as tlds:
        tlds.write('util_rb_tld com net org example\n')
    status, out, err = command('/usr/bin/perl', SPAM, 'check', directory,
                               *paths, seconds=120)
    equal((status, err), (0, ''), name + ': SpamAssassin has nothing to say')
    for (what, _, rules, score), path, line in itertools.zip_longest(
            MESSAGES, paths, out.splitlines()):
        with open(path, encoding='utf-8') as file:
            equal(line, '%g %s' % (score, rules), '%s, %s: %g' % (
                name, what, score), file.read()[:1000])


def check_command(path):
    """The program itself, with all the rules of its own."""
    if not os.path.exists('/usr/bin/spamassassin'):
        note('skipped: no /usr/bin/spamassassin')
        return
    for name in ('verdict-authres.cf', 'verdict-header.cf'):
        directory = site(name)
        for pre in sorted(os.listdir('/etc/spamassassin')):
            if pre.endswith('.pre'):
                shutil.copy(os.path.join('/etc/spamassassin', pre), directory)
        words = ['/usr/bin/perl', '-T', '/usr/bin/spamassassin', '-L',
                 '--siteconfigpath=' + directory, '-p', '/dev/null']
        os.environ['HOME'] = work
        status, out, err = command(*words, '--lint', seconds=120)
        equal((status, out + err), (0, ''), name + ': spamassassin --lint')
        with open(path, encoding='utf-8') as file:
            _, out, err = command(*words, '-t', stdin=file.read(),
                                  seconds=120)
        ok(re.search(r'^X-Spam-Flag: YES', out, re.M) and
           re.search(r'^ *10 VERDICT_DMARC_REJECT ', out, re.M),
           name + ': spamassassin -L finds spam', out[:1500], err)


check_results()
taken = [through_queue(message) for _, message, _, _ in MESSAGES]
check_scores('verdict-authres.cf', taken)
check_scores('verdict-header.cf', taken)
check_command(taken[1])
daemon.stop()
lab.stop()
shutil.rmtree(work)
done()
