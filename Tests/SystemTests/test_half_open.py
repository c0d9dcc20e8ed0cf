"""Connections that are open for one end only, parts that do not answer: away after 5 s, rebuilt within 10 s, nothing lost."""

import json
import os
import re
import signal
import socket
import threading
import time
import unittest

import estiba

# A silence counts after 5 s; it is looked for once a second, and a loaded machine is late.
AWAY_SECONDS = 5 + 1 + 1
BACK_SECONDS = 10
CLOSED_SECONDS = 3
# What was last heard before a silence may be a heartbeat old.
HEARTBEAT_SECONDS = 2
UP, DOWN = "from the peer to the broker", "from the broker to the peer"
COUNTER = "import time\nfor number in range(1, {}):\n    print(number, flush=True); time.sleep(0.02)"


class HalfOpen:
    """Stands before a broker's five ports at an address of its own. Connections that are `broken` stay open, and what is
    sent in one of the directions, its end too, arrives nowhere; those made later work, once `closed` is over."""

    def __init__(self, address, first):
        self.address, self.first = address, first
        self.lock = threading.Lock()
        self.live = []
        self.open = threading.Event()
        self.open.set()
        self.listeners = [socket.create_server((address, first + port), backlog=256) for port in range(5)]
        for port, listener in enumerate(self.listeners):
            threading.Thread(target=self.accept, args=(listener, first + port), daemon=True).start()

    def accept(self, listener, port):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(peer, port), daemon=True).start()

    def connect(self, peer, port):
        self.open.wait()
        try:
            broker = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return peer.close()
        pair = {"ends": (peer, broker), "broken": set()}
        with self.lock:
            self.live.append(pair)
        threading.Thread(target=self.forward, args=(pair, peer, broker, UP), daemon=True).start()
        threading.Thread(target=self.forward, args=(pair, broker, peer, DOWN), daemon=True).start()

    def forward(self, pair, source, sink, direction):
        try:
            while data := source.recv(65536):
                if direction not in pair["broken"]:
                    sink.sendall(data)
        except OSError:
            pass
        if direction not in pair["broken"]:
            for end in pair["ends"]:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def break_all(self, *directions):
        with self.lock:
            for pair in self.live:
                pair["broken"] |= set(directions)
            self.live = []

    def end(self):
        self.open.set()
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class Sightings:
    """What `GET nodes` says of a node, all the while, with the time of each change."""

    def __init__(self, up, node):
        self.up, self.node = up, node
        self.changes = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(0.05):
            try:
                nodes = self.up.http("GET", "nodes").json()["nodes"]
            except OSError:
                continue
            seen = next((node["present"], node["since"]) for node in nodes if node["name"] == self.node)
            if not self.changes or self.changes[-1][1:] != seen:
                self.changes.append((time.monotonic(), *seen))

    def since(self, moment):
        """Seconds from this moment to each change, whether it was present then, and since when that is so."""
        return [(at - moment, present, since) for at, present, since in self.changes if at > moment]

    def away(self, moment):
        return next((change for change in self.since(moment) if not change[1]), None)

    def back(self, moment):
        """When it had come back, if it is there now."""
        changes = self.since(moment)
        return changes[-1][0] if changes and changes[-1][1] else None

    def __enter__(self):
        self.thread.start()
        estiba.wait_for(lambda: self.changes and self.changes[-1][1], 30, f"{self.node} present")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Presence(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.up = estiba.Up(nodes=2)
        cls.addClassCleanup(cls.up.stop)
        first = int(re.search(r'^port: "(\d+)"', (cls.up.folder / "broker.yaml").read_text(), re.M).group(1))
        cls.relays = {}
        for part, address in (("node1", "127.0.0.3"), ("gateway", "127.0.0.4")):
            cls.relays[part] = relay = HalfOpen(address, first)
            cls.addClassCleanup(relay.end)
            path = cls.up.folder / f"{part}.yaml"
            path.write_text(path.read_text().replace(f"127.0.0.1:{first} ", f"{address}:{first} "))
            before = cls.up.kill(part)
            estiba.wait_for(lambda: cls.up.pids().get(part, before) != before, what=f"{part} behind its relay")
            estiba.wait_for(lambda: cls.is_there("node1"), 30, "node1")

    @classmethod
    def is_there(cls, name):
        try:
            nodes = cls.up.http("GET", "nodes").json()["nodes"]
        except OSError:
            return False
        return next(node for node in nodes if node["name"] == name)["present"]

    def breaking(self, part, directions, closed_for=0, is_noticed=True):
        """Breaks all connections of a part while a run counts on node1; nothing of it is lost, whatever is broken."""
        relay = self.relays[part]
        count = 500 + int(closed_for * 50)
        running = self.up.start("run", "-n", "node1", "--raw", "--", "python3", "-c", COUNTER.format(count))
        try:
            with Sightings(self.up, "node1") as sightings:
                first = os.read(running.stdout.fileno(), 65536)
                wall, begun = time.time() * 1000, time.monotonic()
                if closed_for:
                    relay.open.clear()
                    threading.Timer(closed_for, relay.open.set).start()
                relay.break_all(*directions)
                if is_noticed:
                    estiba.wait_for(lambda: sightings.back(begun), closed_for + 30, "node1 back")
                # Orders go there, however soon after.
                self.assertEqual(self.up.estiba("run", "-n", "node1", "--", "true").returncode, 0)
                reached = time.monotonic() - begun
                listed = self.up.estiba("nodes", "--json").stdout.splitlines()
                self.assertTrue(next(node for node in map(json.loads, listed) if node["name"] == "node1")["present"])
                changes = sightings.since(begun)
            print(f"{part}, {' and '.join(directions)}, closed {closed_for} s: {changes}, an order after {reached:.1f} s")
            if is_noticed:
                noticed, _, since = changes[0]
                self.assertLess(noticed, AWAY_SECONDS)
                # Since when it is so is no guess: it is the moment in which the silence was noticed.
                self.assertLess(abs(since - (wall + noticed * 1000)), 1500)
                self.assertLess(changes[-1][0] - closed_for, BACK_SECONDS)
            self.assertLess(reached - closed_for, BACK_SECONDS + 5)
            rest, errors = running.communicate(timeout=120)
            self.assertEqual(running.returncode, 0, errors)
            self.assertEqual(first + rest, "".join(f"{number}\n" for number in range(1, count)).encode())
        finally:
            running.kill()
            running.wait()

    def test_a_worker_whose_connection_is_dead_in_both_directions(self):
        self.breaking("node1", [UP, DOWN])

    def test_a_worker_that_is_not_heard(self):
        self.breaking("node1", [UP])

    def test_a_worker_that_hears_nothing(self):
        self.breaking("node1", [DOWN])

    def test_a_worker_that_cannot_connect_for_a_while(self):
        self.breaking("node1", [UP, DOWN], closed_for=14)

    def test_a_gateway_whose_connection_is_dead_in_both_directions(self):
        self.breaking("gateway", [UP, DOWN])

    def test_a_gateway_that_is_not_heard(self):
        # It hears what the broker says of the nodes, so what it shows of them stays true.
        self.breaking("gateway", [UP], is_noticed=False)

    def test_a_gateway_that_hears_nothing(self):
        self.breaking("gateway", [DOWN])

    def test_a_worker_that_is_stopped_is_away_after_5_s_and_back_when_it_goes_on(self):
        pid = self.up.pids()["node2"]
        with Sightings(self.up, "node2") as sightings:
            begun = time.monotonic()
            os.kill(pid, signal.SIGSTOP)
            try:
                estiba.wait_for(lambda: sightings.away(begun), 20, "node2 away")
            finally:
                os.kill(pid, signal.SIGCONT)
            continued = time.monotonic()
            estiba.wait_for(lambda: sightings.back(begun), 30, "node2 back")
            away = sightings.away(begun)[0]
            self.assertTrue(5 - HEARTBEAT_SECONDS - 0.2 < away < AWAY_SECONDS, sightings.changes)
            self.assertLess(sightings.back(begun) - (continued - begun), BACK_SECONDS)

    def test_a_worker_that_was_killed_is_away_within_3_s(self):
        # `up` cannot start it again before it goes on itself.
        os.kill(self.up.process.pid, signal.SIGSTOP)
        try:
            with Sightings(self.up, "node2") as sightings:
                begun = time.monotonic()
                self.up.kill("node2")
                estiba.wait_for(lambda: sightings.away(begun), 20, "node2 away")
                self.assertLess(sightings.away(begun)[0], CLOSED_SECONDS)
        finally:
            os.kill(self.up.process.pid, signal.SIGCONT)
        estiba.wait_for(lambda: self.is_there("node2"), 30, "node2 back")


if __name__ == "__main__":
    unittest.main()
