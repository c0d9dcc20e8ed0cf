"""SIGTERM to any part: it exits with 0 within 10 s, with messages unsent and peers that do not answer or are gone."""

import base64
import contextlib
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import time
import unittest
import urllib.parse

import estiba

LIMIT_SECONDS = 10
CHATTER = "import sys\nwhile True: sys.stdout.write('x' * 4000 + '\\n')"


class Parts:
    """The parts of an installation, each a child of the test, so that its exit code can be read."""

    def __init__(self, nodes=2):
        with contextlib.ExitStack() as undo:
            made = estiba.Up(nodes=nodes, data=estiba.tempfile.mkdtemp(prefix="estiba-system-"))
            self.folder = made.folder
            undo.callback(estiba.shutil.rmtree, self.folder, ignore_errors=True)
            self.up = made
            owner = (self.folder / "keys/broker.key").stat()
            made.stop()
            self.users = {"broker": (owner.st_uid, owner.st_gid), "gateway": (owner.st_uid, owner.st_gid)}
            self.processes = {}
            undo.callback(self.end)
            for part in ("authenticator", "broker", "gateway", *[f"node{number + 1}" for number in range(nodes)]):
                self.start(part)
            estiba.wait_for(self.is_whole, 30, "all nodes")
            self.undo = undo.pop_all()

    def start(self, part):
        program = "estiba-worker" if part.startswith("node") else f"estiba-{part}"
        more = {}
        if estiba.IS_ROOT and part in self.users:
            uid, gid = self.users[part]
            more = {"user": uid, "group": gid, "extra_groups": []}
        read, write = os.pipe()
        with open(self.folder / "log" / f"{part}.log", "ab") as log:
            self.processes[part] = subprocess.Popen(
                [estiba.build_folder() / program, "--config", self.folder / f"{part}.yaml"], stdout=log, stderr=log,
                pass_fds=[write], env=dict(os.environ, ESTIBA_READY_FD=str(write)), cwd="/", **more)
        os.close(write)
        with os.fdopen(read, "rb") as ready:
            if ready.read() != b"ready":
                raise AssertionError(f"{part} did not become ready: " + (self.folder / "log" / f"{part}.log").read_text()[-2000:])

    def is_whole(self):
        return all(node["present"] for node in self.up.http("GET", "nodes").json()["nodes"])

    def signal(self, number, *parts):
        for part in parts:
            self.processes[part].send_signal(number)

    def exit_of(self, part):
        """Ends a part by SIGTERM: its exit code, and how long it took."""
        begun = time.monotonic()
        self.signal(signal.SIGTERM, part)
        try:
            code = self.processes[part].wait(30)
        except subprocess.TimeoutExpired:
            code = "none"
        return code, time.monotonic() - begun

    def end(self):
        """Ends what is left: the runs first, then the parts."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ProcessLookupError):
                if str(self.folder).encode() in (folder / "cmdline").read_bytes():
                    for child in (folder / f"task/{folder.name}/children").read_text().split():
                        os.kill(int(child), signal.SIGKILL)
                    os.kill(int(folder.name), signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.undo.close()


class Shutdown(unittest.TestCase):
    def setUp(self):
        self.parts = Parts()
        self.addCleanup(self.parts.undo.close)
        self.up = self.parts.up

    def chatter(self, node="node1"):
        """A run that writes as fast as it can; its output is on its way."""
        execution = self.up.detached("run", "-n", node, "--", "python3", "-c", CHATTER)
        estiba.wait_for(lambda: self.run_of(execution)["copied"] > 1 << 20, 20, "output")
        return execution

    def run_of(self, execution):
        return self.up.http("GET", f"executions/{execution}").json()["runs"][0]

    def check(self, part):
        code, took = self.parts.exit_of(part)
        log = (self.parts.folder / "log" / f"{part}.log").read_text(errors="replace")[-2000:]
        self.assertEqual(code, 0, log)
        self.assertLess(took, LIMIT_SECONDS)
        print(f"{self.id().split('.')[-1]}: {part} ended after {took:.1f} s")

    def open(self, text):
        """A connection to the gateway on which this has been sent."""
        place = urllib.parse.urlsplit(self.up.url)
        connection = socket.create_connection((place.hostname, place.port))
        self.addCleanup(connection.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = text.replace("HOST", f"Host: {place.netloc}\r\nAuthorization: Bearer {self.up.token}\r\nOrigin: {self.up.url}")
        connection.sendall(head.replace("\n", "\r\n").replace("\r\r", "\r").encode())
        return connection

    # MARK: The gateway

    def test_a_gateway_ends_with_readers_that_never_read_an_upload_and_a_transfer_under_way(self):
        execution = self.chatter()
        follower = self.up.start("logs", "-f", execution, "--raw")
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        # A page that follows the output and never reads it.
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        live = self.open(
            f"GET /api/v1/live HTTP/1.1\nHOST\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
            f"Sec-WebSocket-Key: {key}\n\n")
        self.assertIn(b"101", live.recv(12))
        live.sendall(masked(json.dumps({"type": "follow", "id": 1, "execution": execution})))
        # A stream that nobody reads, an upload that has stopped half-way.
        self.open(f"GET /api/v1/executions/{execution}/output?follow=true HTTP/1.1\nHOST\n\n")
        upload = self.open("POST /api/v1/blobs HTTP/1.1\nHOST\nContent-Length: 100000000\n\n")
        upload.sendall(os.urandom(3 << 20))
        # A file on its way to a node that does not answer.
        blob = self.up.blob(os.urandom(64 << 20))
        self.parts.signal(signal.SIGSTOP, "node2")
        self.up.submit({"nodes": ["node2"], "files": [{"blob": blob, "name": "load"}]})
        copied = self.run_of(execution)["copied"]
        estiba.wait_for(lambda: self.run_of(execution)["copied"] > copied + (8 << 20), 20, "output that nobody reads")
        self.check("gateway")

    def test_a_gateway_ends_while_broker_and_authenticator_do_not_answer(self):
        self.chatter()
        self.parts.signal(signal.SIGSTOP, "broker", "authenticator")
        body = json.dumps({"user": "nobody-here", "password": "x"})
        self.open(f"POST /api/v1/login HTTP/1.1\nHOST\nContent-Type: application/json\nContent-Length: {len(body)}\n\n{body}")
        # Orders that cannot be sent.
        for _ in range(20):
            self.assertEqual(self.up.submit({"nodes": ["node1", "node2"], "command": {"line": "true"}}).status, 202)
        self.check("gateway")

    # MARK: The broker

    def test_a_broker_ends_with_peers_that_do_not_read(self):
        self.chatter()
        self.chatter("node2")
        self.parts.signal(signal.SIGSTOP, "gateway", "node2")
        estiba.wait_for(self.is_unread, 20, "messages that nobody reads")
        self.check("broker")

    def is_unread(self):
        """Whether the kernel holds what the broker has sent and a stopped peer has not read."""
        first = int(re.search(r'^port: "(\d+)"', (self.parts.folder / "broker.yaml").read_text(), re.M).group(1))
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[2].split(":")[1], 16) in range(first, first + 5) and int(fields[4].split(":")[1], 16) > 0:
                return True
        return False

    def test_a_broker_ends_when_all_its_peers_were_killed(self):
        self.chatter()
        self.parts.signal(signal.SIGKILL, "gateway", "node1", "node2")
        self.check("broker")

    # MARK: The worker

    def test_a_worker_ends_while_its_broker_does_not_answer_and_leaves_its_runs_alone(self):
        self.chatter()
        blob = self.up.blob(os.urandom(64 << 20))
        execution = self.up.submit({"nodes": ["node1"], "files": [{"blob": blob, "name": "load"}]}).json()["execution"]
        estiba.wait_for(lambda: self.run_of(execution)["state"] != "waiting", what="the file's way")
        self.parts.signal(signal.SIGSTOP, "broker")
        self.check("node1")
        self.assertTrue(self.chatters())

    def test_a_worker_ends_when_broker_and_gateway_were_killed(self):
        self.chatter()
        self.parts.signal(signal.SIGKILL, "broker", "gateway")
        self.check("node1")
        self.assertTrue(self.chatters())

    def test_a_worker_ends_while_a_placer_hangs(self):
        fifo = self.parts.folder / "nodes/node1/home" / estiba.pwd.getpwuid(os.getuid()).pw_name / "hang"
        self.assertEqual(self.up.estiba("run", "-n", "node1", "--", "true").returncode, 0)
        profiles = self.parts.folder / "profiles"
        profiles.mkdir(mode=0o755)
        (profiles / "slow.yaml").write_text(f"says: waits\nfolder: slow\nbefore: touch {fifo}; exec sleep 20\nwithin: 60s\n")
        text = (self.parts.folder / "node1.yaml").read_text()
        text = re.sub(r"(?m)^profiles:.*\n", "", text) + f'profiles: ["{profiles}"]\n'
        (self.parts.folder / "node1.yaml").write_text(text)
        self.parts.exit_of("node1")
        self.parts.start("node1")
        estiba.wait_for(self.parts.is_whole, 30, "all nodes")
        blob = self.up.blob(b"x")
        self.up.submit({"nodes": ["node1"], "files": [{"blob": blob, "name": "f", "profile": "slow"}]})
        estiba.wait_for(fifo.exists, 20, "the placer at work")
        self.check("node1")

    def chatters(self):
        """The commands of this installation's runs that live."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if CHATTER.encode() in (folder / "cmdline").read_bytes() and str(self.parts.folder).encode() in (
                        folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    # MARK: The authenticator

    def test_an_authenticator_ends_with_questions_open(self):
        place = re.search(r'^socket: "(.*)"', (self.parts.folder / "authenticator.yaml").read_text(), re.M).group(1)
        self.parts.signal(signal.SIGSTOP, "gateway")
        for line in (b"", b'{"user":"root","passw', b'{"user":"nobody-here","password":"x","address":"127.0.0.1"}\n'):
            for _ in range(10):
                asker = socket.socket(socket.AF_UNIX)
                asker.connect(place)
                asker.sendall(line)
                self.addCleanup(asker.close)
        self.check("authenticator")


class UpShutdown(unittest.TestCase):
    def test_up_ends_with_runs_that_do_not_want_to_and_parts_that_do_not_answer(self):
        for hung in (["broker"], ["gateway"], ["node1"], ["broker", "gateway", "node1", "node2", "authenticator"]):
            with self.subTest(hung=hung):
                up = estiba.Up(nodes=2)
                try:
                    execution = up.detached(
                        "run", "-n", "node[1-2]", "--shell", "--", "trap '' TERM; (setsid sleep 600 &); echo up; while :; do sleep 1; done")
                    path = f"executions/{execution}/raw?node=node2&stream=stdout"
                    estiba.wait_for(lambda: up.http("GET", path).body == b"up\n", 20, "the runs")
                    pids = up.pids()
                    for part in hung:
                        os.kill(pids[part], signal.SIGSTOP)
                    begun = time.monotonic()
                    up.process.send_signal(signal.SIGTERM)
                    self.assertEqual(up.process.wait(30), 0, up.said())
                    took = time.monotonic() - begun
                    self.assertLess(took, LIMIT_SECONDS)
                    print(f"up with {hung}: ended after {took:.1f} s")
                    self.assertEqual(left_over(up.folder), [])
                finally:
                    up.stop()


def left_over(folder):
    """Processes that name the folder in their command line or environment."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and str(folder).encode() in (
                    process / "cmdline").read_bytes() + (process / "environ").read_bytes():
                found.append((process.name, (process / "cmdline").read_bytes()))
    return found


def masked(text):
    """A WebSocket frame as a client sends it (RFC 6455 §5.3), up to 64 KiB."""
    data = text.encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + data


if __name__ == "__main__":
    unittest.main()
