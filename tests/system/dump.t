#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""verdictctl dump beside a daemon under load, whose cache is small: a dump
that nobody reads to its end costs the daemon nothing."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import (BUILD, Daemon, Lab, die_with_parent,  # noqa: E402
                     done, equal, note, ok)

VERDICTCTL = os.path.join(BUILD, 'verdictctl')
lab = Lab()
lab.start()


def flood(daemon, count, letter):
    """As many names that nobody has asked for before."""
    counts = daemon.flood('-n', str(count), '-e', 'result=pass', 'spf',
                          'client_ip=192.0.2.1',
                          'mail_from=x@' + letter + '%d.bulk.example.net')
    equal(counts.get('ok'), count, '%d names are asked for' % count,
          counts['text'])


def dump_begun(daemon):
    """A dump whose reader takes the first line and then no more."""
    dump = subprocess.Popen(
        [VERDICTCTL, '-c', daemon.config, 'dump', '--records'],
        stdout=subprocess.PIPE, bufsize=0, preexec_fn=die_with_parent)
    line = b''
    while not line.endswith(b'\n'):
        octet = dump.stdout.read(1)
        if not octet:
            break
        line += octet
    ok(b' state=' in line, 'a dump has begun', line)
    return dump


daemon = Daemon(lab.main.address(), lab.anchor, level='info')
daemon.write_config(daemon.text.replace('"64M"', '"2M"'))
daemon.start()
flood(daemon, 2000, 'a')
dump = dump_begun(daemon)
flood(daemon, 15000, 'b')
ok(dump.poll() is None, '... and has not come to its end')
stats = daemon.ask_control('stats')
equal((stats['cache_set_aside'], stats['cache_put_failures']), ('0', '0'),
      'nothing of the cache was lost', stats)
ok(stats.number('cache_evicted') > 0, '... which is full', stats)
note('%s entries, %s evicted' % (stats['cache_entries'],
                                 stats['cache_evicted']))
rest = dump.stdout.read().decode()
equal(dump.wait(), 0, 'the dump comes to its end')
ok(len(rest.splitlines()) > 100, '... with what is there now',
   rest[-1000:])
daemon.stop()
lab.stop()
done()
