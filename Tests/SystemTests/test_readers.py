"""Output when nobody takes it: a spool that is full, readers that are frozen. Nothing is lost without a word, nobody else is
held up, and nothing grows."""

import base64
import json
import os
import pathlib
import socket
import subprocess
import unittest

import estiba
from chaos import case

LINES = 81920
# A line of 1 KiB each: 80 MiB, more than the 64 MiB that a spool holds.
FLOOD = """
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
for number in range(%d):
    sys.stdout.write(f"{number:07d} " + "x" * 1015 + chr(10))
sys.stdout.flush()
open(sys.argv[1] + ".done", "w")
""" % LINES

STEADY = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
number = 0
while time.monotonic() < end:
    number += 1
    print("steady", number, flush=True)
    time.sleep(0.01)
"""


def flood():
    return b"".join(f"{number:07d} ".encode() + b"x" * 1015 + b"\n" for number in range(LINES))


def resident(pid):
    """Bytes of memory of a process."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Full(case.Case):
    nodes = 1

    def begin(self, **more):
        """A command that floods as soon as the gateway is away; its execution and the file that says it is done."""
        go = self.there.folder / os.urandom(6).hex()
        execution = self.submit(["node1"], "python3", "-c", FLOOD, str(go), **more)
        estiba.wait_for(lambda: self.runs(execution)["node1"]["state"] == "running", 20, "the start")
        self.there.hold("gateway1")
        go.touch()
        return execution, pathlib.Path(f"{go}.done")

    def spooled(self, execution):
        folder = self.there.folder / "data" / "node1" / "runs" / execution / "spool"
        return sum(file.stat().st_size for file in folder.iterdir())

    def output(self, execution):
        run = self.ended(execution, 120)["node1"]
        self.assertEqual((run["state"], run.get("code")), ("exited", 0), run)
        estiba.wait_for(lambda: self.ask("GET", f"executions/{execution}").json()["complete"], 60, "all output")
        gaps = [json.loads(line)["gap"] for line in self.ask("GET", f"executions/{execution}/output?node=node1").body.splitlines()
                if b'"gap"' in line]
        return self.ask("GET", f"executions/{execution}/raw?node=node1&stream=stdout").body, gaps

    def test_with_lossless_the_command_waits_and_not_a_byte_is_missing(self):
        execution, done = self.begin(lossless=True)
        estiba.wait_for(lambda: self.spooled(execution) > 60 << 20, 60, "a full spool")
        sizes = []

        def stands():
            sizes.append(self.spooled(execution))
            return len(sizes) > 50 and sizes[-50] == sizes[-1]

        estiba.wait_for(stands, 60, "the command to wait")
        self.assertLess(sizes[-1], 65 << 20)
        self.assertFalse(done.exists())
        self.there.release("gateway1")
        found, gaps = self.output(execution)
        self.assertEqual(gaps, [])
        self.assertEqual(len(found), LINES * 1024)
        self.assertTrue(found == flood())

    def test_without_it_the_oldest_is_let_go_and_one_gap_says_so(self):
        execution, done = self.begin()
        estiba.wait_for(done.exists, 60, "the end of the command")
        self.there.release("gateway1")
        found, gaps = self.output(execution)
        self.assertEqual(len(gaps), 1)
        self.assertGreater(len(found), 50 << 20)
        # What was under way when the gateway stood still may have come, but no more than the credit.
        before = len(os.path.commonprefix([found, flood()]))
        self.assertLessEqual(before, 5 << 20)
        self.assertTrue(flood().endswith(found[before:]))

    def test_the_command_line_asks_for_it(self):
        host, port, token = self.gateway
        done = subprocess.run(
            [estiba.build_folder() / "estiba", "run", "--lossless", "--json", "-n", "node1", "--", "echo", "well"],
            env=dict(os.environ, ESTIBA_GATEWAY=f"http://{host}:{port}", ESTIBA_TOKEN=token), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        execution = json.loads(done.stdout.splitlines()[0])["execution"]
        self.assertIs(self.ask("GET", f"executions/{execution}").json()["request"]["lossless"], True)


class Frozen(case.Case):
    nodes = 20
    each = 8

    def never_reading(self, execution):
        """A WebSocket that follows the execution and reads nothing."""
        host, port, token = self.gateway
        connection = socket.create_connection((host, port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall((
            f"GET /api/v1/live HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"
            "\r\n\r\n").encode())
        self.assertIn(b"101", connection.recv(64))
        body = json.dumps({"type": "follow", "id": 1, "execution": execution}).encode()
        connection.sendall(bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
        self.addCleanup(connection.close)

    def stuck(self, execution, what):
        """A stream over HTTP of which nothing but its beginning is read, as by a command line that is stopped in its tracks."""
        host, port, token = self.gateway
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, port))
        self.addCleanup(connection.close)
        connection.sendall((
            f"GET /api/v1/executions/{execution}/{what}follow=true HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n").encode())
        self.assertIn(b" 200 ", connection.recv(64))

    def test_readers_that_take_nothing_cost_no_memory_and_no_line_of_others(self):
        parts, nodes = ["broker1", "gateway1"], [f"node{number}" for number in range(1, self.nodes + 1)]
        # What a process takes once for its first output is not what readers cost.
        first = self.submit(nodes, "yes", timeoutMilliseconds=2000)
        self.ended(first, 120)
        first = self.submit(["node1"], "seq", "1", "100000")
        self.ended(first, 60)
        self.ask("GET", f"executions/{first}/raw?node=node1&stream=stdout")
        before = {part: resident(self.there.pid(part)) for part in parts}
        flooding = self.submit(nodes, "yes", "a line that comes as fast as it can", timeoutMilliseconds=12_000, graceMilliseconds=1000)
        for number in range(self.each):
            self.never_reading(flooding)
            self.stuck(flooding, ["frames?", "output?", "raw?node=node1&"][number % 3])
        steady = self.submit(nodes, "python3", "-c", STEADY, "10")
        most = dict(before)

        def over():
            for part in parts:
                most[part] = max(most[part], resident(self.there.pid(part)))
            return all(run["terminal"] for run in self.runs(steady).values())

        estiba.wait_for(over, 120, "the end of the steady command")
        for node in nodes:
            estiba.wait_for(lambda: self.runs(steady)[node]["copied"] == self.runs(steady)[node]["finalLength"], 120, "all output")
            lines = self.ask("GET", f"executions/{steady}/raw?node={node}&stream=stdout").body.decode().splitlines()
            self.assertGreater(len(lines), 10)
            self.assertEqual(lines, [f"steady {number}" for number in range(1, len(lines) + 1)])
        grown = {part: (most[part] - before[part]) >> 20 for part in parts}
        copied = sum(run["copied"] for run in self.runs(flooding).values()) >> 20
        print(f"({copied} MiB copied; grown by {grown} MiB from { {part: before[part] >> 20 for part in parts} }) ", end="")
        for part in parts:
            self.assertLess(grown[part], 64, part)
        self.assertEqual({run["state"] for run in self.ended(flooding, 120).values()}, {"timed-out"})


if __name__ == "__main__":
    unittest.main()
