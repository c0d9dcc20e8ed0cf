"""What a hostile neighbour on the machine tries. Each of these once worked, or must never."""

import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import estiba
import shared
from test_subscribers import HAS_ZMQ, PYTHON


class Strangers(unittest.TestCase):
    """Who has no login."""

    def test_more_connections_than_descriptors_do_not_end_the_gateway(self):
        with estiba.Up(nodes=1, open_files=256) as up:
            place = urllib.parse.urlsplit(up.url)
            gateway = up.pids()["gateway"]
            held = []
            for _ in range(300):
                connection = socket.socket()
                connection.setblocking(False)
                connection.connect_ex((place.hostname, place.port))
                held.append(connection)
            descriptors = pathlib.Path(f"/proc/{gateway}/fd")
            estiba.wait_for(lambda: len(list(descriptors.iterdir())) > 128, what="the flood")
            self.assertLess(len(list(descriptors.iterdir())), 250)
            for connection in held:
                connection.close()
            self.assertEqual(up.http("GET", "whoami").status, 200)
            self.assertEqual(up.pids()["gateway"], gateway)

    @unittest.skipUnless(estiba.IS_ROOT, "only root can give a folder away")
    def test_up_takes_no_folder_that_others_can_change(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="estiba-foreign-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for owner, mode in [(65534, 0o755), (0, 0o777)]:
            os.chown(folder, owner, -1)
            folder.chmod(mode)
            done = subprocess.run(
                [estiba.build_folder() / "estiba", "up", "--data", folder, "--address", "127.0.0.1:0", "--json"],
                capture_output=True, timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(str(folder).encode(), done.stderr)
            self.assertEqual(list(folder.iterdir()), [])
            self.assertEqual(folder.stat().st_mode & 0o777, mode)


# Says hello for nodes, some of them at more length than is taken; stays until its stdin ends.
BOASTERS = """
import struct, sys, zmq
from zmq.utils import z85
endpoint, server, registry, count, size = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
pairs = [[z85.decode(half) for half in zmq.curve_keypair()] for _ in range(count + 1)]
with open(registry, "a") as file:
    for number, (public, _) in enumerate(pairs):
        file.write(f"node:boaster{number} {public.hex()}\\n")
print("registered", flush=True)
sys.stdin.readline()
def varint(number):
    return (bytes([number & 127 | 128]) + varint(number >> 7)) if number > 127 else bytes([number])
sockets = []
for number, (public, secret) in enumerate(pairs):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.CURVE_SERVERKEY, bytes.fromhex(server))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    socket.connect(endpoint)
    words = b"x" * (size if number < count else 15 << 20)
    hello = bytes([8, 1, 16, 1, 26]) + varint(len(words)) + words
    socket.send_multipart([b"", struct.pack("<BBHIQ16x", 1, 1, 0, 0, 1), hello])
    sockets.append(socket)
answers = [socket.recv_multipart()[1][1] for socket in sockets]
print("welcome", answers.count(2), "failure", answers.count(8), flush=True)
sys.stdin.readline()
"""


@unittest.skipUnless(HAS_ZMQ, "python3-zmq and python3-protobuf are missing")
class Nodes(unittest.TestCase):
    """Who has the keys of nodes."""

    def test_what_nodes_say_of_themselves_keeps_no_gateway_out(self):
        with estiba.Up(nodes=1) as up:
            broker = up.http("GET", "subscribe-keys").json()["brokers"][0]
            host, port = broker["endpoint"].removeprefix("tcp://").rsplit(":", 1)
            boasters = subprocess.Popen(
                [PYTHON, "-c", BOASTERS, f"tcp://{host}:{int(port) - 2}", broker["publicKey"], up.folder / "registry",
                 "70", str(255 << 10)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.addCleanup(boasters.stdout.close)
            self.addCleanup(boasters.wait)
            self.addCleanup(boasters.kill)
            self.assertEqual(boasters.stdout.readline(), b"registered\n")

            def nodes():
                try:
                    return {node["name"]: node["present"] for node in up.http("GET", "nodes").json()["nodes"]}
                except OSError:
                    return {}
            estiba.wait_for(lambda: len(nodes()) == 72, what="the registry to be read")
            boasters.stdin.write(b"\n")
            boasters.stdin.flush()
            # A debug build takes 10 s to read so many words; this machine may be slow.
            ready, _, _ = select.select([boasters.stdout], [], [], 120)
            self.assertTrue(ready, "no answer to a hello")
            self.assertEqual(boasters.stdout.readline(), b"welcome 70 failure 1\n")
            up.kill("gateway")
            estiba.wait_for(lambda: nodes().get("node1"), 120, "the roster")
            boasters.stdin.close()


class Sessions(unittest.TestCase):
    def test_a_logout_outlives_the_gateway(self):
        with estiba.Up(nodes=1) as up:
            code = urllib.parse.urlsplit(up.facts["loginURL"]).fragment.removeprefix("code=")
            token = up.http("POST", "login/code", {"code": code}, token=None).json()["token"]
            self.assertEqual(up.http("POST", "logout", token=token).status, 204)
            up.kill("gateway")

            def answer():
                try:
                    return up.http("GET", "whoami", token=token)
                except OSError:
                    return None

            self.assertEqual(estiba.wait_for(answer, what="its answer").status, 401)
            self.assertEqual(up.http("GET", "whoami").status, 200)


@unittest.skipUnless(estiba.IS_ROOT, "only root can make accounts")
class Neighbours(shared.Case):
    """Who has a login of their own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.victim, cls.hostile = estiba.Account(), estiba.Account()
        cls.addClassCleanup(cls.hostile.remove)
        cls.addClassCleanup(cls.victim.remove)

    def test_a_run_of_another_cannot_be_seen_or_touched(self):
        token = self.victim.token(self.up)
        request = {"nodes": ["node1"], "command": {"shell": "sleep 30"}}
        execution = self.up.submit(request, token=token).json()["execution"]
        def pid():
            return self.up.http("GET", f"executions/{execution}", token=token).json()["runs"][0].get("pid")
        victim = estiba.wait_for(pid, what="the start")
        supervisor = pathlib.Path(f"/proc/{victim}/stat").read_text().rsplit(")", 1)[1].split()[1]
        folder = self.up.folder
        tries = [
            f"kill {victim}", f"kill {supervisor}", f"cat /proc/{victim}/environ", f"ls /proc/{supervisor}/fd",
            f"ls {folder}/nodes/node1/runs/{execution}", f"ls {folder}/nodes/node1/home/{self.victim.name}",
            f"ls {folder}/gateway", f"ls {folder}/codes", *(f"cat {key}" for key in (folder / "keys").iterdir()),
            *(f"cat {log}" for log in (folder / "log").iterdir()),
        ]
        script = "; ".join(f"{{ {one}; }} >/dev/null 2>&1 && echo {one!r}" for one in tries) + "; echo done"
        own = self.hostile.token(self.up)
        done = self.up.submit({"nodes": ["node1"], "command": {"shell": script}}, token=own).json()["execution"]
        self.up.ended(done, token=own)
        self.assertEqual(self.up.raw(done, token=own), b"done\n")
        self.assertIsNotNone(pid())
        self.up.http("POST", f"executions/{execution}/stop", {"graceMilliseconds": 0}, token=token)
        self.up.ended(execution, token=token)

    def test_bodies_without_an_end_take_bounded_memory(self):
        place = urllib.parse.urlsplit(self.up.url)
        token = self.hostile.token(self.up)
        size = (8 << 20) - 1
        held = []
        for _ in range(16):
            connection = socket.create_connection((place.hostname, place.port), timeout=30)
            self.addCleanup(connection.close)
            connection.sendall(
                f"POST /api/v1/submissions HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: {size}\r\n\r\n".encode())
            try:
                connection.sendall(b" " * (size - 1))
            except OSError:
                pass  # Refused already.
            held.append(connection)

        def refused():
            return len(select.select(held, [], [], 0)[0]) == 12
        estiba.wait_for(refused, 20, "the refusal of all but 32 MiB")
        other = self.victim.token(self.up)
        self.assertIn(self.up.http("POST", "uploads", {"size": 0}, token=other).status, (200, 201))
        for connection in held:
            connection.close()
        estiba.wait_for(
            lambda: self.up.http("POST", "uploads", {"size": 0}, token=token).status in (200, 201), 20,
            "room for the next request")

    def test_a_submission_of_many_files_holds_up_nobody(self):
        own, other = self.hostile.token(self.up), self.victim.token(self.up)
        blob = self.up.http("POST", "blobs", b"x", token=own).json()["blob"]
        files = [{"blob": blob, "name": str(number)} for number in range(900)]
        wishes = [{"nodes": ["node1"], "files": files}] * 29 + [{"nodes": ["nowhere"], "command": {"shell": "true"}}]
        slowest, over = [], threading.Event()

        def look():
            while not over.is_set():
                began = time.monotonic()
                self.up.http("GET", "executions?limit=1", token=other)
                slowest.append(time.monotonic() - began)
        looking = threading.Thread(target=look)
        looking.start()
        try:
            body = json.dumps({"executions": wishes}, separators=(",", ":"))
            began = time.monotonic()
            answer = self.up.http("POST", "submissions", body, token=own)
            took = time.monotonic() - began
        finally:
            over.set()
            looking.join()
        self.assertEqual(answer.code, "unknown_node")
        self.assertLess(max(slowest), took / 2)
