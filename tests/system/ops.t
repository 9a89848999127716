#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What an operator sees: counters that outlive the daemon, tables, changes of
policy, the log line of a verdict, metrics, and the cache's file read beside a
daemon that works."""
import ctypes
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (AF_SP, BUILD, NN_RCVTIMEO, PATIENCE,  # noqa: E402
                     Daemon, FaultDns, command, done, equal, nn, note, ok,
                     patiently)

try:
    from prometheus_client.openmetrics.parser import (
        text_string_to_metric_families as openmetrics)
except ImportError:
    openmetrics = None

NN_REP = 49
VERDICTCTL = os.path.join(BUILD, 'verdictctl')

dns = FaultDns()
dns('add', 'good.example', 60, 'TXT', 'v=spf1 include:more.example -all')
dns('add', 'more.example', 60, 'TXT', 'v=spf1 ip4:192.0.2.1 -all')
dns('add', '_dmarc.good.example', 60, 'TXT', 'v=DMARC1; p=reject')
dns('add', 'points.example', 60, 'TXT', 'v=spf1 nonsense')
dns('set', 'broken.example', 'servfail')
dns('set', '*.broken.example', 'servfail')

daemon = Daemon(dns.address, None, level='info', extra='''
rule "trial" { when = "spf is fail" action = reject shadow = true }
rule "no key" { when = "dkim is none and from in points.example" score = 4 }
rule "no SPF" { when = "spf is permerror and from in points.example" score = 7 }
score { reject = 10 }
''')


def ctl(*words, **options):
    return command(VERDICTCTL, '-s', daemon.control, *words, **options)


def output_of(*words):
    status, output, error = ctl(*words)
    if status != 0:
        ok(False, 'verdictctl ' + ' '.join(words), status, output, error)
    return output


def check(host='mx1', ip='192.0.2.1', domain='good.example', **more):
    fields = dict(client_ip=ip, helo='mail.' + domain,
                  mail_from='a@' + domain, from_domain=domain, host=host,
                  **more)
    return daemon.ask('check', *('%s=%s' % pair for pair in fields.items()))


def table(name):
    """{name: {column: number}} of a table of stats --json."""
    return {entry['name']: entry
            for entry in json.loads(output_of('stats', '--json'))[name]}


# --- Counting -----------------------------------------------------------------

def traffic():
    for _ in range(3):
        check()
    for _ in range(3):
        check('mx2', '203.0.113.9')
    check('mx "3"\x01\x9b\xff', '203.0.113.9', 'broken.example')
    daemon.ask('dmarc', 'from_domain=good.example')


def explained():
    """A person's question, which judges no message."""
    before = daemon.ask_control('stats').number('checks')
    reply = daemon.ask('explain', 'client_ip=203.0.113.9', 'host=person',
                       'mail_from=a@good.example', 'from_domain=good.example')
    later = check('mx1')
    equal((reply['action'], daemon.ask_control('stats').number('checks')),
          ('reject', before + 1), 'explain gives no verdict that counts')
    ok(patiently(lambda: lines_of(later)) and not lines_of(reply),
       '... and writes no line of one')
    equal((table('hosts')['person']['reject'], table('rejects')), (0, {}),
          '... and rejects nothing')


def counted():
    hosts, rules = table('hosts'), table('rules')
    equal((hosts['mx1']['questions'], hosts['mx1']['accept']), (4, 4),
          'questions and verdicts by asking host')
    equal((hosts['mx2']['questions'], hosts['mx2']['reject']), (3, 3),
          '... each its own')
    odd = [name for name in hosts if name.startswith('mx "3"')]
    ok(odd and hosts[odd[0]]['undecided'] == 1,
       '... whatever octets its name has', hosts)
    equal(rules['dmarc reject']['decided'], 3, 'verdicts by rule')
    equal(rules['trial']['shadow'], 3, '... and by a rule under trial')
    domains = table('domains')
    equal((domains['good.example']['questions'],
           domains['good.example']['reject']), (9, 3), 'questions by domain')
    equal(list(table('rejects')), ['good.example'], 'domains rejected')
    failures = table('failures')
    ok(failures['broken.example']['failures'] >= 1 and
       abs(failures['broken.example']['since'] - time.time()) < 30 and
       failures['broken.example']['ended'] == 0,
       'where DNS fails, and since when', failures)
    latency = json.loads(output_of('stats', '--json'))['latency']
    ok(latency['check']['count'] == 8 and
       0 < latency['check']['p50_us'] <= latency['check']['p99_us'] <=
       latency['check']['max_us'], 'how long answers took', latency)


def screens():
    status = output_of('status')
    for part in ('up ', 'verdicts ', 'mx1', 'broken.example', 'check  ',
                 'half in'):
        ok(part in status, 'status: ' + part.strip(), status)
    ok(len(status.splitlines()) <= 24 and
       max(map(len, status.splitlines())) < 80, '... on one screen', status)
    ok(status.isascii() and '\x01' not in status and
       '\\x01\\xc2\\x9b' in status,
       '... which a strange name does not disturb', repr(status))
    lines = output_of('top').splitlines()
    ok(len(lines) == 3 and lines[1].endswith('good.example'), 'top', lines)
    lines = output_of('top', 'domains', 'undecided', '1').splitlines()
    ok(len(lines) == 2 and lines[1].endswith('broken.example'),
       'top domains undecided 1', lines)
    ok('broken.example' in output_of('top', 'failures'), 'top failures')
    for words in (('top', 'nowhere'), ('top', 'hosts', 'x'), ('history', '-x'),
                  ('stats', '--watch', '0'), ('stats', '--csv'),
                  ('-t', '4294967297', 'ping')):
        equal(ctl(*words)[0], 100, 'usage: ' + ' '.join(words))
    ok(max(map(len, ctl('-h')[1].splitlines())) < 80,
       'the help fits on a terminal', ctl('-h')[1])
    lines = output_of('stats', '--watch', '1', '2').splitlines()
    ok(len(lines) == 3 and lines[0].startswith('per s: ') and
       re.match(r'\d\d:\d\d:\d\d( +[0-9.k-]+){12}$', lines[2]),
       'stats --watch: a line each second', lines)
    ok(max(map(len, lines)) < 80, '... that fits on a terminal', lines)


def answered(texts, *words):
    """verdictctl, asking one who answers with these texts in turn."""
    where = 'ipc://' + daemon.path('fake.sock')
    sock = nn.nn_socket(AF_SP, NN_REP)
    patience = ctypes.c_int(PATIENCE * 1000)
    nn.nn_setsockopt(sock, 0, NN_RCVTIMEO, ctypes.byref(patience),
                     ctypes.c_size_t(4))
    nn.nn_bind(sock, where.encode())
    child = subprocess.Popen([VERDICTCTL, '-s', where, *words], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    buf = ctypes.create_string_buffer(1 << 16)
    for text in texts:
        nn.nn_recv(sock, buf, ctypes.c_size_t(len(buf)), 0)
        nn.nn_send(sock, text, ctypes.c_size_t(len(text)), 0)
    output, error = child.communicate()
    nn.nn_close(sock)
    return child.returncode, output, error


def others():
    """Daemons that are not quite as this one."""
    status, output, error = answered(
        [b'verdict/1 ok\n', b'verdict/1 ok\nrequests=1000\ncache_hits=9\n',
         b'verdict/1 ok\n', b'verdict/1 ok\nrequests=10\ncache_hits=1\n'],
        'stats', '--watch', '1', '1')
    ok(status == 0 and not error and re.fullmatch(
        r'[\d:]{8}( +0){7}( +-){3}( +0){2}', output.splitlines()[1]),
       'counts that a killed daemon has lost are no rates', status, output,
       error)
    status, output, error = answered([b'verdict/2 hello\n'], '-t', '2000',
                                     'ping')
    ok(status == 111 and not output and len(error.splitlines()) == 1,
       'an answer of another version: 111, and a word', status, output, error)


# --- Metrics ------------------------------------------------------------------

def samples_of(text):
    """A strict look at the form: {sample with labels: value}."""
    families, samples = {}, {}
    current = None
    for line in text.splitlines():
        kind, _, rest = line.partition(' ')
        if kind == '#':
            if rest == 'EOF':
                continue
            word, name, value = rest.split(' ', 2)
            if word == 'HELP':
                assert name not in families, 'family twice: ' + name
                current = families[name] = {}
            assert families[name] is current, 'families mixed: ' + name
            assert value.strip() and word not in current, line
            current[word] = value.strip()
            assert word != 'UNIT' or name.endswith('_' + value.strip()), line
            continue
        match = re.fullmatch(r'([a-z_0-9]+)(\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+'
                             r'\})? ([0-9.]+)', line)
        assert match, 'not a sample: ' + line
        family = re.sub(r'_(total|bucket|sum|count|info)$', '', match[1])
        if match[1] in families:
            family = match[1]
        assert families.get(family) is current, 'out of place: ' + line
        assert 'TYPE' in current and 'HELP' in current, line
        assert match[1] + (match[2] or '') not in samples, 'twice: ' + line
        samples[match[1] + (match[2] or '')] = float(match[3])
    return samples


def metrics():
    text = output_of('stats', '--openmetrics')
    ok(text.endswith('\n# EOF\n'), 'stats --openmetrics ends with EOF')
    try:
        samples = samples_of(text)
    except AssertionError as why:
        samples = {}
        ok(False, 'the form of OpenMetrics', why)
    counters = dict(line.split('=') for line in
                    output_of('stats').splitlines())
    equal(samples.get('verdictd_checks_total'), float(counters['checks']),
          'a counter is the same in all forms')
    buckets = [value for name, value in samples.items() if name.startswith(
        'verdictd_reply_seconds_bucket{verb="check"')]
    ok(len(buckets) > 10 and buckets == sorted(buckets) and buckets[-1] ==
       samples['verdictd_reply_seconds_count{verb="check"}'],
       'the buckets of a histogram add up', buckets)
    ok('# UNIT verdictd_reply_seconds seconds' in text and
       '# UNIT verdictd_cache_live_bytes bytes' in text, 'units')
    ok('verdictd_host_questions_total{host="mx \\"3\\"\\\\x01' in text,
       'a strange name is escaped', text)
    if openmetrics:
        try:
            names = {family.name for family in openmetrics(text)}
            ok('verdictd_reply_seconds' in names,
               'the reference parser of OpenMetrics takes it')
        except ValueError as why:
            ok(False, 'the reference parser of OpenMetrics takes it', why)
    else:
        note('no python3-prometheus-client: its parser was not asked')
    text = output_of('stats', '--prometheus')
    if shutil.which('promtool'):
        equal(command('promtool', 'check', 'metrics', stdin=text),
              (0, '', ''), 'promtool has nothing to say to --prometheus')
    else:
        note('no promtool: it was not asked')


# --- A line for each verdict -------------------------------------------------

def fields_of(line):
    return {name: value.strip('"') for name, value in
            re.findall(r'(\w+)=("[^"]*"|\S*)', line)}


def lines_of(reply):
    """They are written behind the reply."""
    start = 'info verdict id=%s ' % reply['id']
    return [line for line in daemon.log().splitlines()
            if line.startswith(start) and 'action=' in line]


def log_line():
    reply = check('mx9', '203.0.113.9', message_id='<a "b"@c>')
    lines = patiently(lambda: lines_of(reply))
    equal(len(lines), 1, 'one line in the log for a verdict, by its id',
          reply, daemon.log()[-1000:])
    fields = fields_of(lines[0])
    for name, want in (('host', 'mx9'), ('action', 'reject'),
                       ('rule', 'dmarc reject'), ('client_ip', '203.0.113.9'),
                       ('from_domain', 'good.example'), ('spf', 'fail'),
                       ('dmarc', 'fail'), ('policy', 'reject'),
                       ('stale', '0'), ('decided', 'yes'),
                       ('shadow', 'trial'), ('message_id', '<a ?b?@c>')):
        equal(fields.get(name), want, '... %s=%s' % (name, want))
    ok(re.fullmatch(r'\d+\.\d{3}', fields.get('ms', '')), '... and its time',
       lines[0])
    reply = check('mx9', '203.0.113.9', 'points.example')
    line = patiently(lambda: lines_of(reply))[0]
    ok('rule=score score=11 ' in line and
       ' scored="no key" scored="no SPF"' in line,
       '... which rules have added to its score', line)
    ok(re.search(' spf=permerror spf_problem="points.example: [^"]+"', line),
       '... and what is wrong with SPF', line)
    reply = check('mx9', '203.0.113.9', 'broken.example')
    line = patiently(lambda: lines_of(reply))[0]
    ok(re.search(' spf_problem="broken.example TXT: servfail" .*'
                 ' dmarc_problem="servfail at _dmarc.broken.example"', line),
       '... or with DNS', line)
    trace = daemon.ask('explain', 'client_ip=203.0.113.9',
                       'mail_from=a@good.example', 'from_domain=good.example'
                       ).all('rule_trace')
    ok('trial: yes: spf is fail[yes]: under trial, reject' in trace,
       'explain says what each rule does', *trace)
    long_one = check('h' * 300, domain='good.example',
                     message_id='<%s>' % ('x' * 60000))
    line = patiently(lambda: lines_of(long_one))
    ok(len(line) == 1 and len(line[0]) < 2048 and
       fields_of(line[0])['policy'] == 'reject', 'long texts are cut', line)
    before = len(daemon.log())
    daemon.write_config(daemon.text.replace('to = "stderr"',
                                            'to = "stderr" verdicts = none'))
    equal(ctl('reload')[0], 0, 'verdicts = none')
    check()
    time.sleep(0.3)
    ok('verdict id' not in daemon.log()[before:], '... and there is no line')
    daemon.write_config(daemon.text)
    ctl('reload')


# --- History ------------------------------------------------------------------

def history():
    equal(output_of('history'), '', 'no policy has changed')
    for policy in ('p=none', 'p=quarantine; pct=100', 'p=reject; t=y'):
        dns('del', '_dmarc.moving.example')
        dns('add', '_dmarc.moving.example', 1, 'TXT', 'v=DMARC1; ' + policy)
        patiently(lambda: daemon.ask(
            'dmarc', 'from_domain=moving.example')['record'] ==
            'v=DMARC1; ' + policy)
    lines = output_of('history').splitlines()
    ok(len(lines) == 2 and
       lines[1].endswith('moving.example moved none to quarantine') and
       lines[0].endswith('moving.example moved quarantine to reject t=y'),
       'history: what a domain has changed', lines)
    equal(output_of('history', 'good.example'), '', '... of one domain')
    ok('policy.changed domain=moving.example before="none"' in daemon.log(),
       '... and in the log')


# --- Over restarts -----------------------------------------------------------

def restart():
    before = json.loads(output_of('stats', '--json'))
    tables = {name: table(name) for name in ('hosts', 'rules', 'domains')}
    changes = output_of('history')
    equal(daemon.stop(), 0, 'the daemon ends')
    path = daemon.path('cache.lmdb.stats')
    equal(oct(os.stat(path).st_mode & 0o777), '0o600',
          'its statistics are in a file of its own')
    daemon.start()
    after = json.loads(output_of('stats', '--json'))
    ok(all(after[name] >= before[name] for name in
           ('requests', 'checks', 'rejected', 'lookups', 'cache_puts')) and
       after['counting_since'] == before['counting_since'],
       'counters go on after a restart', before, after)
    for name, entries in tables.items():
        now = table(name)
        ok(all(now[key]['weight'] >= entry['weight']
               for key, entry in entries.items()),
           '... and so does the table of %s' % name, entries, now)
    equal(output_of('history'), changes, '... and the history')

    daemon.kill()
    daemon.start()
    ok(json.loads(output_of('stats', '--json'))['checks'] >= before['checks'],
       'kill -9 loses what came since the last minute at most')
    daemon.stop()
    with open(path, 'r+b') as stream:
        stream.seek(200)
        stream.write(b'garbage')
    daemon.start()
    ok(json.loads(output_of('stats', '--json'))['checks'] >= before['checks']
       and os.path.exists(path + '.damaged'),
       'a damaged file: set aside, and the one before it serves',
       daemon.log()[-600:])


# --- The cache's file ---------------------------------------------------------

def dump(*words):
    status, output, error = command(
        VERDICTCTL, '-c', daemon.config, 'dump', *words)
    if status != 0:
        ok(False, 'dump ' + ' '.join(words), status, error)
    return output.splitlines()


def dumps():
    dns('add', 'good.example', 60, 'TXT', 'v=spf1 include:more.example -all')
    dns('add', 'more.example', 60, 'TXT', 'v=spf1 ip4:192.0.2.1 -all')
    daemon.ask('spf', 'client_ip=192.0.2.1', 'mail_from=a@good.example')
    daemon.ask('spf', 'client_ip=192.0.2.1', 'mail_from=a@good.example')
    daemon.record('no.such.example')
    lines = dump('--domain', 'good.example', '--type', 'txt', '--records')
    ok(any(line.startswith('good.example TXT state=present ') and
           'data="v=spf1 include:more.example -all"' in line
           for line in lines), 'dump: a record, by domain and type', lines)
    ok(all('good.example ' in line for line in lines), '... and no other',
       lines)
    lines = dump('--verdicts', '--domain', 'good.example')
    ok(len(lines) == 1 and lines[0].startswith('good.example SPF result=pass '
                                               'client_ip=192.0.2.1 '),
       'dump --verdicts', lines)
    entries = [json.loads(line) for line in dump('--json')]
    ok({'record', 'spf'} == {entry['kind'] for entry in entries} and
       any(entry.get('name') == 'no.such.example' and
           entry['state'] == 'nxdomain' for entry in entries),
       'dump --json', entries)
    failed = [json.loads(line) for line in dump('--json', '--state', 'failed')]
    ok(failed and all(entry['failed_since'] > 0 for entry in failed),
       'dump --state failed', failed)
    equal(dump('--min-age', '100000'), [], 'dump --min-age')
    ok(len(dump('--max-age', '100000')) == len(entries), 'dump --max-age')
    counts = dict(line.split('=') for line in dump('--count'))
    ok(int(counts['nxdomain']) >= 1 and int(counts['verdicts']) >= 1,
       'dump --count', counts)
    for words in (('--type', 'HINFO'), ('--state', 'odd'), ('x',),
                  ('--json', '--count'), ('--min-age', '-1')):
        equal(command(VERDICTCTL, '-c', daemon.config, 'dump', *words)[0],
              100, 'usage: dump ' + ' '.join(words))
    status, _, error = command(VERDICTCTL, 'dump', '--file', '/dev/null')
    ok(status == 111 and error, 'dump of what is no cache', status, error)


def dump_under_load():
    """Reading whole, again and again, while it is written."""
    before = daemon.ask_control('stats').number('cache_put_failures')
    load = daemon.flood_later('-n', '6000', '-j', '2', '-w', '8', 'spf',
                              'client_ip=192.0.2.1', 'mail_from=a@n%d.load')
    broken, times, most = 0, 0, 0
    for _ in range(40):
        start = time.monotonic()
        lines = dump('--json')
        times = max(times, time.monotonic() - start)
        most = max(most, len(lines))
        broken += sum(not line.endswith('}') for line in lines)
    counts = load()
    ok(counts['ok'] == 6000 and broken == 0,
       'the file read 40 times while 6000 names are stored: all is well '
       '(up to %d entries in %.2f s)' % (most, times), counts['text'])
    equal(daemon.ask_control('stats').number('cache_put_failures'), before,
          '... and no write failed')
    daemon.stop()
    ok(len(dump('--json')) > 6000, '... and read when the daemon is gone')
    copy = daemon.path('copy')
    shutil.copyfile(daemon.path('cache.lmdb'), copy)
    ok(len(dump('--file', copy)) > 6000 and
       not os.path.exists(copy + '-lock'), '... and a copy of it')
    with open(copy, 'r+b') as stream:
        stream.truncate(os.path.getsize(copy) // 2)
    status, output, error = command(VERDICTCTL, 'dump', '--file', copy)
    ok(status == 111 and not output and 'copy' in error,
       'a copy cut in half is refused', status, error)


# --- The page -----------------------------------------------------------------

class Page(html.parser.HTMLParser):
    """Whether each tag is closed, which tags there are, and its text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], set(), ''
        self.balanced = True
        self.feed(text)
        self.close()
        self.balanced = self.balanced and not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != 'meta':
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.balanced = False

    def handle_data(self, data):
        self.text += data


def report():
    check('<script>alert(1)</script>&"')
    path = daemon.path('report.html')
    equal(ctl('report', '--html', path), (0, '', ''), 'report --html')
    with open(path, encoding='ascii') as stream:
        text = stream.read()
    page = Page(text)
    ok(page.balanced and text.startswith('<!DOCTYPE html>'),
       '... is a whole page', page.open)
    ok(not page.tags & {'script', 'link', 'img', 'iframe', 'object'} and
       'http' not in text and 'url(' not in text,
       '... that needs nothing else', page.tags)
    ok('<script>alert(1)</script>&"' in page.text,
       '... with names of strangers as text')
    ok('<html lang="en">' in text and '<th scope="col"></th>' not in text and
       text.count('<svg ') == text.count('role="img" aria-label="'),
       '... for those who cannot see it, too')
    equal(text.count('<svg '), 6, '... and six plots')
    for part in ('good.example', 'mx1', 'dmarc reject', 'broken.example',
                 'quarantine', 'moving.example'):
        ok(part in page.text, '... shows ' + part)
    ok(not any(word in text for word in ('nan', 'inf"')),
       '... and every number is one')
    equal(ctl('report', '--html', '-')[1][:15], '<!DOCTYPE html>',
          'report --html -')
    equal(ctl('report', '--html', '/nonexistent/x')[0], 111,
          'where it cannot be written: 111')


# --- Least privilege ---------------------------------------------------------

def status_of(process):
    with open('/proc/%d/status' % process.pid, encoding='ascii') as status:
        return dict(line.rstrip('\n').split(':\t', 1) for line in status
                    if ':\t' in line)


def privilege():
    line = [line for line in daemon.log().splitlines()
            if line.startswith('info sandbox ')]
    ok(len(line) == 1 and all(name in line[0] for name in
                              ('no_new_privileges=', 'seccomp=', 'landlock=')),
       'each part of the sandbox is logged as on or unavailable', line)
    status = status_of(daemon.child)
    equal(status['NoNewPrivs'], '1', 'no new privileges')
    equal(status['Seccomp'], '2' if 'seccomp=on' in line[0] else '0',
          'seccomp as the log says')
    if os.geteuid() != 0:
        note('not root: no other user to become')
        return
    with tempfile.TemporaryDirectory() as open_to_all:
        os.chmod(open_to_all, 0o755)
        status, _, error = command(
            'setpriv', '--reuid=65534', '--clear-groups',
            shutil.copy(VERDICTCTL, open_to_all), '-s', daemon.control, 'ping')
    equal((status, error), (111, 'verdictctl: %s: Permission denied\n' %
                            daemon.control),
          'who may not ask is told so')
    nobody = Daemon(dns.address, None, extra='user = "nobody"')
    os.chown(nobody.directory, 65534, 65534)
    os.chmod(nobody.config, 0o644)
    nobody.start()
    status = status_of(nobody.child)
    equal(status['Uid'].split(), ['65534'] * 4, 'user = "nobody"')
    equal(status['CapEff'], '0' * 16, '... without a capability')
    ok(not set(status['Groups'].split()) & {'0'},
       '... and in no group of root', status['Groups'])
    equal(nobody.ask('spf', 'client_ip=192.0.2.1',
                     'mail_from=a@good.example')['result'], 'pass',
          '... answers')
    equal(nobody.ask_control('reload').status, 'ok', '... and can reload')
    equal(nobody.stop(), 0, '... and end')
    ok(os.path.exists(nobody.path('cache.lmdb.stats')) and
       not os.path.exists(nobody.path('verdictd.sock')),
       '... leaving what it should')
    open_ = Daemon(dns.address, None, extra='sandbox = off').start()
    equal(status_of(open_.child)['Seccomp'], '0', 'sandbox = off')
    open_.stop()


daemon.start()
privilege()
explained()
traffic()
counted()
screens()
others()
metrics()
log_line()
history()
restart()
report()
dumps()
dump_under_load()
dns.stop()
done()
