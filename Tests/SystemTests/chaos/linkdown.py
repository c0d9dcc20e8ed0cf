"""Run by test_link_down within a network namespace of its own: a node in another one, and the link between them."""

import subprocess
import time

import compose
import estiba
from chaos import case, parts


class Within(case.Printing):
    @classmethod
    def make(cls):
        cls.far = compose.Namespace()
        cls.addClassCleanup(cls.far.close)
        ip("link", "add", "near", "type", "veth", "peer", "name", "eth0", "netns", cls.far.holder.pid)
        ip("address", "add", "10.78.0.1/24", "dev", "near")
        ip("link", "set", "near", "up")
        cls.far.run("ip", "address", "add", "10.78.0.2/24", "dev", "eth0")
        cls.far.run("ip", "link", "set", "eth0", "up")
        return parts.Parts(
            1, brokers=1, gateways=1, nodes=2, settings={"broker1": {"listen": "10.78.0.1"}},
            addresses=dict.fromkeys(["node1", "node2", "gateway1"], "10.78.0.1"), within={"node1": cls.far.within()})

    def test_it_is_away_meanwhile_and_goes_on_where_it_was(self):
        execution = self.start()
        self.far.run("ip", "link", "set", "eth0", "down")
        began = time.monotonic()
        estiba.wait_for(lambda: not self.is_present("node1"), 20, "its absence")
        away = time.monotonic() - began
        waiting = self.submit(["node1", "node2"], "echo", "well")
        estiba.wait_for(lambda: self.runs(waiting)["node2"]["state"] == "exited", 20, "the other node")
        self.assertEqual(self.runs(waiting)["node1"]["state"], "waiting")
        self.far.run("ip", "link", "set", "eth0", "up")
        began = time.monotonic()
        estiba.wait_for(lambda: self.is_present("node1"), 30, "its return")
        back = time.monotonic() - began
        self.goes_on(execution)
        self.assertEqual({run["state"] for run in self.ended(waiting).values()}, {"exited"})
        self.finish(execution)
        print(f"(away after {away:.1f} s, back after {back:.1f} s)")


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)
