"""What a chaos run is done to: what all have in common, and `estiba up` with a bad network between its parts (`Up`). The other
one is in parts.py."""

import errno
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time
import urllib.parse

import estiba
from chaos import ledger, relay
from chaos.processes import alive, parent, processes

PORTS_OF_A_BROKER = 5


class Installation:
    """What both have in common. `parts` is {role: [names]}, `gateways` [(host, port, token)], `links` {name: Link}."""

    def __init__(self, seed):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-chaos-"))
        self.folder.chmod(0o755)
        self.ledger = ledger.Ledger(self.folder)
        self.network = relay.Network()
        self.seed, self.links = seed, {}
        self.volumes = {}

    def link(self, name, number, target, base):
        """An address of its own where the broker's ports are found again, behind a link."""
        address = f"127.77.{os.getpid() % 250 + 1}.{number + 1}"
        self.links[name] = self.network.link(name, self.seed, address, target, range(base, base + PORTS_OF_A_BROKER))
        return address

    def everyone(self):
        return [name for names in self.parts.values() for name in names]

    def signal(self, part, number):
        pid = self.pid(part)
        try:
            os.kill(pid, number)
        except (ProcessLookupError, TypeError):
            return None
        return pid

    def kill(self, part):
        return self.signal(part, signal.SIGKILL)

    def terminate(self, part):
        return self.signal(part, signal.SIGTERM)

    def pause(self, part):
        return self.signal(part, signal.SIGSTOP)

    def resume(self, pid):
        """Not by the part's name: another process may have its place by now."""
        try:
            if pid:
                os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def supervisors(self):
        """Those of runs; what one of them has started and has not become another program yet is none."""
        found = {pid for pid, line in processes(str(self.data).encode()).items() if "estiba-supervisor " in line}
        return [pid for pid in found if parent(pid) not in found]

    def kill_supervisor(self, which):
        """SIGKILL for one of those that are there."""
        there = sorted(self.supervisors())
        if not there:
            return None
        pid = there[int(which * len(there))]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return pid

    def fill(self, name):
        """A file takes all that is free on a small file system."""
        try:
            with open(self.volumes[name] / "filler", "ab", buffering=0) as file:
                while file.write(bytes(64 << 10)):
                    pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self, name):
        (self.volumes[name] / "filler").unlink(missing_ok=True)

    def missing(self):
        """The parts that do not come (back)."""
        def absent():
            return [part for part in self.everyone() if not (self.pid(part) and alive(self.pid(part)))]

        # What was killed a moment ago may look as if it were there.
        time.sleep(0.3)
        end = time.monotonic() + 20
        while (gone := absent()) and time.monotonic() < end:
            time.sleep(0.1)
        return gone

    def crashes(self):
        """What parts said as they ended by a fault of their own; whoever started them has hidden it by starting the next."""
        words = ("Assertion failed", "*** Signal", "Fatal error", "Program crashed")
        return [f"{log.stem}: {line}" for log in sorted(self.logs.glob("*.log"))
                for line in log.read_text(errors="replace").splitlines() if any(word in line for word in words)]

    def leftovers(self):
        """Processes of runs that are still there a moment after all runs have ended."""
        def runs():
            return [f"{pid} {line}" for pid, line in processes(str(self.ledger.path).encode()).items()] + [
                f"{pid} supervisor" for pid in self.supervisors()]

        end = time.monotonic() + 10
        while runs() and time.monotonic() < end:
            time.sleep(0.1)
        return runs()


class Up(Installation):
    """`estiba up`: a broker, a gateway, three nodes, each of these four on a link of its own."""

    def __init__(self, seed):
        super().__init__(seed)
        self.parts = {"broker": ["broker"], "worker": ["node1", "node2", "node3"], "gateway": ["gateway"]}
        try:
            self.up = estiba.Up(nodes=3)
            for number, part in enumerate(["gateway", *self.parts["worker"]]):
                self.move(part, number)
            for part in ["gateway", *self.parts["worker"]]:
                before = self.up.kill(part)
                estiba.wait_for(lambda: self.pid(part) not in (None, before), 20, part)
        except BaseException:
            self.stop()
            raise
        place = urllib.parse.urlsplit(self.up.url)
        self.gateways = [(place.hostname, place.port, self.up.token)]
        self.data, self.logs = self.up.folder, self.up.folder / "log"

    def move(self, part, number):
        """A part finds its broker behind a link from its next start on."""
        file = self.up.folder / f"{part}.yaml"
        settings = file.read_text()
        base = int(re.search(r"^brokers: .*127\.0\.0\.1:(\d+)", settings, re.M).group(1))
        address = self.link(part, number, "127.0.0.1", base)
        file.write_text(re.sub(r"(?m)^(brokers: .*)127\.0\.0\.1:", rf"\g<1>{address}:", settings))

    def pid(self, part):
        try:
            return self.up.pids().get(part)
        except (OSError, ValueError):
            return None

    def stop(self):
        try:
            if hasattr(self, "up"):
                self.up.stop()
        finally:
            self.network.close()
            shutil.rmtree(self.folder, ignore_errors=True)
