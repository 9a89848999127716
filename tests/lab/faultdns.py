#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A DNS server that fails on command, for tests.

    faultdns.py [-a ADDR] [-p PORT] [-t TTL] [-n TTL] [-f ADDR@PORT]
                [-c CASEFILE:N] [-z ZONEFILE] [-u SOCKET] [-x COMMAND]...

It is authoritative for everything: what it holds no record of does not exist
(NXDOMAIN with a SOA of the root). With -f it holds nothing itself and relays
to a real server, so that a signed zone can be made to fail name by name.
It prints "ready PORT" when it serves; port 0 lets the kernel choose.

Records come from
  -c CASEFILE:N  the "zonedata" of document N (from 0) of an SPF test suite;
                 TIMEOUT there: every type not listed gets no answer. A name
                 that lists SPF and no TXT has the same as TXT.
  -z ZONEFILE    lines "NAME TTL TYPE VALUE"; a TXT value may be quoted
                 strings, else the rest of the line is one text.

Commands, one a line, on the unix socket SOCKET; each is answered by one line
(Client below). NAME is a name, "*.NAME" for it and all below it, or "*"; with
"/TYPE" behind it only that type.

  set NAME BEHAVIOUR...   drop | servfail | refused | formerr | notimp |
                          nxdomain | nosoa (empty answer without SOA) |
                          lame (a referral to the root) | truncate (on UDP) |
                          bogus (damages signatures; with -f) | delay MS
  clear [NAME]            forget the behaviours of NAME, or all
  add NAME TTL TYPE VALUE...    del NAME [TYPE]
  case FILE N             replace all records by that case
  count [NAME[/TYPE]]     queries seen (retries included)
  counts                  "NAME/TYPE=N" for all, separated by spaces
  reset                   all counts to 0
  quit
"""
import argparse
import heapq
import ipaddress
import os
import selectors
import shlex
import socket
import struct
import sys
import time

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15,
         'TXT': 16, 'AAAA': 28, 'DS': 43, 'RRSIG': 46, 'DNSKEY': 48,
         'SPF': 99, 'ANY': 255}
TYPE_TEXT = {number: text for text, number in TYPES.items()}
RCODES = {'formerr': 1, 'servfail': 2, 'nxdomain': 3, 'notimp': 4,
          'refused': 5}
QR_AA = 0x8400
TC = 0x0200
RD = 0x0100
HEADER = struct.Struct('>HHHHHH')
UPSTREAM_PATIENCE = 3.0  # seconds until a relayed question is forgotten


# Names are bytes in wire form, in lower case.

def name_from_text(text):
    """Wire form, or None for what cannot be a name."""
    wire = b''
    for label in text.lower().rstrip('.').split('.') if text != '.' else ():
        octets = label.encode('utf-8')
        if not 0 < len(octets) < 64:
            return None
        wire += bytes([len(octets)]) + octets
    return wire + b'\0' if len(wire) < 255 else None


def name_text(wire):
    labels, at = [], 0
    while wire[at]:
        labels.append(wire[at + 1:at + 1 + wire[at]].decode('latin-1'))
        at += 1 + wire[at]
    return '.'.join(labels) or '.'


def name_parents(wire):
    """The name itself, then each ancestor down to the root."""
    at = 0
    while True:
        yield wire[at:]
        if not wire[at]:
            return
        at += 1 + wire[at]


def name_end(packet, at):
    """The offset behind a possibly compressed name."""
    while packet[at]:
        if packet[at] >= 0xC0:
            return at + 2
        at += 1 + packet[at]
    return at + 1


def rdata(kind, value):
    """The RDATA of a value as a case file or zone line has it, or None."""
    if kind in ('TXT', 'SPF'):
        parts = value if isinstance(value, list) else [value]
        out = b''
        for part in parts or ['']:
            octets = str(part).encode('utf-8')
            for i in range(0, max(len(octets), 1), 255):
                piece = octets[i:i + 255]
                out += bytes([len(piece)]) + piece
        return out
    if kind == 'MX':
        preference, host = value if isinstance(value, list) else value.split()
        wire = name_from_text(str(host) or '.')
        return wire and struct.pack('>H', int(preference)) + wire
    if kind in ('CNAME', 'PTR', 'NS'):
        return name_from_text(value)
    if kind in ('A', 'AAAA'):
        return ipaddress.ip_address(value).packed
    raise ValueError('cannot write a %s record' % kind)


class Store:
    """The records: wire name -> type number -> list of (ttl, rdata)."""

    def __init__(self, ttl, negative_ttl):
        self.ttl, self.negative_ttl = ttl, negative_ttl
        self.clear()

    def clear(self):
        self.names, self.timeouts, self.above = {}, set(), set()

    def add(self, name, ttl, kind, value):
        wire = name_from_text(name)
        data = rdata(kind, value)
        if wire is None or data is None:
            return  # no resolver can ask for it either
        types = self.names.setdefault(wire, {})
        types.setdefault(TYPES[kind], []).append((ttl, data))
        self.above.update(name_parents(wire))

    def delete(self, name, kind=None):
        types = self.names.get(name_from_text(name), {})
        for number in [TYPES[kind]] if kind else list(types):
            types.pop(number, None)

    def load_case(self, path, number):
        import yaml
        with open(path, encoding='utf-8') as stream:
            documents = [d for d in yaml.safe_load_all(stream) if d]
        self.clear()
        for name, entries in documents[number]['zonedata'].items():
            self.load_case_name(str(name), entries or [])

    def load_case_name(self, name, entries):
        wire = name_from_text(name)
        if wire is None:
            return
        self.names.setdefault(wire, {})
        self.above.update(name_parents(wire))
        pairs = [pair for entry in entries if isinstance(entry, dict)
                 for pair in entry.items()]
        has_txt = any(kind == 'TXT' for kind, _ in pairs)
        for kind, value in pairs:
            if kind == 'TXT' and value == 'NONE':
                continue  # it only keeps SPF from counting as TXT
            self.add(name, self.ttl, kind, value)
            if kind == 'SPF' and not has_txt:
                self.add(name, self.ttl, 'TXT', value)
        if 'TIMEOUT' in entries:
            self.timeouts.add(wire)

    def load_zone(self, path):
        with open(path, encoding='utf-8') as stream:
            for line in stream:
                fields = line.split(None, 3)
                if fields and not line.startswith(';'):
                    self.add_line(fields)

    def add_line(self, fields):
        name, ttl, kind, value = fields
        value = value.strip()
        if kind == 'TXT' and value.startswith('"'):
            value = shlex.split(value)
        self.add(name, int(ttl), kind, value)

    def soa(self):
        zone = name_from_text('nobody.invalid')
        return (b'\0' + struct.pack('>HHIH', TYPES['SOA'], 1,
                                    self.negative_ttl, 2 * len(zone) + 20)
                + zone + zone
                + struct.pack('>IIIII', 1, 3600, 600, 86400,
                              self.negative_ttl))

    def answer(self, qname, qtype):
        """(rcode, answer records, authority records), or None to drop."""
        if qname == b'\0' and qtype in (TYPES['NS'], TYPES['SOA']):
            return self.apex(qtype)
        records, name = [], qname
        for _ in range(10):  # a CNAME loop is answered as far as it goes
            types = self.names.get(name)
            found = types.get(qtype) if types is not None else None
            if found is None and name in self.timeouts:
                return None
            if found:
                return 0, records + [self.record(name, qtype, *entry)
                                     for entry in found], []
            alias = types.get(TYPES['CNAME']) if types else None
            if not alias:
                rcode = 0 if name in self.above else RCODES['nxdomain']
                return rcode, records, [self.soa()]
            records.append(self.record(name, TYPES['CNAME'], *alias[0]))
            name = alias[0][1]
        return 0, records, []

    def apex(self, qtype):
        if qtype == TYPES['SOA']:
            return 0, [self.soa()], []
        return 0, [self.record(b'\0', qtype, self.ttl,
                               name_from_text('ns.invalid'))], []

    @staticmethod
    def record(name, number, ttl, data):
        return name + struct.pack('>HHIH', number, 1, ttl, len(data)) + data


class Faults:
    """Behaviours by (wire name, type or None), exact or for a whole tree."""

    def __init__(self):
        self.exact, self.tree = {}, {}

    @staticmethod
    def key(target):
        name, _, kind = target.partition('/')
        whole = name == '*' or name.startswith('*.')
        wire = name_from_text(name[2:] or '.' if whole else name)
        if wire is None:
            raise ValueError('no name: ' + name)
        return whole, (wire, TYPES[kind.upper()] if kind else None)

    def set(self, target, words):
        behaviour, words = {}, iter(words)
        for word in words:
            if word == 'delay':
                behaviour['delay'] = int(next(words)) / 1000
            elif word in RCODES or word in ('drop', 'nosoa', 'lame',
                                            'truncate', 'bogus'):
                behaviour['how'] = word
            else:
                raise ValueError('no behaviour: ' + word)
        whole, key = self.key(target)
        (self.tree if whole else self.exact)[key] = behaviour

    def clear(self, target=None):
        if target is None:
            self.exact, self.tree = {}, {}
            return
        whole, key = self.key(target)
        (self.tree if whole else self.exact).pop(key, None)

    def find(self, qname, qtype):
        if not self.exact and not self.tree:
            return {}
        for table, names in ((self.exact, [qname]),
                             (self.tree, name_parents(qname))):
            for name in names:
                for number in (qtype, None):
                    if (name, number) in table:
                        return table[name, number]
        return {}


class Query:
    """What is needed of a question: it must have exactly one."""

    def __init__(self, packet):
        self.id, flags, questions, _, _, extra = HEADER.unpack_from(packet)
        if flags & 0x8000 or questions != 1:
            raise ValueError('no query')
        end = name_end(packet, 12)
        self.question = packet[12:end + 4]
        self.name = bytes(packet[12:end]).lower()
        self.type, = struct.unpack_from('>H', packet, end)
        self.rd = flags & RD
        self.room, self.edns = 512, False
        if extra and packet[end + 4:end + 7] == b'\0\0\x29':
            self.room = max(512, struct.unpack_from('>H', packet, end + 7)[0])
            self.edns = True

    def reply(self, rcode, answer=(), authority=(), flags=0):
        opt = b'\0\0\x29\x04\xd0\0\0\0\0\0\0' if self.edns else b''
        return (HEADER.pack(self.id, QR_AA | self.rd | flags | rcode, 1,
                            len(answer), len(authority), 1 if opt else 0)
                + self.question + b''.join(answer) + b''.join(authority)
                + opt)


def damage_signatures(packet):
    """Flips one bit in the last octet of each RRSIG of the answer."""
    packet = bytearray(packet)
    _, _, questions, answers, authority, _ = HEADER.unpack_from(packet)
    at = 12
    for _ in range(questions):
        at = name_end(packet, at) + 4
    for _ in range(answers + authority):
        at = name_end(packet, at)
        number, _, _, length = struct.unpack_from('>HHIH', packet, at)
        at += 10 + length
        if number == TYPES['RRSIG']:
            packet[at - 1] ^= 1
    return bytes(packet)


class Server:
    def __init__(self, options):
        self.store = Store(options.ttl, options.negative_ttl)
        self.faults = Faults()
        self.counts = {}
        self.later = []      # heap of (when, sequence, function)
        self.sequence = 0
        self.relayed = {}    # upstream id -> (query, send, behaviour, when)
        self.running = True
        self.selector = selectors.DefaultSelector()
        self.upstream = None
        if options.forward:
            addr, _, port = options.forward.partition('@')
            self.upstream = (addr, int(port))
            self.relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.relay.connect(self.upstream)
            self.relay.setblocking(False)
            self.watch(self.relay, self.relay_readable)
        self.listen(options.addr, options.port)
        if options.control:
            self.listen_control(options.control)

    def watch(self, sock, readable):
        self.selector.register(sock, selectors.EVENT_READ, readable)

    def forget(self, sock):
        self.selector.unregister(sock)
        sock.close()

    def listen(self, addr, port):
        family = socket.AF_INET6 if ':' in addr else socket.AF_INET
        for _ in range(20):  # port 0: UDP and TCP must agree on one
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.udp.bind((addr, port))
            self.port = self.udp.getsockname()[1]
            tcp = socket.socket(family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind((addr, self.port))
                break
            except OSError:
                if port:
                    raise
        tcp.listen(128)
        for sock in (self.udp, tcp):
            sock.setblocking(False)
        self.watch(self.udp, self.udp_readable)
        self.watch(tcp, self.tcp_acceptable)

    # Questions and answers

    def respond(self, packet, send, tcp):
        """Answers `packet` through send(bytes), at once or later."""
        try:
            query = Query(packet)
        except (ValueError, IndexError, struct.error):
            return
        key = (query.name, query.type)
        self.counts[key] = self.counts.get(key, 0) + 1
        behaviour = self.faults.find(*key)
        how = behaviour.get('how')
        if how == 'drop':
            return
        if 'delay' in behaviour:
            now, direct = time.monotonic() + behaviour['delay'], send
            send = lambda answer: self.at(now, lambda: direct(answer))
        if how in RCODES:
            soa = [self.store.soa()] if how == 'nxdomain' else []
            send(query.reply(RCODES[how], authority=soa))
        elif how == 'nosoa':
            send(query.reply(0))
        elif how == 'lame':
            root = self.store.record(b'\0', TYPES['NS'], self.store.ttl,
                                     name_from_text('ns.invalid'))
            send(query.reply(0, authority=[root]))
        elif how == 'truncate' and not tcp:
            send(query.reply(0, flags=TC))
        elif self.upstream:
            self.ask_upstream(packet, query, send, how, tcp)
        else:
            self.answer(query, send, tcp)

    def answer(self, query, send, tcp):
        found = self.store.answer(query.name, query.type)
        if found is None:
            return
        packet = query.reply(*found)
        if len(packet) > query.room and not tcp:
            packet = query.reply(found[0], flags=TC)
        send(packet)

    def at(self, when, function):
        self.sequence += 1
        heapq.heappush(self.later, (when, self.sequence, function))

    def udp_readable(self, sock):
        for _ in range(200):
            try:
                packet, peer = sock.recvfrom(4096)
            except OSError:
                return
            self.respond(packet, lambda answer, peer=peer:
                         self.udp_send(answer, peer), False)

    def udp_send(self, answer, peer):
        try:
            self.udp.sendto(answer, peer)
        except OSError:
            pass  # as if the network had lost it

    def tcp_acceptable(self, sock):
        connection, _ = sock.accept()
        connection.settimeout(2)
        pending = bytearray()
        self.watch(connection,
                   lambda sock: self.tcp_readable(sock, pending))

    def tcp_readable(self, sock, pending):
        try:
            data = sock.recv(4096)
        except OSError:
            data = b''
        if not data:
            self.forget(sock)
            return
        pending += data
        while len(pending) >= 2:
            length = int.from_bytes(pending[:2], 'big')
            if len(pending) < 2 + length:
                return
            packet = bytes(pending[2:2 + length])
            del pending[:2 + length]
            self.respond(packet, lambda answer: self.tcp_send(sock, answer),
                         True)

    @staticmethod
    def tcp_send(sock, answer):
        try:
            sock.sendall(len(answer).to_bytes(2, 'big') + answer)
        except OSError:
            pass

    # The relay

    def ask_upstream(self, packet, query, send, how, tcp):
        change = damage_signatures if how == 'bogus' else bytes
        if tcp:
            answer = self.ask_upstream_tcp(packet)
            if answer:
                send(change(answer))
            return
        self.sequence += 1
        own = self.sequence & 0xFFFF
        self.relayed[own] = (query.id, send, change)
        self.at(time.monotonic() + UPSTREAM_PATIENCE,
                lambda: self.relayed.pop(own, None))
        try:
            self.relay.send(struct.pack('>H', own) + packet[2:])
        except OSError:
            pass  # upstream is down: no answer

    def ask_upstream_tcp(self, packet):
        try:
            with socket.create_connection(self.upstream, 2) as sock:
                sock.sendall(len(packet).to_bytes(2, 'big') + packet)
                stream = sock.makefile('rb')
                length = int.from_bytes(stream.read(2), 'big')
                return stream.read(length)
        except OSError:
            return None

    def relay_readable(self, sock):
        while True:
            try:
                answer = sock.recv(65535)
            except OSError:
                return
            waiting = self.relayed.pop(int.from_bytes(answer[:2], 'big'),
                                       None)
            if waiting:
                own, send, change = waiting
                send(change(struct.pack('>H', own) + answer[2:]))

    # Commands

    def listen_control(self, path):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        sock.listen(8)
        self.watch(sock, self.control_acceptable)

    def control_acceptable(self, sock):
        connection, _ = sock.accept()
        connection.settimeout(2)
        stream = connection.makefile('rw', encoding='utf-8')
        self.watch(connection,
                   lambda sock: self.control_readable(sock, stream))

    def control_readable(self, sock, stream):
        try:
            line = stream.readline()
            if not line:
                self.forget(sock)
                return
            stream.write(self.command(line) + '\n')
            stream.flush()
        except OSError:
            self.forget(sock)

    def command(self, line):
        words = line.split()
        if not words:
            return 'error empty'
        handler = getattr(self, 'command_' + words[0], None)
        try:
            return (handler(*words[1:]) or 'ok') if handler else \
                'error no such command'
        except (ValueError, KeyError, TypeError, IndexError, OSError) as why:
            return 'error %s' % ' '.join(str(why).split())

    def command_set(self, target, *words):
        self.faults.set(target, words)

    def command_clear(self, target=None):
        self.faults.clear(target)

    def command_add(self, name, ttl, kind, *value):
        self.store.add_line([name, ttl, kind, ' '.join(value)])

    def command_del(self, name, kind=None):
        self.store.delete(name, kind)

    def command_case(self, path, number):
        self.store.load_case(path, int(number))

    def command_count(self, target='*'):
        whole, (wire, number) = self.faults.key(target)
        return str(sum(
            count for (name, kind), count in self.counts.items()
            if number in (None, kind)
            and (name == wire or whole and wire in name_parents(name))))

    def command_counts(self):
        return ' '.join('%s/%s=%d' % (name_text(name),
                                      TYPE_TEXT.get(kind, kind), count)
                        for (name, kind), count in self.counts.items())

    def command_reset(self):
        self.counts.clear()

    def command_quit(self):
        self.running = False

    def run(self):
        while self.running:
            timeout = None
            if self.later:
                timeout = max(0, self.later[0][0] - time.monotonic())
            for key, _ in self.selector.select(timeout):
                key.data(key.fileobj)
            while self.later and self.later[0][0] <= time.monotonic():
                heapq.heappop(self.later)[2]()


class Client:
    """Gives commands to a running server: client('set', name, 'drop')."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(path)
        self.stream = self.sock.makefile('rw', encoding='utf-8')

    def __call__(self, *words):
        self.stream.write(' '.join(str(word) for word in words) + '\n')
        self.stream.flush()
        reply = self.stream.readline().rstrip('\n')
        if reply.startswith('error'):
            raise ValueError(reply)
        return reply

    def count(self, target='*'):
        return int(self('count', target))

    def close(self):
        self.stream.close()
        self.sock.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('-a', dest='addr', default='127.0.0.1')
    parser.add_argument('-p', dest='port', type=int, default=0)
    parser.add_argument('-t', dest='ttl', type=int, default=300)
    parser.add_argument('-n', dest='negative_ttl', type=int, default=300)
    parser.add_argument('-f', dest='forward')
    parser.add_argument('-c', dest='case')
    parser.add_argument('-z', dest='zone')
    parser.add_argument('-u', dest='control')
    parser.add_argument('-x', dest='commands', action='append', default=[])
    options = parser.parse_args()
    server = Server(options)
    if options.case:
        path, _, number = options.case.rpartition(':')
        server.store.load_case(path, int(number))
    if options.zone:
        server.store.load_zone(options.zone)
    for line in options.commands:
        reply = server.command(line)
        if reply.startswith('error'):
            sys.exit('faultdns: %s: %s' % (line, reply))
    print('ready %d' % server.port, flush=True)
    try:
        server.run()
    finally:
        if options.control:
            os.unlink(options.control)


if __name__ == '__main__':
    main()
