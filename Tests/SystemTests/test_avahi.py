"""Service names by DNS-SD: a real avahi-daemon, alone with its bus in a namespace, advertises what a worker leaves in its folder."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import estiba

TOOLS = ["avahi-daemon", "avahi-browse", "dbus-daemon", "unshare", "nsenter"]
# What the daemon sees: a network of its own with a link that takes multicast, and run and service folders of its own.
INSIDE = r"""
set -e
mount -t tmpfs none /run
mkdir -p /run/dbus /run/avahi-daemon
chown avahi:avahi /run/avahi-daemon
mount --bind "$1" /etc/avahi/services
ip link set lo up multicast on
ip link add stage type veth peer name other
ip link set other up
ip link set stage up multicast on
ip addr add 10.111.0.1/24 dev stage
dbus-daemon --system --nopidfile --fork
avahi-daemon --no-drop-root --no-rlimits --no-chroot -f "$2" 2>"$1/../avahi.log" &
wait
"""
SETTINGS = """[server]
host-name=estiba-test
use-ipv6=no
allow-interfaces=stage
enable-dbus=yes
[publish]
publish-addresses=yes
"""


@unittest.skipUnless(estiba.IS_ROOT and all(map(shutil.which, TOOLS)), "avahi-daemon and its bus want root and their packages")
class Avahi(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-avahi-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.services = self.folder / "services"
        self.services.mkdir(mode=0o755)
        self.folder.chmod(0o755)
        (self.folder / "avahi.conf").write_text(SETTINGS)
        self.daemon = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INSIDE, "sh",
             self.services, self.folder / "avahi.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end)
        try:
            estiba.wait_for(lambda: self.browse() is not None or self.daemon.poll() is not None, 20, "avahi-daemon")
        except AssertionError:
            pass
        if self.daemon.poll() is not None or self.browse() is None:
            self.skipTest("avahi-daemon does not run here: " + self.said())

    def end(self):
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stderr.close()

    def said(self):
        log = self.folder / "avahi.log"
        return log.read_text(errors="replace")[-500:] if log.exists() else "no log"

    def inside(self):
        """The first process in the namespaces."""
        children = pathlib.Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
        return children[0] if children else None

    def browse(self, name="_estiba-service._tcp"):
        """What is advertised now, name by name; None while nobody answers."""
        inside = self.inside()
        if inside is None:
            return None
        done = subprocess.run(
            ["nsenter", "-t", inside, "-n", "-m", "-p", "avahi-browse", "--resolve", "--terminate", "--parsable", "--no-db-lookup", name],
            capture_output=True, timeout=20)
        if done.returncode != 0:
            return None
        found = {}
        for line in done.stdout.decode().splitlines():
            fields = line.split(";")
            if fields[0] == "=":
                found[unescaped(fields[3])] = {"port": int(fields[8]), "texts": ";".join(fields[9:])}
        return found

    def test_names_are_advertised_while_they_are_announced(self):
        with estiba.Up(nodes=1) as up:
            # `up` itself advertises nothing into this folder: its worker is told to, and started again.
            settings = up.folder / "node1.yaml"
            settings.write_text(settings.read_text() + f"avahi: {self.services}\n")
            (self.services / "estiba-node1-0123456789abcdef.service").write_text("left behind")
            up.kill("node1")
            estiba.wait_for(lambda: not list(self.services.iterdir()), what="the sweep at the start")

            name = "Läden <&> \"7\".a;b"
            execution = up.submit(
                {"nodes": ["node1"], "command": {"shell": "sleep 1000"}, "service": {"name": name, "port": 8443}}).json()["execution"]
            stays = up.submit(
                {"nodes": ["node1"], "command": {"shell": "true"}, "service": {"name": "stays", "permanent": True}}).json()["execution"]
            up.ended(stays)
            found = estiba.wait_for(lambda: len(self.browse() or {}) == 2 and self.browse(), 30, "both names")
            self.assertEqual(set(found), {name, "stays"})
            self.assertEqual(found[name]["port"], 8443)
            for text in ["user=root", "node=node1", f"execution={execution}"]:
                self.assertIn(text, found[name]["texts"])

            up.http("POST", f"executions/{execution}/stop", {"graceMilliseconds": 0})
            up.ended(execution)
            estiba.wait_for(lambda: set(self.browse() or {}) == {"stays"}, 30, "the end of the run's name")
            self.assertEqual(up.estiba("services", "remove", "stays").returncode, 0)
            estiba.wait_for(lambda: self.browse() == {}, 30, "the end of the removed name")
            self.assertEqual(os.listdir(self.services), [])


def unescaped(text):
    """avahi-browse writes what is no letter as \\DDD, a byte each."""
    found, rest = bytearray(), text.encode()
    while rest:
        if rest[:1] == b"\\" and rest[1:4].isdigit():
            found.append(int(rest[1:4]))
            rest = rest[4:]
        elif rest[:1] == b"\\":
            found += rest[1:2]
            rest = rest[2:]
        else:
            found += rest[:1]
            rest = rest[1:]
    return found.decode()
