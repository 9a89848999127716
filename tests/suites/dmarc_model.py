#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""RFC 9989 once more, read from its text step by step and as slow as it likes,
with zones, authors and identifiers by chance: what the daemon's DMARC must say
of each. test_dmarc reads the lines.

usage: dmarc_model.py CASES SEED

A case is lines of a zone (tests/zone.h), then

    = AUTHOR IDENTIFIER...
    > APPLIES PUBLISHED POLICY_DOMAIN ORG_DOMAIN MODE ALIGNED...

Of what DNS failed to tell every possibility is tried. APPLIES and PUBLISHED
have a letter for each policy that then may be (none, quarantine, reject,
absent); the others are "-" where they can be more than one thing, or where
there is no policy; ALIGNED is yes, no, unknown or, without a policy, "-"."""
import itertools
import random
import re
import sys

POLICIES = ('none', 'quarantine', 'reject')
LOWER = {'reject': 'quarantine', 'quarantine': 'none', 'none': 'none'}


class Record:
    """One record (4.7, 4.8), or ValueError if the text is none."""

    def __init__(self, text):
        if not re.match(r'v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)', text):
            raise ValueError(text)
        tags = {}
        for piece in text.split(';')[1:]:
            found = re.match(r'[ \t]*([A-Za-z]+)[ \t]*=(.*)$', piece, re.S)
            if found:
                tags.setdefault(found.group(1), found.group(2).strip(' \t'))

        def choice(tag, words):
            value = tags.get(tag, '').lower()
            return value if value in words else words[0]
        self.adkim = choice('adkim', ('r', 's'))
        self.psd = choice('psd', ('u', 'y', 'n'))
        self.t = choice('t', ('n', 'y')) == 'y'
        asked = {tag: tags[tag].lower() for tag in ('p', 'sp', 'np')
                 if tag in tags}
        # 4.10.1: what becomes of a record without valid policies.
        self.usable = True
        if 'p' not in asked or set(asked.values()) - set(POLICIES):
            asked = {'p': 'none'}
            self.usable = any(uri_is_valid(uri.strip(' \t'))
                              for uri in tags.get('rua', '').split(','))
        self.p = asked['p']
        self.sp = asked.get('sp', self.p)
        self.np = asked.get('np', self.sp)


def uri_is_valid(uri):
    """The URIs that this program writes, and no others, are known to it."""
    return uri in ('mailto:d@example.com', 'mailto:d@example.com!10m',
                   'https://example.com/d')


def record_of(texts):
    """4.10, steps 2 and 6: the one record of a name, or None."""
    records = []
    for text in texts:
        try:
            records.append(Record(text))
        except ValueError:
            pass
    return records[0] if len(records) == 1 else None


def parent(name):
    return name.partition('.')[2]


def walk(zone, start):
    """4.10: the records on the way up, [(name, record)]."""
    found = []
    target = start
    labels = start.split('.')
    first = True
    while target:
        record = record_of(zone.get(target, ()))
        if record:
            found.append((target, record))
            if record.psd in 'ny':
                break
        if first and len(labels) >= 8:
            target = '.'.join(labels[-7:])
        else:
            target = parent(target)
        first = False
    return found


def organization(zone, start):
    """4.10.2"""
    found = walk(zone, start)
    for name, record in found:
        if record.psd == 'n':
            return name
        if record.psd == 'y' and name != start:
            labels = start.split('.')
            return '.'.join(labels[-len(name.split('.')) - 1:])
    return found[-1][0] if found else start


def discover(zone, author):
    """4.10.1: (name, record), or None"""
    found = dict(walk(zone, author))
    psds = [name for name in found if found[name].psd == 'y']
    for name in [author, organization(zone, author)] + psds:
        if name in found:
            return name, found[name]
    return None


class Truth:
    """What holds of an author and identifiers when DNS tells everything."""

    def __init__(self, zone, exists, author, identifiers):
        self.org = organization(zone, author)
        self.applies = self.published = 'absent'
        self.domain = self.mode = '-'
        self.aligned = ['-'] * len(identifiers)
        found = discover(zone, author)
        if not found or not found[1].usable:
            return
        self.domain, record = found
        self.mode = record.adkim
        self.published = record.p if self.domain == author else \
            record.sp if exists else record.np
        self.applies = LOWER[self.published] if record.t else self.published
        self.aligned = [
            'yes' if one == author or self.mode == 'r' and
            organization(zone, one) == self.org else 'no'
            for one in identifiers]


# ---- chance ----------------------------------------------------------------

GUESSES = [()] + [('v=DMARC1;psd=%s;%s' % (psd, rest),) for psd in 'uny' for
                  rest in ('p=none', 'p=reject', 'p=reject;adkim=s')]


def chance_case(chance, text):
    """Letters in either case, and white space where it may stand."""
    if chance.random() < 0.8:
        return text
    text = ''.join(chance.choice((c.lower(), c.upper())) for c in text)
    return chance.choice(('', ' ', '\t ')) + text + chance.choice(('', ' '))


def chance_record(chance):
    tags = []
    if chance.random() < 0.93:
        tags.append('p=' + chance_case(chance, chance.choice(POLICIES)))
    for tag in ('sp', 'np'):
        if chance.random() < 0.25:
            tags.append('%s=%s' % (
                tag, chance_case(chance, chance.choice(POLICIES))))
    if chance.random() < 0.4:
        tags.append('psd=' + chance_case(chance, chance.choice('uny')))
    if chance.random() < 0.15:
        tags.append('adkim=' + chance_case(chance, chance.choice('rs')))
    if chance.random() < 0.15:
        tags.append('t=' + chance_case(chance, chance.choice('yn')))
    if chance.random() < 0.2:
        tags.append('rua=' + chance.choice((
            'mailto:d@example.com', 'mailto:d@example.com!10m', 'nobody',
            'x, https://example.com/d', 'mailto:')))
    if chance.random() < 0.15:
        tags.append(chance.choice((
            'p=bad', 'sp=', 'np=maybe', 'psd=x', 't=', 'adkim=strict', 'x=1',
            'rubbish', 'pct=5', 'P=none', '', 'x_p=none', 'v=DMARC1', '=')))
    if chance.random() < 0.8:
        chance.shuffle(tags)
    version = chance.choice(('v=DMARC1',) * 12 + (
        'v = DMARC1', 'v=DMARC1 ', 'v=dmarc1', 'V=DMARC1', 'v=DMARC2',
        'v=DMARC1x', 'v=spf1 -all', 'x=1; v=DMARC1'))
    return chance.choice((';', '; ', ' ;')).join([version] + tags) + \
        chance.choice(('', ';', ' ; '))


def chance_name(chance):
    labels = chance.choice((1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8, 8, 9, 9, 10))
    return '.'.join(chance.choice('ab') for _ in range(labels))


def chance_relative(chance, name):
    """A name near it: equal, above, below, beside, or unrelated."""
    if chance.random() < 0.1:
        return chance_name(chance)
    labels = name.split('.')
    keep = len(labels) - chance.choice((0, 0, 1, 1, 2, 3))
    labels = [chance.choice('abx') for _ in
              range(chance.choice((0, 0, 1, 1, 2, 4)))] + labels[-keep:]
    return '.'.join(labels[-11:]) or name


def path(name):
    while name:
        yield name
        name = parent(name)


def chance_zone(chance, names):
    """{name: records, or the state of the lookup}, for _dmarc below each"""
    zone = {}
    failures = 0
    thick = chance.choice((0.2, 0.4, 0.6))
    for name in sorted(set(itertools.chain(*map(path, names)))):
        if chance.random() < thick:
            zone[name] = tuple(chance_record(chance) for _ in range(
                chance.choice((1,) * 9 + (2, 3))))
        elif failures < 2 and chance.random() < 0.12:
            failures += 1
            zone[name] = chance.choice(('!FAILED', '!BOGUS'))
        else:
            zone[name] = chance.choice(('!NXDOMAIN', '!NODATA'))
    return zone


def completions(zone):
    """The zones that it may stand for."""
    failed = [name for name in zone if zone[name] in ('!FAILED', '!BOGUS')]
    known = {name: zone[name] for name in zone
             if isinstance(zone[name], tuple)}
    for guess in itertools.product(GUESSES, repeat=len(failed)):
        yield {**known, **dict(zip(failed, guess))}


def chance_existence(chance, below):
    """The author's own lookup, and what it then may be: RFC 8020."""
    if isinstance(below, tuple) or below == '!NODATA':
        return chance.choice(('!NODATA', '!FAILED')), (True,)
    return chance.choice((('!NODATA', (True,)), ('!NXDOMAIN', (False,)),
                          ('!FAILED', (True, False))))


def only(values, otherwise='-'):
    values = set(values)
    return values.pop() if len(values) == 1 else otherwise


def letters(values):
    return ''.join(sorted({value[0] for value in values}))


def case(chance):
    author = chance_name(chance)
    others = [chance_relative(chance, author)
              for _ in range(chance.randrange(1, 4))]
    zone = chance_zone(chance, [author] + others)
    state, possible = chance_existence(chance, zone[author])
    for name, held in zone.items():
        for text in (held,) if isinstance(held, str) else held:
            print('_dmarc.%s TXT %s' % (name, text))
    print('%s TXT %s' % (author, state))
    print('=', author, *others)
    truths = [Truth(full, exists, author, others)
              for full in completions(zone) for exists in possible]
    present = [truth for truth in truths if truth.domain != '-']
    print('>', letters(truth.applies for truth in truths),
          letters(truth.published for truth in truths),
          only(truth.domain for truth in truths),
          only(truth.org for truth in truths),
          only(truth.mode for truth in truths),
          *[only((truth.aligned[i] for truth in present),
                 'unknown' if present else '-') for i in range(len(others))])


def main():
    chance = random.Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[1])):
        case(chance)


if __name__ == '__main__':
    main()
