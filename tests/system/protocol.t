#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A client written from verdict-protocol(7) and nothing else, over a socket
file and sealed over tcp; and what the page shows and names, held against what
the daemon says."""
import ctypes
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (SRC, Daemon, Lab, done, equal, free_port,  # noqa: E402
                     nn_ask, ok)

# --- The page --------------------------------------------------------------------

with open(os.path.join(SRC, 'man', 'verdict-protocol.7'),
          encoding='utf-8') as source:
    PAGE = source.read().replace('\\e', '\\')


def displays():
    """What stands in literal displays, each a list of lines."""
    return [display.split('\n')[:-1] for display in re.findall(
        r'^\.Bd -literal[^\n]*\n(.*?)^\.Ed$', PAGE, re.M | re.S)]


def examples():
    """Each question of the page with the answer that is shown for it."""
    question = None
    for lines in displays():
        text = '\n'.join(lines)
        asked = re.search("verdict/1 (?!ok|error|busy)[^']*", text)
        if asked:
            question = asked.group(0)
        elif question and lines[0] == 'verdict/1 ok':
            yield question, lines
            question = None


def plain_of(lines):
    """Without the numbers of the moment."""
    return [re.sub(r'\b(ttl|id)=[0-9a-f-]+', r'\1=', line) for line in lines]


def matches(shown, said):
    """The page cuts long lines."""
    return said.startswith(shown[:-3]) if shown.endswith('...') else \
        said == shown


def check_examples(ask):
    count = 0
    for question, shown in examples():
        said = plain_of(ask(question).rstrip('\n').split('\n'))
        shown = plain_of(shown)
        left = [line for line in said
                if not any(matches(other, line) for other in shown)]
        more = [line for line in shown
                if not any(matches(line, other) for other in said)]
        equal((left, more), ([], []),
              'as the page shows: ' + question.split('\n')[0])
        count += 1
    equal(count, 3, 'and those are all its examples')


QUESTIONS = (
    'ping',
    'dkim-key\nkey=rsa example.com',
    'spf\nclient_ip=192.0.2.1\nmail_from=a@example.com',
    'spf\nclient_ip=203.0.113.1\nhelo=a\nmail_from=a@explained.example.com',
    'spf\nclient_ip=203.0.113.1\nmail_from=a@broken.example.com',
    'spf\nclient_ip=203.0.113.1\nmail_from=a@half.example.com',
    'dmarc\nfrom_domain=example.com',
    'dmarc\nfrom_domain=dead.example',
    'check\nfrom_domain=example.com',
    'check\nclient_ip=203.0.113.1\nmail_from=a@half.example.com\n'
    'from_domain=dead.example',
    'explain\nclient_ip=192.0.2.1\nhelo=mail.example.com\n'
    'mail_from=a@example.com\nfrom_domain=example.com',
    'nonsense')


def check_names(ask):
    named = set(re.findall(r'\b[a-z][a-z_0-9]*', ' '.join(re.findall(
        r'^\.(?:It )?Va (.*)$', PAGE, re.M))))
    unnamed = set()
    for question in QUESTIONS:
        for line in ask('verdict/1 ' + question + '\n').split('\n')[1:]:
            unnamed |= {line.partition('=')[0]} - named - {''}
    equal(unnamed, set(), 'the page names every field of an answer')


# --- A client ----------------------------------------------------------------------

SODIUM = ctypes.CDLL('libsodium.so.23')
HEADER, COOKIE, TAG = 4 + 16 + 24, 8, 16
SECONDS = 60


def aead(direction, octets, data, nonce, key):
    """libsodium's XChaCha20-Poly1305; None if it does not open."""
    out = ctypes.create_string_buffer(len(octets) + TAG)
    length = ctypes.c_ulonglong()
    size = ctypes.c_ulonglong
    name = 'crypto_aead_xchacha20poly1305_ietf_' + direction
    if direction == 'encrypt':
        bad = getattr(SODIUM, name)(
            out, ctypes.byref(length), octets, size(len(octets)), data,
            size(len(data)), None, nonce, key)
    else:
        bad = getattr(SODIUM, name)(
            out, ctypes.byref(length), None, octets, size(len(octets)), data,
            size(len(data)), nonce, key)
    return None if bad else out.raw[:length.value]


class Sealed:
    def __init__(self, endpoint, name, key):
        self.endpoint, self.name, self.key = endpoint, name, key
        self.cookie = bytes(COOKIE)
        self.rounds = 0

    def seal(self, text):
        header = (b'vS1?' + self.name.encode().ljust(16, b'\0') +
                  os.urandom(24))
        return header + aead('encrypt', self.cookie + text, header,
                             header[20:], self.key)

    def open(self, answer, question):
        """The text, None if it is not an answer to this question."""
        header = answer[:HEADER]
        if answer[:4] != b'vS1!':
            return None
        data = header + question[20:HEADER] + question[-TAG:]
        text = aead('decrypt', answer[HEADER:], data, header[20:], self.key)
        if text is None:
            return None
        self.cookie = text[:COOKIE]
        return text[COOKIE:]

    def send(self, octets):
        self.rounds += 1
        return nn_ask(self.endpoint, octets, SECONDS)

    def ask(self, text):
        for _ in range(4):
            question = self.seal(text.encode())
            answer = self.open(self.send(question), question)
            if answer != b'':
                return answer and answer.decode()
        return None


def check_sealed(sealed, endpoint):
    equal(sealed.ask('verdict/1 ping\n').split('\n')[0], 'verdict/1 ok',
          'a sealed question is answered')
    equal(sealed.rounds, 2, '... the first one when it knows the cookie')
    sealed.ask('verdict/1 ping\n')
    equal(sealed.rounds, 3, '... and the next at once')
    first, second = (sealed.seal(b'verdict/1 ping\n') for _ in range(2))
    answer = sealed.send(first)
    ok(sealed.open(answer, second) is None and sealed.open(answer, first),
       'an answer opens for its own question alone')
    equal(sealed.open(sealed.send(first), first), b'',
          'the same octets again: an answer without text')
    clear = 'verdict/1 error\nreason=this endpoint takes messages sealed'
    ok(clear in PAGE, 'the page shows what is said to strangers')
    for what, octets in (
            ('in the clear', b'verdict/1 ping\n'),
            ('under a name without a key',
             Sealed(endpoint, 'other', sealed.key).seal(b'verdict/1 ping\n')),
            ('under another key', Sealed(endpoint, sealed.name, bytes(
                32)).seal(b'verdict/1 ping\n'))):
        ok(nn_ask(endpoint, octets, SECONDS).decode().startswith(clear),
           'which is said to a question ' + what)


def main():
    lab = Lab()
    lab.start()
    endpoint = 'tcp://127.0.0.1:%d' % free_port()
    daemon = Daemon(lab.variables()['LAB_DNS'], lab.variables()['LAB_ANCHOR'])
    daemon.write_config(daemon.text + 'endpoint "%s" { key-file = "%s" }\n' % (
        endpoint, daemon.path('keys')))
    key = os.urandom(32)
    with open(os.open(daemon.path('keys'), os.O_WRONLY | os.O_CREAT, 0o600),
              'w', encoding='ascii') as out:
        out.write('# the keys of\n\nmx1-a %s mx1.example.net\n' % key.hex())
    daemon.start()

    def plain(text):
        return nn_ask(daemon.endpoint, text.encode(), SECONDS).decode()

    sealed = Sealed(endpoint, 'mx1-a', key)
    check_sealed(sealed, endpoint)
    check_examples(plain)
    check_examples(sealed.ask)
    check_names(plain)
    equal(plain('verdict/1 spf\nclient_ip=x'), 'verdict/1 error\n'
          'reason=client_ip: no IP address\n', 'the error that it shows')
    equal(daemon.stop(), 0, 'the daemon ends in good order')
    lab.stop()


main()
done()
