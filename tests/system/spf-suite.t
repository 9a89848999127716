#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The published SPF test suites, asked of the running daemon: a DNS server
serves each scenario's zone. The suites' directory is $VERDICT_SUITES; without
it the test is skipped."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import Daemon, FaultDns, done, note, ok  # noqa: E402

SUITES = os.environ.get('VERDICT_SUITES', '')
FILES = ('rfc7208-tests.yml', 'rfc4408-tests.yml')


def questions(document):
    """(name, fields, wanted results, wanted explanation or None)"""
    for name, test in document['tests'].items():
        results = test['result']
        yield (name, ('client_ip=%s' % test['host'],
                      'helo=%s' % (test.get('helo') or ''),
                      'mail_from=%s' % (test.get('mailfrom') or '')),
               results if isinstance(results, list) else [results],
               test.get('explanation'))


def agrees(reply, results, explanation):
    if reply['result'] not in results:
        return False
    if explanation is None or reply['result'] != 'fail':
        return True
    # DEFAULT: the receiver's own text, which the daemon leaves to others.
    return (reply['explanation'] or 'DEFAULT') == explanation


def scenario(path, number, document):
    server = FaultDns('-c', '%s:%d' % (path, number))
    # Enough for a server next door that will not answer.
    daemon = Daemon(server.address, None, 'timeout = 3').start()
    wrong, asked = [], 0
    for name, fields, results, explanation in questions(document):
        reply = daemon.ask('spf', *fields)
        asked += 1
        if not agrees(reply, results, explanation):
            wrong.append('%s: wanted %s %s, got %s %s (%s)' % (
                name, '/'.join(results), explanation or '', reply['result'],
                reply['explanation'] or '', reply['problem'] or ''))
        # Again, now that all records are at hand: the same.
        again = daemon.ask('spf', *fields)
        if again['result'] != reply['result']:
            wrong.append('%s: cold %s, warm %s' % (name, reply['result'],
                                                   again['result']))
    ok(not wrong, '%s, %s: %d cases' % (os.path.basename(path),
                                        document['description'], asked),
       *wrong)
    daemon.stop()
    daemon.clean()
    server.stop()
    return asked, len(wrong)


def main():
    if not all(os.path.isfile(os.path.join(SUITES, name)) for name in FILES):
        print('1..0 # SKIP the SPF suites are not in $VERDICT_SUITES')
        return
    import yaml
    for name in FILES:
        path = os.path.join(SUITES, name)
        with open(path, encoding='utf-8') as stream:
            documents = [d for d in yaml.safe_load_all(stream) if d]
        counts = [scenario(path, number, document)
                  for number, document in enumerate(documents)]
        note('%s: %d of %d as published' % (
            name, sum(asked for asked, _ in counts) -
            sum(wrong for _, wrong in counts),
            sum(asked for asked, _ in counts)))
    done()


main()
