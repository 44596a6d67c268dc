"""Has QEMU read all code anew.

QEMU 7.2, with a thread for each processor, translates code before it protects its page from stores that it would not see. A
store by another processor in between is missed, and the old code goes on to be executed, in place of what is in memory, for
good. Kernels patch themselves while they run, with breakpoints that are taken away again; one of these may so be executed
for ever. It takes a store within the microseconds in which a page is executed for the first time: once in hundreds of boots.

After a step of its debugger QEMU drops all translations. What the machine itself does wrong stays wrong."""

import contextlib
import os
import socket

STEP_SECONDS = 5


class Debugger:
    """The emulator's debugger, by the protocol of gdb's remote targets. While it is connected the machine stands still."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)

    def command(self, text, answer, seconds):
        """Sends a command, and reads until something contains this answer; returns whether it came in time."""
        self._socket.sendall(b"$%s#%02x" % (text, sum(text) % 256))
        return self.wait(answer, seconds)

    def wait(self, answer, seconds):
        """Reads until something contains this answer; returns whether it came in time."""
        heard = b""
        self._socket.settimeout(seconds)
        with contextlib.suppress(socket.timeout):
            while answer not in heard:
                data = self._socket.recv(4096)
                if not data:
                    return False
                heard += data
                self._socket.sendall(b"+" * data.count(b"$"))
        return answer in heard

    def interrupt(self):
        """Ends a step that does not end by itself: its processor waits for an interrupt."""
        self._socket.sendall(b"\x03")
        return self.wait(b"$T", 1)

    def close(self):
        """The machine does not go on by that."""
        self._socket.close()


def forget(qmp, directory):
    """The emulator of this control socket drops its translations; the machine stands still for less than a second."""
    path = os.path.join(directory, "debugger")
    qmp.command("human-monitor-command", **{"command-line": "gdbserver unix:%s,server=on,wait=off" % path})
    debugger = Debugger(path)
    try:
        debugger.wait(b"$T", 1)
        # Steps with interrupts, or a processor that waits for one would not take any.
        debugger.command(b"Qqemu.sstep=1", b"$OK", 1)
        if not debugger.command(b"s", b"$T05", STEP_SECONDS):
            debugger.interrupt()
        debugger.command(b"D", b"$OK", 1)
    finally:
        debugger.close()
        qmp.command("human-monitor-command", **{"command-line": "gdbserver none"})
        qmp.command("cont")
