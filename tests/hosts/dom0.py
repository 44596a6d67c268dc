"""A host whose dom0 is the small Debian system of scripts/make-dom0-image with our control stack, and guests in it."""

import contextlib
import re
import socket
import time

import host as host_module
from host import HostError, LONG_WAIT, PROMPT

GUEST_PROMPT = r"guest# "
GUEST_READY = r"GUEST-READY cpus=(\d+) mem=(\d+)"
GUEST_KERNEL = "/boot/guest/vmlinuz"


class Dom0(host_module.Host):
    """As Host; image_options choose the dom0 disk (see scripts/make-dom0-image), files go to /root, placed is a list of
    (file, path in dom0), stack says what starts at boot."""

    def __init__(self, name, image_options=(), files=(), placed=(), stack="xenith", qemu=(), kernel="", mem=2048,
                 cpus=2, limit=1500, xen="dom0_mem=768M", **settings):
        self._tool = "xl" if stack == "debian" else "xm"
        self._before = None
        self._ready_before = {}
        self._tools = host_module.BUILD / ("tools-%s.tar" % re.sub(r"\W+", "_", name))
        places = [part for file, path in placed for part in ("-s", "%s=%s" % (file, path))]
        host_module._script("make-tools-disk", *places, "-o", self._tools, *files)
        disk = host_module._script("make-dom0-image", *image_options)
        drives = ["-drive", "file=%s,format=raw,if=virtio,snapshot=on,cache=unsafe" % disk,
                  "-drive", "file=%s,format=raw,if=virtio,read-only=on" % self._tools]
        super().__init__(name, cpus=cpus, mem=mem, limit=limit, xen=xen, qemu=[*drives, *qemu],
                         kernel="quiet root=/dev/vda stack=%s %s" % (stack, kernel), **settings)

    def close(self):
        """Also removes the disk with the tools."""
        super().close()
        self._tools.unlink(missing_ok=True)

    def wait_ready(self, timeout=240):
        """The control stack starts before dom0 says that it is ready."""
        return super().wait_ready(timeout)

    def run(self, command, timeout=30):
        """As of any host, without the signs of life that xm overwrites when it is done."""
        status, output = super().run(command, timeout)
        return status, re.sub(r"[^\n]*\x1b\[K", "", output)

    # What the control stack says

    def table(self, command, timeout=60):
        """Output of a command that prints a heading and rows, as lists of words, without the heading."""
        lines = self.check(command + " </dev/null 2>/dev/null", timeout).splitlines()
        return [line.split() for line in lines[1:] if line.strip()]

    def domains(self):
        """{name: (id, MiB, vcpus, state, seconds)} of what runs."""
        rows = self.table("xm list")
        return {row[0]: (int(row[1]), int(row[2]), int(row[3]), row[4], float(row[5])) for row in rows if len(row) == 6}

    def info(self, key):
        """One value of xm info."""
        match = re.search(r"^%s +: (.*)$" % key, self.check("xm info", 60), re.M)
        if not match:
            raise HostError("xm info has no " + key)
        return match.group(1)

    def wait_until(self, what, condition, timeout=60):
        """Waits until a condition is true, and returns what it gave."""
        begin, doubted = time.monotonic(), False
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() - begin > LONG_WAIT and not doubted:
                self.forget_translations(what)
                doubted = True
            if time.monotonic() - begin > timeout:
                raise HostError("after %d s still not: %s" % (timeout, what))
            time.sleep(1)

    def leftovers(self):
        """What a host without guests has of the things that guests bring with them; two such states compare."""
        return {
            "store": self.check("xenstore-ls -f /local/domain | grep -v ^/local/domain/0/; xenstore-ls -f /vm; "
                                "xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E 'backend/[a-z]+/[0-9]' || :", 60),
            "loops": self.check("losetup -a"),
            "interfaces": self.check("ls /sys/class/net"),
            "states": self.check("ls /var/lib/xend/state"),
            "devices": self.check("ls /sys/bus/xen-backend/devices"),
        }

    def configure(self, options):
        """From now on xend has these options and no others; they hold no double quote."""
        self.check("echo \"%s\" >/etc/xen/xend-config.sxp && xend restart" % options, 120)

    def add_bridge(self, number=1):
        """A bridge xenbr0 for guests' interfaces, on which dom0 is 10.9.0.number."""
        self.check("ip link add xenbr0 type bridge && ip link set xenbr0 up && ip addr add 10.9.0.%d/24 dev xenbr0" % number)

    def remember(self):
        """Takes down what this host has without guests, for frees_all()."""
        self._before = self.leftovers(), int(self.info("free_memory"))

    def frees_all(self, timeout=60, slack=None):
        """Waits until nothing of any guest is left since remember(), and the same memory is free again; with slack, at
        least that but for slack MiB."""
        left, free = self._before

        def is_free():
            now = int(self.info("free_memory"))
            return now == free if slack is None else now >= free - slack

        self.wait_until("only dom0 runs", lambda: set(self.domains()) == {"Domain-0"}, timeout)
        self.wait_until("nothing is left", lambda: self.leftovers() == left, timeout)
        self.wait_until("all memory is free", is_free, timeout)

    def refuses(self, command, text, timeout=180):
        """A command must fail and say why in its last line."""
        status, output = self.run(command + " </dev/null", timeout)
        if not status or text not in output.splitlines()[-1]:
            raise HostError("%r ended with %d: %s" % (command, status, output))

    # Guests

    def create(self, name, *variables, config="/root/pv.cfg", timeout=180):
        """Starts a guest; variables are NAME=VALUE words of xm create."""
        # The log goes on from one guest of a name to the next.
        self._ready_before[name] = len(self._ready(name))
        words = " ".join("'%s'" % word for word in ("name=" + name, *variables))
        self.check("xm create -q %s %s </dev/null" % (config, words), timeout)

    def destroy(self, name):
        """Ends a guest, the last that there is, and waits until nothing is left of it."""
        self.check("xm destroy " + name, 60)
        self.frees_all()

    def save(self, name, options=""):
        """Saves a guest to /root/saved."""
        self.check("xm save %s %s /root/saved </dev/null" % (options, name), 180)

    def restore(self):
        """Brings back the guest that save() saved."""
        self.check("xm restore /root/saved </dev/null", 180)

    def _ready(self, name):
        """What the log of a guest's console has of each time that it has come up."""
        return re.findall(GUEST_READY, self.run("grep -a GUEST-READY /var/log/xen/console/guest-%s.log" % name, 60)[1])

    def wait_guest(self, name, timeout=180, times=1):
        """Waits until a guest has come up so many times since its creation; (CPUs, KiB) as it counts them, the last time."""
        def look():
            found = self._ready(name)[self._ready_before.get(name, 0):]
            return found if len(found) >= times else None

        cpus, memory = self.wait_until("%s is up" % name, look, timeout)[-1]
        return int(cpus), int(memory)

    def log_in(self, name):
        """Gets root's shell on the console of a Debian guest, as plain as that of the small guest."""
        self.type("xm console %s\r" % name)
        self.expect("guest login: ", 900)
        # agetty throws away what is typed before it is ready to read.
        time.sleep(2)
        self.type("root\r")
        self.expect(r"root@guest:[^\n]*# ", 300)
        self.type("stty cols 1000; PS1='%s' exec dash\r" % GUEST_PROMPT)
        self.expect(r"[\r\n]" + GUEST_PROMPT, 60)
        self.type("\x1d")
        self.expect(PROMPT, 30)

    def _open_console(self, name):
        """Guest's prompt, with xm console. What is typed before the console is open is lost."""
        self.type("%s console %s\r" % (self._tool, name))
        for _ in range(20):
            self.type("\r")
            try:
                self.expect(GUEST_PROMPT, 3)
                return
            except HostError:
                pass
        raise HostError("%s shows no prompt" % name)

    def in_guest(self, name, command, timeout=60):
        """Runs one shell line in a guest over its console; returns (exit status, output)."""
        self._sequence += 1
        number = self._sequence
        self._open_console(name)
        self.type('%s; echo "=r""c%d:$?="\r' % (command, number))
        match = self.expect(r"=rc%d:(\d+)=" % number, timeout)
        # The console also shows again what it said before: our output begins behind the echo of the line.
        # A late prompt may stand in the middle of the echo.
        text = re.sub(r'(?s).*c%d:\$\?=(%s)*"' % (number, GUEST_PROMPT), "", self.before.replace("\r", ""))
        self.expect(GUEST_PROMPT, 30)
        self.type("\x1d")
        self.expect(PROMPT, 30)
        # Prompts for the empty lines that opened it come late from a slow guest.
        lines = [re.sub("^(%s)+" % GUEST_PROMPT, "", line) for line in text.split("\n")
                 if not re.match(r"\(XEN\)|\[ *\d+\.\d+\]|<\d>", line)]
        return int(match.group(1)), "\n".join(lines).strip()

    def check_guest(self, name, command, timeout=60):
        """Runs one shell line in a guest, which must succeed; returns its output."""
        status, output = self.in_guest(name, command, timeout)
        if status:
            raise HostError("in %s, %r ended with %d: %s" % (name, command, status, output))
        return output


# Options of xend for a host that moves domains to itself, and for the hosts of two_hosts().
OWN_RELOCATION = "(xend-relocation-server yes)(xend-relocation-address localhost)"
RELOCATION = "(xend-relocation-server yes)(xend-relocation-plain yes)(xend-relocation-hosts-allow '^10[.]9[.]0[.][12]$')"
LINK = "00:16:3e:00:01:0"


def free_port():
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def two_hosts(name, qemu=(), **settings):
    """Two hosts that move guests to each other. A card of one is joined to that of the other, as ports of their bridges;
    dom0s are 10.9.0.1 and 10.9.0.2 there. In an option of QEMU, {number} stands for that of the host."""
    port = free_port()
    made = []
    with contextlib.ExitStack() as stack:
        for number, end in ((1, "listen"), (2, "connect")):
            link = ["-netdev", "socket,id=link,%s=127.0.0.1:%d" % (end, port),
                    "-device", "virtio-net-pci,netdev=link,mac=%s%d" % (LINK, number)]
            own = [part.format(number=number) for part in qemu]
            made.append(stack.enter_context(Dom0("%s_%d" % (name, number), qemu=[*own, *link], **settings)))
            made[-1].wait_ready(600)
        for number, host in enumerate(made, 1):
            host.add_bridge(number)
            host.check("for i in /sys/class/net/e*; do ! grep -q %s $i/address || ip link set ${i##*/} master xenbr0 up; done"
                       % LINK)
            host.configure(RELOCATION)
            host.remember()
        made[1].check("ping -c 1 -w 60 10.9.0.1", 80)
        yield made
