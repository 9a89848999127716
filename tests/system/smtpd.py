# SPDX-License-Identifier: ISC
"""The side of qmail-smtpd that a QMAILQUEUE program sees (qmail.c).

    out = Smtpd(program, environment, error_fd=4).deliver(message, envelope)

A program gets three pipes: the message on descriptor 0, the envelope on 1, and
for the dialects that have one, the error text on `error_fd`. The message is
written first and closed, then the envelope; then the text is read to its end,
and only then is the program waited for. `reply` is what the client is told.
"""
import os
import select
import signal
import time

# name, descriptor, exit codes whose text counts, first digit without a text
DIALECTS = {
    'netqmail': (4, (82,)),
    'simscan': (4, (82,)),
    'sagredo': (4, (82, 88)),
    'notqmail': (6, (82,)),
    'indimail': (2, (82, 88)),
    'plain': (None, ()),
}


def envelope(sender='list@example.net', *recipients):
    recipients = recipients or ('bob@example.org',)
    text = 'F%s\0' % sender + ''.join('T%s\0' % one for one in recipients)
    return text.encode('utf-8', 'surrogateescape') + b'\0'


class Outcome:
    status = signal = None
    text = b''
    seconds = 0.0
    stderr = b''
    pid = 0
    peak_kb = 0
    wrote_all = True

    def reply(self, dialect):
        """What the client reads, as the dialect's qmail-smtpd makes it."""
        if self.signal:
            return b'451 qq crashed (#4.3.0)'
        if self.status in DIALECTS[dialect][1]:
            if not 2 < len(self.text) <= 255:
                return b'451 unable to exec qq (#4.3.0)'
            return (b'554 ' if self.text[:1] == b'D' else b'451 ') + \
                self.text[1:]
        if self.status == 0:
            return b'250 ok'
        if 11 <= self.status <= 40 or self.status == 115:
            return b'554 mail server permanently rejected message (#5.3.0)'
        return b'451 temporary problem (#4.3.0)'


class Smtpd:
    def __init__(self, program, environment, error_fd=None, limits=(),
                 cwd='/'):
        self.program, self.environment = program, environment
        self.error_fd, self.limits, self.cwd = error_fd, limits, cwd

    def child(self, message, envelope_, error):
        """Never returns. Nothing but the wanted descriptors stays open."""
        try:
            os.chdir(self.cwd)
            wanted = {0: message, 1: envelope_}
            if error is not None:
                wanted[self.error_fd] = error
            if 2 not in wanted:
                wanted[2] = self.log
            high = {fd: os.dup2(old, 100 + fd) for fd, old in wanted.items()}
            os.closerange(0, 100)
            for fd, old in high.items():
                os.dup2(old, fd, inheritable=True)
            os.closerange(100, 4096)
            for what, limit in self.limits:
                import resource
                resource.setrlimit(what, limit)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            # Which Python ignores.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            os.execve(self.program, [self.program], self.environment)
        finally:
            os._exit(120)

    def start(self):
        """Returns (pid, message pipe, envelope pipe, error pipe or None)."""
        message, envelope_ = os.pipe(), os.pipe()
        error = os.pipe() if self.error_fd is not None else (None, None)
        self.log = os.memfd_create('stderr')
        pid = os.fork()
        if pid == 0:
            self.child(message[0], envelope_[0], error[1])
        for fd in (message[0], envelope_[0], error[1]):
            if fd is not None:
                os.close(fd)
        return pid, message[1], envelope_[1], error[0]

    def deliver(self, message, envelope_, meanwhile=None, chunk=65536,
                pause=0):
        """`envelope_` may be cut short: the client went away. `meanwhile` is
        called with the process id when all is written."""
        out = Outcome()
        out.pid, to_message, to_envelope, error = self.start()
        out.wrote_all = write_all(to_message, message, chunk, pause)
        started = time.monotonic()
        # After a failed write qmail.c writes nothing more, and closes.
        if out.wrote_all:
            out.wrote_all = write_all(to_envelope, envelope_, chunk, pause)
        else:
            os.close(to_envelope)
        if meanwhile:
            meanwhile(out.pid)
        if error is not None:
            out.text = read_all(error)
        _, status, usage = os.wait4(out.pid, 0)
        out.seconds = time.monotonic() - started
        out.peak_kb = usage.ru_maxrss
        if os.WIFSIGNALED(status):
            out.signal = os.WTERMSIG(status)
        else:
            out.status = os.WEXITSTATUS(status)
        os.lseek(self.log, 0, os.SEEK_SET)
        out.stderr = read_all(self.log)
        return out


def write_all(fd, octets, chunk, pause):
    """False if nobody reads."""
    view = memoryview(octets)
    try:
        while view:
            view = view[os.write(fd, view[:chunk]):]
            time.sleep(pause)
        return True
    except BrokenPipeError:
        return False
    finally:
        os.close(fd)


def read_all(fd, seconds=300):
    octets = b''
    try:
        while select.select([fd], [], [], seconds)[0]:
            piece = os.read(fd, 65536)
            if not piece:
                return octets
            octets += piece
        raise RuntimeError('the descriptor stays open')
    finally:
        os.close(fd)


# --- The side that a client sees ---------------------------------------------

def session(lines, say):
    """As much of SMTP as one client needs; the environment is tcpserver's."""
    helo, sender, recipients = 'unknown', '', []
    say('220 mx.example.net ESMTP')
    for line in lines:
        words = line.decode('latin-1').strip()
        verb, rest = words[:4].upper(), words.partition(':')[2].strip(' <>')
        if verb == 'DATA':
            say('354 go ahead')
            say(message_take(lines, helo, sender, recipients))
            continue
        if verb == 'HELO':
            helo = words[5:]
        elif verb == 'MAIL':
            sender, recipients = rest, []
        elif verb == 'RCPT':
            recipients.append(rest)
        say('221 bye' if verb == 'QUIT' else '250 ok')
        if verb == 'QUIT':
            break


def message_take(lines, helo, sender, recipients):
    """The reply to a message, which begins with the server's own field."""
    top = 'Received: from %s (HELO %s) (%s)\n  by mx.example.net with SMTP; ' \
        '1 Jan 2024 12:00:00 -0000\n' % (
            os.environ.get('TCPREMOTEHOST', 'unknown'), helo,
            os.environ['TCPREMOTEIP'])
    octets = top.encode('latin-1')
    for line in lines:
        if line == b'.\r\n':
            break
        octets += line[line.startswith(b'.'):].replace(b'\r\n', b'\n')
    program = os.environ.get('QMAILQUEUE', os.environ['QMAIL_QUEUE'])
    out = Smtpd(program, dict(os.environ), 4).deliver(
        octets, envelope(sender, *recipients))
    reply = out.reply('netqmail').decode('latin-1')
    return reply + (' qp %d' % out.pid if out.status == 0 else '')


def main():
    def say(text):
        os.write(1, text.encode('latin-1') + b'\r\n')
    with os.fdopen(0, 'rb', closefd=False) as lines:
        session(iter(lines.readline, b''), say)


if __name__ == '__main__':
    main()
