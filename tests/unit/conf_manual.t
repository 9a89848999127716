#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""verdictd.conf(5) has every option that verdictd -n -v prints, with its
default, and no other; so has the sample, as comments; and the examples of the
manual are configurations."""
import os
import re
import subprocess
import tempfile

SRC, BUILD = os.environ['SRC'], os.environ['BUILD']
with open(SRC + '/man/verdictd.conf.5', encoding='utf-8') as page:
    MANUAL = page.read()
with open(SRC + '/etc/verdictd.conf', encoding='utf-8') as sample:
    SAMPLE = sample.read()
# One of each section that is there only if it is written, and of each option
# that has no default.
ALL = '''endpoint "ipc:///a" { }
control "ipc:///b" { }
resolver { stub "example" { address = {"192.0.2.1"} } }
score { quarantine = 1 reject = 2 }
rule "x" { action = reject score = 1 reply = x override = other }
'''
# In words, since the manual cannot give them as a value.
WORDS = re.compile(r'empty|none|always|the (daemon|host)')
tests = 0


def ok(good, name, *details):
    global tests
    tests += 1
    print('%s %d - %s' % ('ok' if good else 'not ok', tests, name))
    if not good:
        for line in '\n'.join(map(str, details)).splitlines():
            print('# ' + line)


def check(text, *flags):
    """Runs verdictd on a configuration: (exit, output, complaints)."""
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(text)
        file.flush()
        done = subprocess.run(
            [BUILD + '/verdictd', '-n', *flags, '-c', file.name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False)
    return done.returncode, done.stdout, done.stderr


def printed(text):
    """{(section, option): value} of what -n -v prints."""
    found, sections = {}, ['']
    for line in text.splitlines():
        if line.startswith('#'):
            continue
        if line.endswith('{'):
            sections.append(line.split()[0])
        elif line.strip() == '}':
            sections.pop()
        elif ' = ' in line:
            name, value = line.strip().split(' = ', 1)
            found[sections[-1], name] = value.strip('"')
    return found


def described():
    """{(section, option): what is said of its default} of the manual."""
    found, section, options = {}, '', []
    for line in MANUAL.splitlines():
        words = line.split()
        if line.startswith('.Ss '):
            section = '' if words[1] == 'Privilege' else words[1]
        elif line.startswith('.Sh KEYS'):
            break
        elif line.startswith('.It Cm stub '):
            options = [('stub', 'address')]
            found[options[0]] = 'none'
        elif line.startswith('.It Cm ') and ' No = ' in line:
            # Items in a row share what is said below the last.
            here = (section, words[2])
            options = options + [here] if before_item else [here]
            found[here] = ''
        elif line.startswith('Default:'):
            for option in options:
                found[option] = line[len('Default:'):].strip(' .,')
        elif options and before == 'Default:' and words[0] in ('.Cm', '.Pa'):
            for option in options:
                found[option] = words[1]
        before_item, before = line.startswith('.It Cm '), line
    return found


def check_names(printed_all, manual):
    for option in sorted(set(printed_all) | set(manual)):
        name = '.'.join(filter(None, option))
        ok(option in printed_all and option in manual,
           name + ' is an option, and in the manual',
           'an option: %s' % (option in printed_all),
           'in the manual: %s' % (option in manual))


def check_defaults(standard, manual):
    for option, value in sorted(standard.items()):
        said = manual.get(option, '')
        if option == ('control', 'mode'):
            ok('.Cm %s' % value in MANUAL, 'control.mode: the default')
        elif option[0] == 'control':
            continue  # as of an endpoint
        elif value in ('', '{}') or option in NO_DEFAULT:
            ok(WORDS.match(said), '.'.join(option) + ': no default', said)
        else:
            ok(said == value, '.'.join(filter(None, option)) +
               ': the default', 'is ' + value, 'said to be ' + said)


def check_sample(standard):
    status, output, complaint = check(SAMPLE, '-v')
    equal = {option: value for option, value in printed(output).items()
             if standard.get(option) != value}
    ok(status == 0 and not equal, 'the sample holds the defaults', complaint,
       equal)
    # Whole lines that are a comment, without a space: an option or a section.
    given = re.sub(r'(?m)^(\t*)#(?! )', r'\1', SAMPLE)
    names = set(re.findall(r'(?m)([a-z][a-z-]*) = ', given))
    missing = {name for section, name in standard
               if section not in ('rule', 'stub') and name not in names}
    ok(not missing, 'the sample names every option', sorted(missing))


def check_examples():
    examples = re.findall(r'(?s)\.Bd -literal[^\n]*\n(.*?)\.Ed', MANUAL)
    count = 0
    for text in examples:
        if not re.match(r'(# a comment\n)?(resolver|endpoint|cache)\b', text):
            continue
        count += 1
        # What this host lacks is taken for what it has.
        text = re.sub(r'group = "\w+"', 'group = "root"', text)
        text = re.sub(r'key-file = "[^"]*"', 'insecure = yes', text)
        text = text.replace('0123...CDEF', '0123CDEF')
        status, _, complaint = check(text)
        ok(status == 0, 'an example: ' + text.splitlines()[-1], complaint)
    ok(count >= 5, 'the manual has examples', count)


MANUAL = re.sub(r'(?m)^\.\\".*\n', '', MANUAL)
NO_DEFAULT = {('score', 'quarantine'), ('score', 'reject'),
              ('rule', 'action'), ('rule', 'score'), ('rule', 'reply'),
              ('rule', 'override'), ('stub', 'address')}
code, out, err = check(ALL, '-v')
ok(code == 0, 'each option is printed', err)
everything = printed(out)
ok(len(everything) > 40, '... and read', len(everything))
said_of = described()
# The manual has the options of the control endpoint in a sentence.
said_of.update({('control', name): '' for name in ('mode', 'group')})
check_names(everything, said_of)
check_defaults({option: value for option, value in everything.items()
                if option not in (('rule', 'reply'),)}, said_of)
check_sample(printed(check('', '-v')[1]))
check_examples()
print('1..%d' % tests)
